import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BuildLogs, type NixEvent, parseNixLog } from '../../src/nix/log';
import { Nix } from '../../src/nix/nix';
import { nixString } from '../../src/nix/nix-string';
import { type Call, FakeProcesses, fakeRuntime, nastyText } from './support';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nix-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const signal = new AbortController().signal;

/** A Nix whose program answers as told. */
function nixWith(
  answer: (call: Call) => { code?: number | null; stdout?: string; errorLines?: readonly string[] },
  options: { options?: [string, string][]; printBuildLogs?: boolean } = {},
) {
  const processes = new FakeProcesses(answer);
  const runtime = fakeRuntime({ processes, privateFolder: dir });
  const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 1000, ...options }, runtime);
  return { nix, processes, log: runtime.log };
}
const event = (record: object) => `@nix ${JSON.stringify(record)}`;
const message = (level: number, msg: string) => event({ action: 'msg', level, msg });
const buildStart = (id: number, drv: string) =>
  event({ action: 'start', id, type: 105, fields: [drv, '', 1, 1] });
const buildLine = (id: number, text: string) => event({ action: 'result', id, type: 101, fields: [text] });

describe('parseNixLog', () => {
  test.each<[string, NixEvent]>([
    [message(0, '\u001b[31;1merror:\u001b[0m no'), { kind: 'message', level: 0, text: 'error: no' }],
    [message(1, 'warning: x\ny'), { kind: 'message', level: 1, text: 'warning: x\ny' }],
    [buildStart(7, '/nix/store/x.drv'), { kind: 'building', activity: 7, derivation: '/nix/store/x.drv' }],
    [buildLine(7, '\u001b[1mmake\u001b[0m'), { kind: 'build-log', activity: 7, text: 'make' }],
    [
      event({ action: 'start', id: 1, type: 100, fields: ['/nix/store/x', 'file:///c', 'local'] }),
      { kind: 'copying', activity: 1, path: '/nix/store/x', from: 'file:///c', to: 'local' },
    ],
    [event({ action: 'start', id: 1, type: 0, text: 'x' }), { kind: 'other' }],
    [event({ action: 'result', id: 1, type: 104, fields: [1, 2] }), { kind: 'other' }],
    [event({ action: 'stop', id: 1 }), { kind: 'ended', activity: 1 }],
    ['plain text', { kind: 'message', level: 2, text: 'plain text' }],
    ['', { kind: 'message', level: 2, text: '' }],
    ['@nix no json', { kind: 'message', level: 2, text: '@nix no json' }],
    ['@nix null', { kind: 'message', level: 2, text: '@nix null' }],
    ['@nix 42', { kind: 'message', level: 2, text: '@nix 42' }],
    ['@nix {}', { kind: 'other' }],
    [event({ action: 'msg' }), { kind: 'message', level: 2, text: '' }],
    [event({ action: 'msg', level: 'x', msg: {} }), { kind: 'message', level: 2, text: '' }],
    [event({ action: 'start', type: 105, fields: {} }), { kind: 'building', activity: 0, derivation: '' }],
  ])('%s', (line, expected) => {
    expect(parseNixLog(line)).toEqual(expected);
  });

  test('takes any line and any JSON', () => {
    const json = fc.record({
      action: fc.constantFrom('msg', 'start', 'result', 'stop'),
      type: fc.oneof(fc.constantFrom(100, 101, 105), fc.jsonValue()),
      level: fc.jsonValue(),
      msg: fc.jsonValue(),
      fields: fc.jsonValue(),
      id: fc.jsonValue(),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          nastyText,
          json.map(event),
          fc.json().map((text) => `@nix ${text}`),
        ),
        (line) => {
          expect(parseNixLog(line).kind).toMatch(
            /^(message|building|build-log|copying|task|progress|expected|ended|other)$/,
          );
        },
      ),
    );
  });
});

describe('BuildLogs', () => {
  test('keeps the last lines of each build apart', () => {
    const logs = new BuildLogs();
    const say = (line: string) => logs.add(parseNixLog(line));
    say(buildStart(1, '/nix/store/a.drv'));
    say(buildStart(2, '/nix/store/b.drv'));
    for (let line = 1; line <= 100; line++) {
      say(buildLine(1, `a ${line}`));
      say(buildLine(2, `b ${line}`));
    }
    say(buildLine(3, 'of no build'));
    const lines = logs.lastLinesOf("builder for '/nix/store/a.drv' failed");
    expect(lines).toHaveLength(25);
    expect(lines.at(-1)).toBe('a 100');
    expect(logs.lastLinesOf('something else')).toEqual([]);
  });
});

describe('nixString', () => {
  /** What Nix reads in a literal between double quotes (its lexer, src/libexpr/lexer.l). */
  function readLiteral(literal: string): string {
    const body = /^"(.*)"$/s.exec(literal)?.[1];
    if (body === undefined) throw new Error('no literal');
    if (/(?<!\\)(?:\\\\)*"/.test(body)) throw new Error('it ends too early');
    // `$$` before a brace is text for Nix; a single one would begin an expression
    if (/(?<![\\$])(?:\\\\)*\$\{/.test(body)) throw new Error('an expression begins in it');
    const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
    return body.replace(/\\[\s\S]|\r\n?/g, (found) =>
      found[0] === '\\' ? (escapes[found[1] ?? ''] ?? found[1] ?? '') : '\n',
    );
  }

  test('is read back by the rules of Nix, whatever it holds', () => {
    const text = fc.string({
      unit: fc.constantFrom('$', '{', '}', '"', '\\', '\n', '\r', '\t', "'", 'n', 'é', ' '),
    });
    fc.assert(
      fc.property(fc.oneof(text, nastyText), (value) => {
        expect(readLiteral(nixString(value))).toBe(value);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['a"b', '"a\\"b"'],
    // written so that no linter takes them for template strings
    ['\u0024{x}', '"\\\u0024{x}"'],
    ['$\u0024{x}', '"$\\\u0024{x}"'],
    ['a$b', '"a$b"'],
  ])('writes %s as %s', (text, literal) => {
    expect(nixString(text)).toBe(literal);
  });
});

describe('Nix.checkVersion', () => {
  const versionOf = (stdout: string) => nixWith(() => ({ stdout })).nix.checkVersion();

  test.each([
    ['nix (Nix) 2.18.1', '2.18.1'],
    ['nix (Nix) 2.26.3\n', '2.26.3'],
    ['nix (Nix) 3.0.0', '3.0.0'],
    ['nix (Lix, like Nix) 2.91.1', '2.91.1'],
    ['nix (Determinate Nix 3.6.2) 2.29.0', '2.29.0'],
    ['nix (Nix) 2.25.0pre20240910_e3f6b0a', '2.25.0pre20240910_e3f6b0a'],
  ])('takes %s', async (stdout, version) => {
    expect(await versionOf(stdout)).toBe(version);
  });

  test.each(['nix (Nix) 2.17.9', 'nix (Nix) 2.8.0', 'nix (Nix) 1.11.16', 'nix (Nix) 0.9'])(
    'refuses %s, and says what is needed',
    async (stdout) => {
      await expect(versionOf(stdout)).rejects.toMatchObject({
        kind: 'nix',
        message: expect.stringMatching(/at least 2\.18 is needed/),
        hint: expect.stringMatching(/install/),
      });
    },
  );

  test('says when there is no Nix', async () => {
    const { nix } = nixWith(() => {
      throw Object.assign(new Error('spawn nix ENOENT'), { code: 'ENOENT' });
    });
    await expect(nix.checkVersion()).rejects.toMatchObject({
      message: expect.stringMatching(/no nix on this runner/),
    });
  });

  test.each([
    [{ stdout: 'Segmentation fault' }, /nix --version failed: Segmentation fault/],
    [{ stdout: '', code: 1, errorLines: ['bad'] }, /nix --version failed: bad/],
    [{ stdout: 'nix (Nix) 2.26.3', code: null }, /nix --version failed/],
  ])('says when it does not work: %j', async (answer, text) => {
    await expect(nixWith(() => answer).nix.checkVersion()).rejects.toThrow(text);
  });
});

describe('Nix', () => {
  test('turns flakes on by itself and hands the options over, for evaluation and build', async () => {
    const { nix, processes } = nixWith(() => ({ stdout: '{}' }), { options: [['cores', '1 2']] });
    await nix.evaluate('.#x', 'f', signal);
    await nix.build(['/nix/store/a.drv^*', '/nix/store/b.drv^*'], signal);
    for (const { command, args } of processes.calls) {
      expect(command).toBe('nix');
      expect(args.join(' ')).toContain('--extra-experimental-features nix-command flakes');
      expect(args.slice(args.indexOf('--option'), args.indexOf('--option') + 3)).toEqual([
        '--option',
        'cores',
        '1 2',
      ]);
    }
    expect(processes.calls[0]?.args).toContain('--no-write-lock-file');
    expect(processes.calls[1]?.args.slice(-2)).toEqual(['/nix/store/a.drv^*', '/nix/store/b.drv^*']);
  });

  test("copies without the runner's settings and options", async () => {
    const { nix, processes } = nixWith(() => ({}), { options: [['sandbox', 'false']] });
    await nix.copy(['/nix/store/x'], 'unix:///sock', {
      signal,
      alsoAlive: () => undefined,
    });
    const [call] = processes.calls;
    expect(call?.args).not.toContain('sandbox');
    expect(call?.args).toEqual(expect.arrayContaining(['--no-check-sigs', '--to', 'unix:///sock']));
    expect(call?.options.env).toMatchObject({ NIX_USER_CONF_FILES: '', NIX_CONFIG: '' });
    expect(call?.options.env?.NIX_CONF_DIR).toContain(dir);
  });

  test('reports what it says: notices as foreign text, details for debugging, logs only when asked for', async () => {
    const errorLines = [
      message(1, 'warning: ::set-output name=x::y'),
      message(3, 'evaluating'),
      buildStart(1, '/nix/store/a.drv'),
      buildLine(1, 'compiling'),
      'not from nix',
    ];
    const quiet = nixWith(() => ({ errorLines }));
    await quiet.nix.build(['/nix/store/a.drv'], signal);
    expect(quiet.log.lines).toEqual([
      'foreign nix: warning: ::set-output name=x::y',
      'debug: nix> evaluating',
      'debug: building /nix/store/a.drv',
      'foreign nix: not from nix',
    ]);
    const loud = nixWith(() => ({ errorLines }), { printBuildLogs: true });
    await loud.nix.build(['/nix/store/a.drv'], signal);
    expect(loud.log.lines.join('\n')).toMatch(/foreign [^:]*: .*compiling/);
  });

  test('warns about a missing lock file', async () => {
    const errorLines = [message(1, 'warning: not writing modified lock file of flake')];
    const { nix, log } = nixWith(() => ({ stdout: '1', errorLines }));
    await nix.evaluate('.#x', 'f', signal);
    expect(log.lines).toEqual([expect.stringMatching(/^warning: .*flake\.lock/)]);
  });

  test('a failure says the innermost error and keeps the last lines', async () => {
    const errorLines = [
      message(0, "error:\n  … while evaluating x\n\n  error: attribute 'foo' missing\n  at /x:1:2"),
    ];
    const failing = nixWith(() => ({ code: 1, errorLines })).nix.evaluate('.#x', 'f', signal);
    await expect(failing).rejects.toMatchObject({
      message: "the evaluation of .#x failed: error: attribute 'foo' missing",
      lastLines: expect.arrayContaining(['  at /x:1:2']),
    });
  });

  test('a failed build shows the end of its log', async () => {
    const errorLines = [
      buildStart(1, '/nix/store/a.drv'),
      buildLine(1, 'gcc: no such file'),
      message(0, "error: builder for '/nix/store/a.drv' failed with exit code 1"),
    ];
    await expect(
      nixWith(() => ({ code: 1, errorLines })).nix.build(['/nix/store/a.drv'], signal),
    ).rejects.toMatchObject({
      lastLines: ['gcc: no such file', "error: builder for '/nix/store/a.drv' failed with exit code 1"],
    });
  });

  test('a failure without a word has its exit code', async () => {
    await expect(nixWith(() => ({ code: 3 })).nix.build(['/x.drv'], signal)).rejects.toMatchObject({
      message: 'the build failed with exit code 3',
    });
  });
});

describe('flags for Nix', () => {
  const drv = '/nix/store/t.drv';

  test('a VM test’s log is shown, that of other builds is not, and the daemon has limits of its own', async () => {
    const errorLines = [
      buildStart(1, drv),
      buildLine(1, 'of the test'),
      buildStart(2, '/nix/store/other.drv'),
      buildLine(2, 'of another'),
      buildLine(3, 'of no build'),
    ];
    const { nix, processes, log } = nixWith(() => ({ errorLines }), { options: [['timeout', '7']] });
    const lines: string[] = [];
    await nix.buildTest(drv, { signal, limitMs: 90_500, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['of the test']);
    expect(log.lines.filter((line) => line.startsWith('foreign'))).toEqual(['foreign nix: of the test']);
    const args = processes.calls[0]?.args.join(' ') ?? '';
    // what the user says about the time holds
    expect(args).toContain('--option timeout 7 ');
    expect(args).not.toContain('timeout 121');
    expect(args).toContain('--option max-silent-time 31 ');
    await nix.build([`${drv}^*`], signal);
    expect(log.lines.filter((line) => line.startsWith('foreign'))).toHaveLength(1);
  });

  test('from is a substituter of builds, show-trace is for what can evaluate', async () => {
    const processes = new FakeProcesses(() => ({ stdout: '{}' }));
    const runtime = fakeRuntime({ processes, privateFolder: dir });
    const options = { options: [], printBuildLogs: false, idleMs: 1000, showTrace: true, from: 's3://x' };
    const nix = new Nix(options, runtime);
    await nix.build([drv], signal);
    await nix.evaluate('.#x', 'f', signal);
    await nix.copy([drv], 'unix:///s', { signal, alsoAlive: () => undefined });
    await nix.fetch([drv], 's3://x', signal);
    const [build, evaluation, copy, fetch] = processes.calls.map(({ args }) => args.join(' '));
    expect(build).toMatch(/--option extra-substituters s3:\/\/x --show-trace/);
    expect(evaluation).toContain('--show-trace');
    expect(evaluation).not.toContain('s3://x');
    expect(copy).not.toMatch(/show-trace|s3:/);
    expect(fetch).toMatch(/^copy .*--from s3:\/\/x \/nix\/store\/t\.drv$/);
    expect(fetch).not.toContain('show-trace');
    // not to be shown, but for the places in it
    await new Nix({ ...options, showTrace: false }, runtime).evaluate('.#x', 'f', signal);
    await new Nix({ ...options, showTrace: false }, runtime).build([drv], signal);
    const [untraced, plain] = processes.calls.slice(4).map(({ args }) => args.join(' '));
    expect(untraced).toContain('--show-trace');
    expect(plain).not.toContain('--show-trace');
  });
});
