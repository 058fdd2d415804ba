import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TimeoutError } from '../../src/errors';
import { type ProcessOptions, SpawnRunner } from '../../src/process';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'process-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const path = process.env.PATH ?? '';
const runner = new SpawnRunner(() => ({ PATH: path, FROM_RUNNER: 'yes' }));
const run = (script: string, options: Partial<ProcessOptions> = {}) =>
  runner.run('sh', ['-c', script], { signal: new AbortController().signal, idleMs: 10_000, ...options });

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** The processes of a process group. */
function groupOf(leader: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
      return stat.replace(/^.*\) /, '').split(' ')[2] === String(leader);
    });
}

async function gone(pid: number): Promise<void> {
  for (const end = performance.now() + 5000; isAlive(pid); await sleep(20))
    if (performance.now() > end) throw new Error(`process ${pid} still runs`);
}

/** A script that prints its process number as the first line of standard error, and that number. */
function started(script: string, options: Partial<ProcessOptions>, trap = ':') {
  let onPid: (pid: number) => void = () => undefined;
  const pid = new Promise<number>((resolve) => {
    onPid = resolve;
  });
  const onErrorLine = (line: string) => {
    if (/^\d+$/.test(line)) onPid(Number(line));
  };
  return { pid, result: run(`${trap}\necho $$ >&2\n${script}`, { ...options, onErrorLine }) };
}

describe('SpawnRunner', () => {
  test('does not wait for what a process leaves behind with its output', async () => {
    const began = performance.now();
    const result = await run('setsid sleep 8 & echo done; exit 4');
    expect(result).toMatchObject({ code: 4, stdout: 'done\n' });
    expect(performance.now() - began).toBeLessThan(6000);
  });

  test('gives output, exit code and lines of standard error', async () => {
    const lines: string[] = [];
    const result = await run("printf 'äöü\\nno end'; printf 'one\\r\\ntwo\\nlast' >&2; exit 3", {
      onErrorLine: (line) => lines.push(line),
    });
    const stdout = 'äöü\nno end';
    const stdoutBytes = Buffer.from(stdout);
    expect(result).toEqual({ code: 3, stdout, stdoutBytes, errorLines: ['one', 'two', 'last'] });
    expect(lines).toEqual(['one', 'two', 'last']);
  });

  test('a process that was killed has no exit code', async () => {
    expect((await run('kill -KILL $$')).code).toBeNull();
  });

  test('hands arguments over as they are: there is no shell in between', async () => {
    const args = ["it's", '$HOME', '', 'a\nb', '*', '--', 'é'];
    const { stdout } = await runner.run('printf', ['%s|', ...args], {
      signal: new AbortController().signal,
      idleMs: 10_000,
    });
    expect(stdout).toBe(args.map((arg) => `${arg}|`).join(''));
  });

  test('gives the child the filtered environment, and nothing of ours', async () => {
    process.env.LEAK_OF_THE_TEST = 'x';
    const { stdout } = await run('cat /proc/$$/environ', { env: { EXTRA: '1' } });
    delete process.env.LEAK_OF_THE_TEST;
    expect(
      stdout
        .split('\0')
        .filter((entry) => entry !== '')
        .toSorted(),
    ).toEqual(['EXTRA=1', 'FROM_RUNNER=yes', `PATH=${path}`].toSorted());
  });

  test('runs in the folder that is asked for, with nothing on standard input', async () => {
    expect((await run('pwd; cat; echo end', { cwd: dir })).stdout).toBe(`${dir}\nend\n`);
  });

  test('keeps megabytes of output, and the last lines of standard error only', async () => {
    const { stdout, errorLines } = await run(
      'head -c 3000000 /dev/zero | tr "\\0" x; n=0; while [ $n -lt 100 ]; do n=$((n+1)); echo $n >&2; done',
    );
    expect(stdout.length).toBe(3_000_000);
    expect(errorLines).toHaveLength(40);
    expect(errorLines.at(-1)).toBe('100');
  });

  test('says when there is no such program', async () => {
    const missing = runner.run('no-such-program-here', [], {
      signal: new AbortController().signal,
      idleMs: 1000,
    });
    await expect(missing).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('runs nothing for a run that was cancelled before', async () => {
    const file = join(dir, 'ran');
    const reason = new Error('cancelled');
    await expect(run(`touch ${file}`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(existsSync(file)).toBe(false);
  });

  test('ends a child with its children when the run is cancelled', async () => {
    const controller = new AbortController();
    const { pid, result } = started('sleep 60 & sleep 60', { signal: controller.signal });
    const failure = expect(result).rejects.toThrow('cancelled');
    const child = await pid;
    await sleep(100);
    const members = groupOf(child);
    expect(members.length).toBe(3);
    controller.abort(new Error('cancelled'));
    await failure;
    for (const member of members) await gone(member);
  });

  test('ends a child that is deaf to SIGTERM all the same', async () => {
    const controller = new AbortController();
    const { pid, result } = started(
      'while :; do sleep 0.1; done',
      { signal: controller.signal },
      'trap "" TERM',
    );
    const failure = expect(result).rejects.toThrow('cancelled');
    const child = await pid;
    const start = performance.now();
    controller.abort(new Error('cancelled'));
    await failure;
    expect(performance.now() - start).toBeLessThan(5000);
    await gone(child);
  });

  test('lets a child clean up when it is cancelled', async () => {
    const controller = new AbortController();
    const file = join(dir, 'cleaned');
    const { pid, result } = started(
      'while :; do sleep 0.05; done',
      { signal: controller.signal },
      `trap 'touch ${file}; exit' TERM`,
    );
    const failure = expect(result).rejects.toThrow('cancelled');
    await pid;
    controller.abort(new Error('cancelled'));
    await failure;
    expect(existsSync(file)).toBe(true);
  });

  test('ends a silent child, deaf to SIGTERM as it may be, and says so', async () => {
    const { pid, result } = started('while :; do sleep 0.05; done', { idleMs: 300 }, 'trap "" TERM');
    await expect(result).rejects.toThrow(new TimeoutError('sh -c: no output and no bytes for 0.3 s'));
    await gone(await pid);
  });

  test('a child that says something now and then is not silent, on either stream', async () => {
    for (const stream of ['', '>&2'])
      expect(
        (await run(`for i in 1 2 3 4 5; do sleep 0.2; echo ${stream}; done`, { idleMs: 600 })).code,
      ).toBe(0);
  });

  test('nor is one for which others give signs of life', async () => {
    let touch = (): void => undefined;
    const timer = setInterval(() => touch(), 50);
    const alsoAlive = (alive: () => void) => {
      touch = alive;
    };
    const { code } = await run('sleep 1', { idleMs: 400, alsoAlive });
    clearInterval(timer);
    expect(code).toBe(0);
  });
});

describe('a filter', () => {
  const through = (command: string, args: string[], input: Readable) =>
    buffer(runner.filter(command, args, input));

  test('gives what the program makes of its input, in full', async () => {
    const bytes = Buffer.alloc(3_000_000, 'abc');
    expect((await through('cat', [], Readable.from([bytes]))).equals(bytes)).toBe(true);
  });

  test('breaks off where the program fails, with its last words, though it gave something', async () => {
    const failing = through('sh', ['-c', 'head -c 3; echo why >&2; exit 1'], Readable.from(['abcdef']));
    await expect(failing).rejects.toThrow('why');
  });

  test('breaks off where there is no such program, and where its input does', async () => {
    const missing = through('no-such-program', [], Readable.from(['a']));
    await expect(missing).rejects.toMatchObject({ code: 'ENOENT', syscall: 'spawn no-such-program' });
    const broken = new Readable({ read: () => undefined });
    setTimeout(() => broken.destroy(new Error('gone')), 20);
    await expect(through('cat', [], broken)).rejects.toThrow('gone');
  });

  test('is ended with its output', async () => {
    const silent = new Readable({ read: () => undefined });
    const output = runner.filter('sh', ['-c', 'echo $$; exec sleep 60'], silent);
    const [pid] = await once(output, 'data');
    output.destroy();
    await gone(Number(pid));
  });
});
