// Two runs and one machine: who may work on it, and what tells them apart.
import { expect } from 'vitest';
import { GuardError } from '../../src/errors';
import { CleanUp } from '../../src/phases/clean-up';
import { Lease, type RunIdentity } from '../../src/phases/lease';
import type { FaultProxy } from '../../testbed/proxy.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { test } from '../support/concurrent';
import { bootIdOf, script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, testRuntime, until } from '../support/runtime';

const times = { beatMs: 1000, expirySeconds: 4, watchMs: 500 };
const never = new AbortController().signal;

/** A run with its own connection to the machine. */
async function runOn(sshd: Sshd, identity: Partial<RunIdentity> = {}, proxy?: FaultProxy) {
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, proxy === undefined ? {} : { port: proxy.port });
  const cleanUp = new CleanUp();
  const lease = new Lease({
    target,
    runtime,
    cleanUp,
    identity: { run: 'https://github.example/a/b/actions/runs/1', attempt: 1, job: 'install', ...identity },
    times,
  });
  const bootId = await bootIdOf(target);
  const take = (phase = 'disko') => lease.take(bootId, phase, 'digest');
  const end = () => cleanUp.run((boot, signal) => lease.isOurs(boot, signal), runtime.log, never);
  return { runtime, target, lease, take, end, cleanUp };
}

const other = { run: 'https://github.example/a/b/actions/runs/2' };

test('of two runs one goes on; the other says who is at work, and what to do', async () => {
  const sshd = await startMachine();
  const [first, second] = [await runOn(sshd), await runOn(sshd, other)];
  await first.take();
  await first.lease.begin('disko');
  const error = await failure(second.take());
  expect(error).toBeInstanceOf(GuardError);
  expect(error.message).toMatch(
    /^another run works on this machine: https:\S+\/runs\/1 \(install\), for \d s, now in phase disko$/,
  );
  expect(error).toMatchObject({ hint: expect.stringContaining('`concurrency` group') });
  // who was refused leaves the other one alone
  await second.end();
  await first.lease.begin('install');
  await first.end();
  await second.take();
});

test('at the same moment: exactly one', async () => {
  const sshd = await startMachine();
  const runs = await Promise.all(['2', '3', '4'].map((run) => runOn(sshd, { run })));
  const results = await Promise.allSettled(runs.map(({ take }) => take()));
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
});

test('a run that went away without a word is taken over when its time is over', async () => {
  const sshd = await startMachine();
  const dead = await runOn(sshd);
  await dead.take();
  // as when it is killed
  dead.lease.end();
  const start = Date.now();
  const next = await runOn(sshd, other);
  await next.take();
  expect(Date.now() - start).toBeGreaterThan(3000);
  expect(next.runtime.log.text).toMatch(
    /warning: https:\S+\/runs\/1 \(install\) had this machine and has given no sign of life for \d s: it is taken over\./,
  );
});

test('the same run again takes over at once', async () => {
  const sshd = await startMachine();
  await (await runOn(sshd)).take();
  const start = Date.now();
  const again = await runOn(sshd, { attempt: 2 });
  await again.take();
  expect(Date.now() - start).toBeLessThan(3000);
  expect(again.runtime.log.text).toContain(
    'taken over from https://github.example/a/b/actions/runs/1 (install)',
  );
});

test('a run that comes back after its machine was taken over ends before its next act', async () => {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd);
  const cutOff = await runOn(sshd, {}, proxy);
  await cutOff.take();
  proxy.cut();
  const next = await runOn(sshd, other);
  await next.take();
  expect(cutOff.runtime.signal.aborted).toBe(false);
  // its phases connect again, and the next sign of life tells it
  await cutOff.target.connect();
  await until('it learns that', () => cutOff.runtime.signal.aborted);
  expect(cutOff.runtime.signal.reason).toBeInstanceOf(GuardError);
  expect(cutOff.runtime.signal.reason.message).toContain('/runs/2 (install) has taken it over');
  // and whatever it would remove belongs to the other one now
  let removed = false;
  cutOff.cleanUp.leave({
    what: 'x',
    bootId: await bootIdOf(next.target),
    remove: async () => {
      removed = true;
    },
  });
  await cutOff.end();
  expect(removed).toBe(false);
  await next.lease.begin('disko');
});

test('a phase that begins finds out, too', async () => {
  const sshd = await startMachine();
  const slow = await runOn(sshd);
  await slow.take();
  slow.lease.end();
  slow.lease.resume();
  await (await runOn(sshd, { attempt: 2 })).take();
  expect((await failure(slow.lease.begin('disko'))).message).toContain('this run lost the machine');
});

test('a connection that is lost for longer than the lease lasts costs nothing while nobody comes', async () => {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd);
  const run = await runOn(sshd, {}, proxy);
  await run.take();
  proxy.cut();
  await new Promise((resolve) => setTimeout(resolve, 6000));
  await run.lease.begin('disko');
  const next = await runOn(sshd, other);
  expect((await failure(next.take())).message).toContain('now in phase disko');
  expect(run.runtime.signal.aborted).toBe(false);
});

test('another boot ends it: at the next phase, and in between', async () => {
  const sshd = await startMachine();
  const [one, two] = [await runOn(sshd), await runOn(sshd, other)];
  await one.take();
  await sshd.restart();
  expect((await failure(one.lease.begin('disko'))).message).toContain('the machine was rebooted');
  // who planned before the reboot begins nothing after it
  expect((await failure(two.take())).message).toContain('the machine was rebooted');
  await until('the sign of life finds it', () => one.runtime.signal.aborted);
});

test('is given back at the end', async () => {
  const sshd = await startMachine();
  const run = await runOn(sshd);
  await run.take();
  await run.end();
  expect(run.runtime.log.text).not.toContain('warning');
  const { stdout } = await run.target.run(script('cat /run/nixos-anywhere/lease'), []);
  expect(stdout).toContain('released=yes');
});
