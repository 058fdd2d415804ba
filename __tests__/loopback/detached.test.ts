// Work on the target that goes on when the connection breaks: nothing of its output is lost or comes twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { RemoteCommandError } from '../../src/errors';
import { awaitLeftovers, type DetachedWork, runDetached, runDetachedToTheEnd } from '../../src/ssh/detached';
import { test } from '../support/concurrent';
import { bootIdOf, script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, testRuntime, until } from '../support/runtime';

/** Work whose lines are kept. */
function work(text: string, args: readonly string[] = []): DetachedWork & { lines: string[] } {
  const lines: string[] = [];
  return { name: 'work', script: text, args, idleMs: 50_000, lines, onLine: (line) => lines.push(line) };
}

async function machineBehindProxy() {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd);
  const runtime = testRuntime();
  return { sshd, proxy, runtime, target: targetOf(sshd, runtime, { port: proxy.port }) };
}

/** $1 bursts, $2 seconds apart, of 2000 numbered lines each: some MB, so that a break comes in the middle of a line. */
const bursts = `
i=0
while [ $i -lt "$1" ]; do
  seq -f "line %07.0f of the work, gr\u00fcn" $((i * 2000)) $((i * 2000 + 1999))
  i=$((i + 1))
  sleep "$2"
done
echo the end >&2`;

function expectedLines(count: number): string[] {
  const lines = Array.from(
    { length: count * 2000 },
    (_, n) => `line ${String(n).padStart(7, '0')} of the work, grün`,
  );
  return [...lines, 'the end'];
}

/** Compares without printing thousands of lines. */
function expectComplete(lines: readonly string[], bursts: number): void {
  const expected = expectedLines(bursts);
  const first = expected.findIndex((line, n) => lines[n] !== line);
  expect({ first, found: first < 0 ? [] : lines.slice(first, first + 3) }).toEqual({ first: -1, found: [] });
  expect(lines).toHaveLength(expected.length);
}

describe('detached work', () => {
  test('gives all its output in order, and its success', async () => {
    const { target } = await machineBehindProxy();
    const some = work(bursts, ['20', '0']);
    await runDetached(target, some);
    expectComplete(some.lines, 20);
  });

  test('gives its exit code and last lines', async () => {
    const { target } = await machineBehindProxy();
    const error = await failure(runDetached(target, work('echo one; echo two >&2; exit 42')));
    if (!(error instanceof RemoteCommandError)) throw error;
    expect(error.message).toBe('work failed with exit code 42 on the target: two');
    expect(error.lastLines).toEqual(['one', 'two']);
  });

  test('gets its arguments as they are', async () => {
    const { target } = await machineBehindProxy();
    const some = work(`printf '<%s>\\n' "$@"`, ["it's", '', '$HOME "quoted"']);
    await runDetached(target, some);
    expect(some.lines).toEqual(["<it's>", '<>', '<$HOME "quoted">']);
  });

  test('that is killed is not taken for finished', async () => {
    const { target } = await machineBehindProxy();
    const some = work('echo started; kill -9 $PPID; sleep 20');
    const error = await failure(runDetached(target, some));
    expect(error.message).toBe('work was killed on the target: started');
  });

  test('that is silent for too long', async () => {
    const { target } = await machineBehindProxy();
    const error = await failure(runDetached(target, { ...work('echo started; sleep 20'), idleMs: 1000 }));
    expect(error.message).toContain('no output');
  });

  test('a line during which the connection breaks is still one line', async () => {
    const { target, proxy } = await machineBehindProxy();
    const some = work(`echo start; printf 'a gr\\303'; sleep 2; printf '\\274n line\\n'; echo end`);
    const running = runDetached(target, some);
    await until('it began', () => some.lines.length > 0);
    // the half line comes within a beat of the follower
    await sleep(700);
    proxy.cut();
    await running;
    expect(some.lines).toEqual(['start', 'a grün line', 'end']);
  });

  test('survives several cuts', async () => {
    const { target, proxy, runtime } = await machineBehindProxy();
    const some = work(bursts, ['40', '0.1']);
    const running = runDetached(target, some);
    for (const part of [0.1, 0.4, 0.7]) {
      await until('a part of the output', () => some.lines.length > part * 80_000);
      proxy.cut();
    }
    await running;
    expectComplete(some.lines, 40);
    expect(runtime.log.text.match(/was lost during work/g)).toHaveLength(3);
  });

  test('survives a connection whose bytes vanish', async () => {
    const { target, proxy } = await machineBehindProxy();
    const some = work(bursts, ['30', '0.1']);
    const running = runDetached(target, some);
    await until('a part of the output', () => some.lines.length > 6000);
    proxy.blackhole();
    await running;
    expectComplete(some.lines, 30);
  });

  test('that takes the machine away is not run again', async () => {
    const { target, proxy } = await machineBehindProxy();
    const some = work('echo started; sleep 20');
    const running = failure(runDetachedToTheEnd(target, some, 'a boot that has gone'));
    await until('it runs', () => some.lines.length > 0);
    proxy.cut();
    expect(await running).toMatchObject({ reason: 'dropped' });
  });
});

test('work that would take the machine away, and fails while the connection is lost, tells why', async () => {
  const { target, proxy } = await machineBehindProxy();
  const some = work('echo started; sleep 3; echo "no kexec here"; exit 5');
  const running = failure(runDetachedToTheEnd(target, some, await bootIdOf(target)));
  await until('it runs', () => some.lines.length > 0);
  proxy.cut();
  expect((await running).message).toContain('failed with exit code 5 on the target: no kexec here');
});

describe('what an earlier client left behind', () => {
  test('is waited for, and its output shown from the beginning', async () => {
    const { target, proxy, sshd, runtime } = await machineBehindProxy();
    const some = work('echo started; sleep 3; echo finished; exit 5');
    // the client dies: nobody connects again
    const dead = failure(runDetachedToTheEnd(target, some, 'another'));
    await until('it runs', () => some.lines.length > 0);
    proxy.cut();
    await dead;
    const later = targetOf(sshd, runtime);
    const lines: string[] = [];
    const id = expect.stringMatching(/^work-[0-9a-f]{8}$/);
    const take = () => awaitLeftovers(later, 20_000, (line) => lines.push(line));
    expect(await take()).toEqual([{ id, awaited: true }]);
    expect(lines).toEqual(['started', 'finished']);
    expect(await take()).toEqual([{ id, awaited: false }]);
  });

  test('is not waited for when its process is gone, or the number is another process’s now', async () => {
    const { target } = await machineBehindProxy();
    const tasks = '/run/nixos-anywhere/tasks';
    await target.run(
      script(
        `mkdir -p ${tasks}/gone ${tasks}/reused; echo 99999 1 >${tasks}/gone/pid; echo 1 1 >${tasks}/reused/pid`,
      ),
      [],
    );
    const start = Date.now();
    expect(await awaitLeftovers(target, 20_000, () => undefined)).toEqual([
      { id: 'gone', awaited: false },
      { id: 'reused', awaited: false },
    ]);
    expect(Date.now() - start).toBeLessThan(5000);
  });
});
