import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ActionOptions,
  declaredInputs,
  decoys,
  parseFileCommands,
  runAction,
} from '../../testbed/action.mts';

const ACTION_YML = `name: sample
inputs:
  flake:
    description: "A: text with default: in it"
    required: true
  ssh-port:
    description: >-
      folded
      text
    default: '22'
  quoted:
    default: "a 'b'"

  bare-one:
    default: auto
outputs:
  outcome:
    description: no input
    default: no
runs:
  using: node24
`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'action-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs `code` as the action's bundle. */
async function run(code: string, options: Partial<ActionOptions> = {}) {
  const action = join(dir, 'action');
  mkdirSync(join(action, 'dist'), { recursive: true });
  writeFileSync(join(action, 'action.yml'), ACTION_YML);
  writeFileSync(join(action, 'dist/index.js'), code);
  return runAction({ inputs: {}, dir: join(dir, 'run'), action, ...options });
}

describe('declaredInputs', () => {
  test('reads names and defaults, and only those of the inputs', () => {
    expect([...declaredInputs(ACTION_YML)]).toEqual([
      ['flake', ''],
      ['ssh-port', '22'],
      ['quoted', "a 'b'"],
      ['bare-one', 'auto'],
    ]);
  });
});

describe('parseFileCommands', () => {
  test('reads both forms', () => {
    const text = 'a=1\nb<<EOF\nline=1\n\nline<<2\nEOF\nc=x=y<<z\nd=\ne<<D\nD\n';
    expect(parseFileCommands(text)).toEqual({ a: '1', b: 'line=1\n\nline<<2', c: 'x=y<<z', d: '', e: '' });
  });

  test('refuses what a runner refuses', () => {
    expect(() => parseFileCommands('nonsense\n')).toThrow(/invalid/);
    expect(() => parseFileCommands('a<<EOF\nb\n')).toThrow(/delimiter/);
  });
});

describe('runAction', () => {
  const dump =
    'console.log(JSON.stringify({ env: process.env, cwd: process.cwd(), version: process.version }))';

  test("gives the runner's environment and nothing of ours", async () => {
    process.env.LEAK_OF_THE_TEST = 'x';
    const { log, code } = await run(dump, {
      inputs: { flake: '.#demo', 'not-there': 'y' },
      env: { EXTRA: '1' },
      state: { installed: 'yes' },
    });
    delete process.env.LEAK_OF_THE_TEST;
    expect(code).toBe(0);
    const [warning = '', json = ''] = log.split('\n');
    expect(warning).toBe("##[warning]Unexpected input(s) 'not-there'");
    const { env, cwd, version } = JSON.parse(json);
    expect(version).toMatch(/^v24\./);
    expect(cwd).toBe(env.GITHUB_WORKSPACE);
    expect(env).toMatchObject({
      INPUT_FLAKE: '.#demo',
      'INPUT_SSH-PORT': '22',
      INPUT_QUOTED: "a 'b'",
      'INPUT_NOT-THERE': 'y',
      STATE_installed: 'yes',
      RUNNER_TEMP: join(dir, 'run/tmp'),
      GITHUB_ACTIONS: 'true',
      EXTRA: '1',
      ...decoys,
    });
    expect(env).not.toHaveProperty('LEAK_OF_THE_TEST');
  });

  test('gives an input that is left out the empty string', async () => {
    const { log } = await run(dump);
    expect(JSON.parse(log).env.INPUT_FLAKE).toBe('');
  });

  test('returns outputs, state, summary and exit code, each run anew', async () => {
    const code = `
      const { appendFileSync } = require('node:fs');
      appendFileSync(process.env.GITHUB_OUTPUT, 'outcome<<X\\nin\\nstalled\\nX\\n');
      appendFileSync(process.env.GITHUB_STATE, 'key=value\\n');
      appendFileSync(process.env.GITHUB_STEP_SUMMARY, '# done\\n');
      process.exitCode = 3;`;
    await run(code);
    expect(await run(code)).toEqual({
      code: 3,
      signal: null,
      dir: expect.any(String),
      log: '',
      outputs: { outcome: 'in\nstalled' },
      state: { key: 'value' },
      summary: '# done\n',
    });
  });

  test('reads lines as a runner does: both streams, carriage returns, an unfinished last one', async () => {
    const lines: string[] = [];
    const { log } = await run(
      `process.stdout.write('a\\rb\\r\\n\\u00e4'); setTimeout(() => process.stderr.write('end'), 50);`,
      { onLine: (line) => lines.push(line) },
    );
    expect(lines.toSorted()).toEqual(['a', 'b', 'end', 'ä']);
    expect(log.split('\n').toSorted()).toEqual(['', 'a', 'b', 'end', 'ä']);
    expect(readFileSync(join(dir, 'run/log.txt'), 'utf8')).toBe(log);
  });

  test('cancels with SIGINT', async () => {
    const controller = new AbortController();
    const result = await run(
      `process.on('SIGINT', () => { console.log('interrupted'); process.exit(130); });
       console.log('up'); setInterval(() => {}, 1000);`,
      { signal: controller.signal, onLine: (line) => line === 'up' && controller.abort() },
    );
    expect(result).toMatchObject({ code: 130, log: 'up\ninterrupted\n' });
  });

  test('kills what does not heed SIGINT and SIGTERM, after 10 s', async () => {
    const controller = new AbortController();
    const started = performance.now();
    const result = await run(
      `for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => console.log(name));
       console.log('up'); setInterval(() => {}, 1000);`,
      { signal: controller.signal, onLine: (line) => line === 'up' && controller.abort() },
    );
    expect(result).toMatchObject({ code: null, signal: 'SIGKILL', log: 'up\nSIGINT\nSIGTERM\n' });
    expect(performance.now() - started).toBeGreaterThan(9900);
  });

  test('hands the child over for a test that kills it', async () => {
    const result = await run('setInterval(() => {}, 1000)', {
      onStart: (child) => void child.kill('SIGKILL'),
    });
    expect(result).toMatchObject({ code: null, signal: 'SIGKILL' });
  });
});
