// Target.run: what goes to a script and what comes back, also when the connection breaks in the middle.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect } from 'vitest';
import { RemoteCommandError, TimeoutError } from '../../src/errors';
import { maxAttempts } from '../../src/ssh/target';
import { test, testEach } from '../support/concurrent';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';

async function connectedTarget(signal?: AbortSignal) {
  const target = targetOf(await startMachine(), testRuntime(signal));
  await target.connect();
  return target;
}

test('what runs as root on a test machine can change nothing of this computer', async () => {
  const target = await connectedTarget();
  const attempts = 'for path in / /etc /usr /bin /var /home /dev; do chown 0:0 $path && echo $path; done';
  const { stdout } = await target.run(script(`(${attempts}; touch /astray && echo made) 2>&1 || :`), []);
  expect(stdout).not.toMatch(/^(\/|made)/m);
  expect(stdout).toMatch(/read-only file system/i);
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('a script', () => {
  test('that fails: its exit code and last words', async () => {
    const target = await connectedTarget();
    const error = await failure(
      target.run(script('echo out; echo first >&2; echo last words >&2; exit 3'), []),
    );
    if (!(error instanceof RemoteCommandError)) throw error;
    expect(error.message).toBe('test.sh failed on the target with exit code 3: last words');
    expect(error.lastLines).toEqual(['out', 'first', 'last words']);
  });

  test('whose exit code is an answer', async () => {
    const target = await connectedTarget();
    const result = await target.run(script('echo out; exit 80'), [], { anyExitCode: true });
    expect(result).toEqual({ code: 80, stdout: 'out\n', errorLines: [] });
  });

  test('that is killed counts as failed', async () => {
    const target = await connectedTarget();
    const result = await target.run(script('kill -9 $$'), [], { anyExitCode: true });
    expect(result.code).toBe(128);
  });

  test('that says very much on standard error: the last lines are kept', async () => {
    const target = await connectedTarget();
    const { errorLines } = await target.run(
      script('i=0; while [ $i -lt 500 ]; do echo $i >&2; i=$((i+1)); done'),
      [],
    );
    expect(errorLines).toEqual(Array.from({ length: 40 }, (_, index) => String(460 + index)));
  });

  test('gets its arguments as they are', async () => {
    const target = await connectedTarget();
    const args = ['', ' ', "it's", '"', '$HOME', '`id`', 'a\nb', '\\', '-n', 'ü 🙂', '*', '!!', ';exit 1'];
    const { stdout } = await target.run(script(`for arg; do printf '%s\\0' "$arg"; done`), args);
    expect(stdout.split('\0').slice(0, -1)).toEqual(args);
  });

  testEach([['a buffer'], ['a stream']])('gets standard input byte for byte: %s', async (kind) => {
    const target = await connectedTarget();
    const bytes = randomBytes(8 * 1024 * 1024);
    const stdin = kind === 'a buffer' ? bytes : Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]);
    const { stdout } = await target.run(script('sha256sum'), [], { stdin });
    expect(stdout).toBe(`${sha256(bytes)}  -\n`);
  });

  test('that reads no input may end before it is all sent', async () => {
    const target = await connectedTarget();
    const { code } = await target.run(script('exit 7'), [], {
      stdin: randomBytes(8 << 20),
      anyExitCode: true,
    });
    expect(code).toBe(7);
  });

  test('gives its output line by line, multi-byte characters whole', async () => {
    const target = await connectedTarget();
    const lines: string[] = [];
    const text = script(`printf 'gr\\303'; sleep 0.2; printf '\\274n\\r\\nsecond\\nno end'`);
    const { stdout } = await target.run(text, [], { onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['grün', 'second', 'no end']);
    expect(stdout).toBe('');
  });
});

describe('patience', () => {
  test('silence ends a script, and the connection goes on', async () => {
    const target = await connectedTarget();
    const start = Date.now();
    const error = await failure(target.run(script('sleep 30'), [], { idleMs: 500 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain('test.sh on root@127.0.0.1');
    expect(Date.now() - start).toBeLessThan(5000);
    expect((await target.run(script('echo on'), [])).stdout).toBe('on\n');
  });

  test('a script that says something now and then is left alone', async () => {
    const target = await connectedTarget();
    const text = script('for i in 1 2 3 4 5 6; do sleep 0.3; echo $i >&2; done');
    expect((await target.run(text, [], { idleMs: 900 })).errorLines).toHaveLength(6);
  });

  test('an abort ends waiting at once, with its reason', async () => {
    const controller = new AbortController();
    const target = await connectedTarget(controller.signal);
    const running = target.run(script('sleep 30'), []);
    const start = Date.now();
    setTimeout(() => controller.abort(new Error('cancelled by the test')), 300);
    expect((await failure(running)).message).toBe('cancelled by the test');
    expect(Date.now() - start).toBeLessThan(3000);
  });
});

/** Leaves a line in the file of its first argument, lives for a while, and says how many lines there are. */
const counting = (repeatable: boolean) => script('echo run >>"$1"; sleep 2; wc -l <"$1"', repeatable);

/** A script that runs over a proxy and has begun. */
async function begun(repeatable: boolean) {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port });
  const file = join(temporaryFolder('count'), 'runs');
  const running = target.run(counting(repeatable), [file]);
  running.catch(() => undefined);
  await until('the script runs', () => existsSync(file));
  return { proxy, runtime, running, file };
}

describe('a connection that breaks', () => {
  test('closed: a repeatable script runs again', async () => {
    const { proxy, runtime, running } = await begun(true);
    proxy.cut();
    expect((await running).stdout).toBe('2\n');
    expect(runtime.log.text).toContain('was lost during test.sh; connecting again');
  });

  test('closed: a script that is not repeatable does not', async () => {
    const { proxy, running, file } = await begun(false);
    proxy.cut();
    expect(await failure(running)).toMatchObject({ reason: 'dropped' });
    expect(readFileSync(file, 'utf8')).toBe('run\n');
  });

  test('again and again: given up after a number of attempts', async () => {
    const { proxy, running, file } = await begun(true);
    const timer = setInterval(() => proxy.cut(), 500);
    expect(await failure(running).finally(() => clearInterval(timer))).toMatchObject({ reason: 'dropped' });
    expect(readFileSync(file, 'utf8').match(/run/g)?.length).toBeLessThanOrEqual(maxAttempts);
  });

  test('whose bytes vanish: the same', async () => {
    // side by side, since both wait until the keepalives are given up
    const [repeatable, once] = await Promise.all([begun(true), begun(false)]);
    const start = Date.now();
    repeatable.proxy.blackhole();
    once.proxy.blackhole();
    expect(await failure(once.running)).toMatchObject({ reason: 'dropped' });
    expect((await repeatable.running).stdout).toBe('2\n');
    expect(readFileSync(once.file, 'utf8')).toBe('run\n');
    expect(Date.now() - start).toBeLessThan(40_000);
  });
});
