// A machine behind jump hosts, all of them real: one hop and two, and each way in which they do not let one through.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Runtime } from '../../src/runtime';
import { systemClock } from '../../src/runtime';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { JumpRoute } from '../../src/ssh/jump-route';
import { directRoute, type JumpHost, type Route } from '../../src/ssh/route';
import type { Target } from '../../src/ssh/target';
import { defaultLink } from '../../src/ssh/tcp';
import type { Sshd } from '../../testbed/sshd.mts';
import { makeKey } from '../../testbed/sshd.mts';
import { atEnd, test } from '../support/concurrent';
import { pinnedTo, script, startMachine, startProxy, type TargetChange, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';

const hello = script('echo hello');
const accepted = (sshd: Sshd) => sshd.log().match(/Accepted publickey/g)?.length ?? 0;

function hop(sshd: Sshd, change: Partial<JumpHost> & { port?: number } = {}): JumpHost {
  const { port = sshd.port, ...rest } = change;
  return {
    endpoint: { host: sshd.host, port, user: sshd.user },
    login: { privateKey: sshd.clientKey.private },
    trust: pinnedTo(sshd, 'ed25519'),
    ...rest,
  };
}

function through(...hops: readonly JumpHost[]): Route {
  return hops.reduce<Route>((before, host) => new JumpRoute(host, before, systemClock), directRoute());
}

/** The processes below a machine's first one. */
function descendantsOf(pid: number): number[] {
  const table = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.flatMap(([child = 0, its]) => (its === parent ? [child, ...below(child)] : []));
  return below(pid);
}

function signalAll(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // ended meanwhile
    }
  }
}

/** The machine, behind the jump hosts. */
function behind(hops: readonly JumpHost[], sshd: Sshd, runtime: Runtime, change: TargetChange = {}): Target {
  return targetOf(sshd, runtime, { via: through(...hops), connectMs: 3000, ...change });
}

describe('through', () => {
  test('one jump host, with a login of its own at each', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const target = behind([hop(bastion)], sshd, testRuntime());
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
    expect([accepted(bastion), accepted(sshd)]).toEqual([1, 1]);
    expect(bastion.log()).not.toContain('Starting session');
  });

  test('two, one behind the other, with much to carry', async () => {
    const [first, second, sshd] = await Promise.all([startMachine(), startMachine(), startMachine()]);
    const target = behind([hop(first), hop(second)], sshd, testRuntime());
    const much = script('head -c 20000000 /dev/zero | tr "\\0" x');
    const [a, b] = await Promise.all([target.run(much, []), target.run(hello, [])]);
    expect([a.stdout.length, b.stdout]).toEqual([20_000_000, 'hello\n']);
    const sent = Buffer.alloc(20_000_000, 'y');
    expect((await target.run(script('wc -c'), [], { stdin: sent })).stdout.trim()).toBe('20000000');
    // the second and the machine are reached from the host before
    const peer = (log: string) => /Connection from 127\.0\.0\.1 port (\d+)/.exec(log)?.[1];
    expect(new Set([first, second, sshd].map((each) => peer(each.log()))).size).toBe(3);
    expect([first, second, sshd].map(accepted)).toEqual([1, 1, 1]);
  });

  test('the connection to the jump host stays when the machine is asked again and again', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const target = behind([hop(bastion)], sshd, testRuntime());
    await target.connect();
    await sshd.stop();
    expect(await failure(target.connectOnce(AbortSignal.timeout(5000)))).toMatchObject({ reason: 'refused' });
    const again = await startMachine({ port: sshd.port, authorizedKeys: [sshd.clientKey.public] });
    target.trust.extend(pinnedTo(again, 'ed25519').accepted);
    await target.waitForBoot('an earlier one', 'the test', 10_000, 3);
    expect(await target.hostKeyAt(again.port, AbortSignal.timeout(5000))).toBeDefined();
    expect([accepted(bastion), accepted(again)]).toEqual([1, 1]);
    target.close();
    await until('the jump host is left', () => /Disconnected from user/.test(bastion.log()));
  });
});

describe('a jump host that is lost', () => {
  test('in the middle of the work: connected again through it, and the work done', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const runtime = testRuntime();
    const target = behind([hop(bastion)], sshd, runtime, { connectMs: 20_000 });
    const work = target.run(script('echo begun >>/run/begun; sleep 2; cat /run/begun', true), []);
    await until('the session has begun', () => /Starting session/.test(sshd.log()));
    // and its shell too, of which the log says nothing
    await systemClock.sleep(500);
    await bastion.restart();
    expect((await work).stdout.trim().split('\n').length).toBeGreaterThan(1);
    expect(runtime.log.text).toMatch(/warning: the connection to root@127\.0\.0\.1:\d+ was lost/);
    expect([accepted(bastion), accepted(sshd)]).toEqual([2, 2]);
  });

  test('whose bytes vanish: noticed, and connected again', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const proxy = await startProxy(bastion);
    const link = { ...defaultLink, keepaliveMs: 500, keepaliveCount: 2 };
    const via = new JumpRoute(hop(bastion, { port: proxy.port }), directRoute(link), systemClock);
    const target = targetOf(sshd, testRuntime(), { via, connectMs: 20_000 });
    const work = target.run(script('sleep 2; echo done', true), []);
    await until('the work has begun', () => /Starting session/.test(sshd.log()));
    proxy.blackhole();
    expect((await work).stdout).toBe('done\n');
    expect([accepted(bastion), accepted(sshd)]).toEqual([2, 2]);
  });

  test('a machine whose bytes vanish behind it is noticed too', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const proxy = await startProxy(sshd);
    const link = { ...defaultLink, keepaliveMs: 500, keepaliveCount: 2 };
    const via = new JumpRoute(hop(bastion), directRoute(link), systemClock);
    const target = targetOf(sshd, testRuntime(), { via, port: proxy.port, connectMs: 20_000 });
    const work = target.run(script('sleep 2; echo done', true), []);
    await until('the work has begun', () => /Starting session/.test(sshd.log()));
    proxy.blackhole();
    expect((await work).stdout).toBe('done\n');
    expect([accepted(bastion), accepted(sshd)]).toEqual([1, 2]);
  });

  test('a machine that stands still with its buffers full: given up, though the jump host still waits for it', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const link = { ...defaultLink, keepaliveMs: 500, keepaliveCount: 2 };
    const via = new JumpRoute(hop(bastion), directRoute(link), systemClock);
    const runtime = testRuntime();
    const target = targetOf(sshd, runtime, { via, connectMs: 20_000 });
    const stdin = Buffer.alloc(30_000_000);
    const work = target.run(script('sleep 1; wc -c', true), [], { stdin });
    await until('the work has begun', () => /Starting session/.test(sshd.log()));
    const all = descendantsOf(sshd.pid);
    atEnd(() => signalAll(all, 'SIGCONT'));
    signalAll(all, 'SIGSTOP');
    await until('the drop shows', () => /was lost/.test(runtime.log.text));
    signalAll(all, 'SIGCONT');
    expect((await work).stdout.trim()).toBe('30000000');
  });
});

describe('refused by a jump host, which is named', () => {
  const expectNothingOf = (sshd: Sshd) => expect(sshd.log()).not.toContain('Connection from');

  test('with another host key than the pinned one: before any login', async () => {
    const [first, second, sshd] = await Promise.all([startMachine(), startMachine(), startMachine()]);
    const impostor = hop(second, { trust: pinnedTo(sshd, 'ed25519') });
    const error = await failure(behind([hop(first), impostor], sshd, testRuntime()).connect());
    expect(error).toMatchObject({ reason: 'jump-host', hint: expect.stringContaining('fingerprint') });
    expect(error.message).toMatch(
      new RegExp(`^jump host root@127\\.0\\.0\\.1:${second.port} has another host key .*; expected`),
    );
    expect(second.log()).not.toMatch(/publickey|userauth|authenticating user/);
    expectNothingOf(sshd);
  });

  test('with a host key that changes while the run goes on', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const trust = HostKeyTrust.firstSeen();
    const target = behind([hop(bastion, { trust })], sshd, testRuntime());
    await target.connect();
    await bastion.stop();
    const other = await startMachine({ port: bastion.port, authorizedKeys: [bastion.clientKey.public] });
    await until('the drop shows', () => !target.isConnected);
    const error = await failure(target.connect());
    expect(error).toMatchObject({ reason: 'jump-host' });
    expect(accepted(other)).toBe(0);
  });

  test('that does not know the key', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const { private: privateKey } = makeKey(join(temporaryFolder('key'), 'key'));
    const error = await failure(
      behind([hop(bastion, { login: { privateKey } })], sshd, testRuntime()).connect(),
    );
    expect(error).toMatchObject({
      reason: 'jump-host',
      message: `jump host root@127.0.0.1:${bastion.port} refused the key`,
      hint: expect.stringContaining('jump-ssh-private-key'),
    });
    expectNothingOf(sshd);
  });

  test('that forwards nothing', async () => {
    const [bastion, sshd] = await Promise.all([
      startMachine({ config: ['AllowTcpForwarding no'] }),
      startMachine(),
    ]);
    const error = await failure(behind([hop(bastion)], sshd, testRuntime()).connect());
    expect(error).toMatchObject({ reason: 'jump-host', hint: expect.stringContaining('AllowTcpForwarding') });
    expect(error.message).toContain(
      `jump host root@127.0.0.1:${bastion.port} does not forward to root@127.0.0.1:${sshd.port}`,
    );
  });

  test('from which nobody answers, the name is not known, or that is not there itself', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    await sshd.stop();
    const closed = await failure(behind([hop(bastion)], sshd, testRuntime()).connect());
    expect(closed).toMatchObject({ reason: 'refused', hint: expect.stringContaining('as seen from there') });
    expect(closed.message).toBe(
      `root@127.0.0.1:${sshd.port} cannot be reached from jump host root@127.0.0.1:${bastion.port}: Connection refused`,
    );
    const endpoint = { host: `${'a'.repeat(64)}.invalid`, port: 22, user: 'root' };
    const unknown = await failure(behind([hop(bastion)], sshd, testRuntime(), { endpoint }).connect());
    expect(unknown).toMatchObject({ reason: 'unknown-host' });
    await bastion.stop();
    const gone = await failure(behind([hop(bastion)], sshd, testRuntime()).connect());
    expect(gone).toMatchObject({ reason: 'unreachable', hint: expect.stringContaining('ProxyJump') });
    expect(gone.message).toMatch(/^jump host root@127\.0\.0\.1:\d+: connection refused/);
  });

  test('a login that the machine behind it refuses is the machine’s own', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const { private: privateKey } = makeKey(join(temporaryFolder('key'), 'key'));
    const error = await failure(
      behind([hop(bastion)], sshd, testRuntime(), { login: { privateKey } }).connect(),
    );
    expect(error).toMatchObject({
      reason: 'authentication',
      message: `root@127.0.0.1:${sshd.port} refused the key`,
    });
  });
});

test('an abort ends a jump that goes nowhere at once', async () => {
  const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
  const proxy = await startProxy(bastion, 60_000);
  const controller = new AbortController();
  const connecting = behind(
    [hop(bastion, { port: proxy.port })],
    sshd,
    testRuntime(controller.signal),
  ).connect();
  const start = Date.now();
  controller.abort(new Error('cancelled by the test'));
  expect((await failure(connecting)).message).toBe('cancelled by the test');
  expect(Date.now() - start).toBeLessThan(1000);
});
