// What frames the lines of the log: titles of groups, properties of annotations and the verdict, with names by strangers in
// them. The runner finds the commands that are meant, and no line more than there are.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ActionLog } from '../../src/report/action-log';
import { annotationPlace } from '../../src/report/annotation-place';
import { closingLines } from '../../src/report/closing-lines';
import { Progress, type Result } from '../../src/report/result';
import { SecretRegistry } from '../../src/secrets';
import { planFor } from '../support/planned';
import { fleetOf, host } from './fleet-reports';
import { hostile } from './hostile-text';
import { commandsIn } from './runner-commands';
import { FakeClock } from './support';

const workspace = mkdtempSync(join(tmpdir(), 'frames-'));
const before = process.env.GITHUB_WORKSPACE;
const write = process.stdout.write.bind(process.stdout);
let printed = '';
beforeEach(() => {
  printed = '';
  process.env.GITHUB_WORKSPACE = workspace;
  process.stdout.write = (text: string | Uint8Array) => {
    printed += text.toString();
    return true;
  };
});
afterEach(() => {
  process.stdout.write = write;
  if (before === undefined) delete process.env.GITHUB_WORKSPACE;
  else process.env.GITHUB_WORKSPACE = before;
});
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

const secret = 'hunter2-hunter2';
const secrets = new SecretRegistry(() => undefined);
secrets.register(secret);
const make = () => new ActionLog(secrets, new FakeClock());
const printedLines = () => printed.split('\n').length - 1;

/** `name=value` of a command, as the runner splits them: ActionCommand.TryParseV2, and its unescaping. */
function propertiesOf(line: string): Record<string, string> {
  const [, all = ''] = /^::\S+ (.*?)::/.exec(line) ?? [];
  const unescaped = { '%0D': '\r', '%0A': '\n', '%3A': ':', '%2C': ',', '%25': '%' };
  const pairs = all.split(',').map((pair): [string, string] => {
    const [name = '', ...value] = pair.split('=');
    const text = Object.entries(unescaped).reduce(
      (so, [from, to]) => so.replaceAll(from, to),
      value.join('='),
    );
    return [name.trim(), text];
  });
  return Object.fromEntries(pairs);
}

describe('the title of a group', () => {
  test('is one line, and neither it nor the line at the end is another command', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        for (const title of [text, `fetching store-paths from ${text}`]) {
          for (const work of [() => Promise.resolve(), () => Promise.reject(new Error('no'))]) {
            printed = '';
            await make()
              .group(title, work)
              .catch(() => undefined);
            expect(commandsIn(printed)).toEqual(['group', 'endgroup']);
            expect(printedLines()).toBe(3);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('has no secret in it', async () => {
    await make().group(`from https://me:${secret}@cache.example`, () => Promise.resolve());
    expect(printed.match(/from https:\/\/me:\*\*\*@cache\.example/g)).toHaveLength(2);
    expect(printed).not.toContain(secret);
  });
});

describe('the properties of an annotation', () => {
  /** Makes a file of this name, where a file system takes it. */
  function fileNamed(name: string): string | undefined {
    const path = join(workspace, name);
    if (!path.startsWith(`${workspace}/`)) return undefined;
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
      return path;
    } catch {
      return undefined;
    }
  }
  const names = fc.oneof(
    hostile.map((text) => `x${text.slice(0, 60)}.nix`),
    fc.constantFrom('a,title=x.nix', 'a::b.nix', 'a%2Cline=9.nix', 'ü, :%.nix', `${secret}.nix`),
  );

  test('are those that are meant, whatever a file is called', () => {
    let named = 0;
    fc.assert(
      fc.property(names, hostile, (name, text) => {
        const file = fileNamed(name);
        if (file === undefined) return;
        const places = [{ file, line: 3, column: 7 }];
        const said = `${text} ${secret}`;
        for (const [command, tell] of [
          ['warning', () => make().warning(said, places)],
          ['error', () => make().error(said, 'nixos-anywhere failed', places)],
        ] as const) {
          printed = '';
          tell();
          expect(commandsIn(printed)).toEqual([command]);
          expect(printedLines()).toBe(1);
          expect(printed).not.toContain(secret);
          const { title, file: shown, ...others } = propertiesOf(printed);
          expect(title).toBe(command === 'error' ? 'nixos-anywhere failed' : undefined);
          if (shown === undefined) continue;
          named += 1;
          expect(join(workspace, shown)).toBe(file);
          expect(others).toEqual({ line: '3', col: '7' });
        }
      }),
      { numRuns: 1000 },
    );
    // else nothing was looked at
    expect(named).toBeGreaterThan(50);
  });

  test('are none for a name that had to be changed', () => {
    const redact = (text: string) => secrets.redact(text);
    for (const name of ['x##[y].nix', 'x\u202e.nix', `${secret}.nix`]) {
      const file = fileNamed(name);
      expect(file).toBeDefined();
      expect(annotationPlace([{ file: file ?? '', line: 1, column: 1 }], workspace, redact)).toEqual({});
    }
  });
});

describe('the verdict', () => {
  const outcomes = ['planned', 'built', 'prepared', 'installed', 'updated', 'unchanged', 'failed'] as const;

  /** A result in which whatever strangers name has this name. */
  function resultNamed(name: string, outcome: (typeof outcomes)[number], target: string): Result {
    const { online, offline, ...plan } = planFor();
    return {
      ...new Progress().result(outcome),
      target,
      host: name,
      plan: {
        ...plan,
        online: { ...online, target: name },
        offline: { ...offline, hostName: name },
        work: null,
      },
      systemPath: `/nix/store/x-nixos-system-${name}`,
    };
  }

  /** What the log shows at the end. */
  function shown(result: Result, file: string): string {
    printed = '';
    const log = make();
    for (const line of closingLines(result, file)) log.info(line);
    return printed;
  }

  test('has as many lines for any name of a host, a system or a file, and none of them is a command', () => {
    fc.assert(
      fc.property(hostile, fc.constantFrom(...outcomes), fc.boolean(), (name, outcome, contacted) => {
        const of = (text: string) =>
          shown(resultNamed(text, outcome, contacted ? `root@${text}` : ''), `/tmp/${text}.json`);
        const [usual, said] = [of('web-1'), of(name)];
        expect(commandsIn(said)).toEqual([]);
        expect(said.split('\n')).toHaveLength(usual.split('\n').length);
        expect(said.slice(0, 12)).toBe(usual.slice(0, 12));
      }),
      { numRuns: 1000 },
    );
  });

  test('of many hosts too', () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const of = (text: string) => {
          const fleet = fleetOf([{ ...host('web-1', { outcome: 'failed' }), host: text }]);
          return shown({ ...new Progress().result('gathered'), fleet }, `/tmp/${text}.json`);
        };
        expect(commandsIn(of(name))).toEqual([]);
        expect(of(name).split('\n')).toHaveLength(of('web-1').split('\n').length);
      }),
      { numRuns: 300 },
    );
  });

  test('has no secret in it', () => {
    expect(shown(resultNamed(secret, 'installed', `root@${secret}`), `/tmp/${secret}`)).not.toContain(secret);
  });
});
