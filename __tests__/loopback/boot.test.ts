// Waiting for another boot of the machine; starting its sshd again gives it another boot id.
import { expect } from 'vitest';
import { TimeoutError } from '../../src/errors';
import { identity } from '../../src/ssh/scripts';
import { stillTheOldBoot } from '../../src/ssh/target';
import { test, testEach } from '../support/concurrent';
import { bootIdOf, pinnedTo, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, testRuntime, until } from '../support/runtime';

test('a reboot is seen, and the connection to the new boot is kept', async () => {
  const sshd = await startMachine();
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { trust: pinnedTo(sshd, 'ed25519') });
  const before = await bootIdOf(target);
  const waiting = target.waitForBoot(before, 'the reboot', 20_000, 3);
  await until('the old boot was seen once more', () => runtime.log.text.includes('still the old boot'));
  await sshd.restart();
  const after = await waiting;
  expect(after).toMatch(/^[0-9a-f-]{36}$/);
  expect(after).not.toBe(before);
  expect(target.isConnected).toBe(true);
  expect((await target.run(identity, [])).stdout).toContain(`bootId=${after}\n`);
});

test('a machine that is gone for a while is waited for', async () => {
  const sshd = await startMachine();
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const before = await bootIdOf(target);
  await sshd.stop();
  const waiting = target.waitForBoot(before, 'the reboot', 20_000, 3);
  await until('the refusal was seen', () => runtime.log.text.includes('connection refused'));
  const again = await startMachine({ port: sshd.port, authorizedKeys: [sshd.clientKey.public] });
  target.trust.extend(pinnedTo(again, 'ed25519').accepted);
  expect(await waiting).not.toBe(before);
});

test('a connection that hangs in the middle of an answer is given up for a new one', async () => {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd, 100);
  const target = targetOf(sshd, testRuntime(), { port: proxy.port });
  const before = await bootIdOf(target);
  const start = Date.now();
  const sessions = () => sshd.log().split('Starting session').length;
  const count = sessions();
  const waiting = target.waitForBoot(before, 'the reboot', 40_000, 3);
  await until('it asks', () => sessions() > count);
  // the answer is still on its way
  proxy.blackhole();
  await sshd.restart();
  expect(await waiting).not.toBe(before);
  // sooner than the keepalives would tell
  expect(Date.now() - start).toBeLessThan(24_000);
});

test('the old boot that keeps answering: an error that says so', async () => {
  const sshd = await startMachine();
  const target = targetOf(sshd, testRuntime());
  const error = await failure(target.waitForBoot(await bootIdOf(target), 'the reboot', 3000, 3));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error.message).toBe('the reboot did not finish within 3.0 s; last seen: still the old boot');
});

test('nothing that answers: an error with what was seen last', async () => {
  const sshd = await startMachine();
  const target = targetOf(sshd, testRuntime());
  const before = await bootIdOf(target);
  await sshd.stop();
  const error = await failure(target.waitForBoot(before, 'the reboot', 3000, 3));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error.message).toMatch(/^the reboot did not finish within 3\.0 s; last seen: .*connection refused/);
});

test('another host key is refused at once', async () => {
  const sshd = await startMachine();
  const target = targetOf(sshd, testRuntime());
  const before = await bootIdOf(target);
  await sshd.stop();
  const other = await startMachine({ port: sshd.port, authorizedKeys: [sshd.clientKey.public] });
  const start = Date.now();
  expect(await failure(target.waitForBoot(before, 'the reboot', 30_000, 3))).toMatchObject({
    reason: 'host-key',
  });
  expect(Date.now() - start).toBeLessThan(5000);
  expect(other.log()).not.toContain('Accepted publickey');
});

testEach([
  ['login', ['PubkeyAuthentication no']],
  ['account', ['ForceCommand echo "This account is currently not available."; sleep 0.5; exit 1']],
])(
  'a refused %s is believed after some attempts, since users may appear late in a boot',
  async (_, config) => {
    const sshd = await startMachine({ config });
    const connections = () => sshd.log().split('Connection from').length - 1;
    const before = connections();
    const runtime = testRuntime();
    const target = targetOf(sshd, runtime, { trust: pinnedTo(sshd, 'ed25519') });
    const error = await failure(target.waitForBoot('an earlier one', 'the reboot', 30_000, 2));
    expect(error.message).toMatch(/refused the key|did not run boot-id.sh/);
    expect(connections() - before, runtime.log.text + sshd.log()).toBe(2);
  },
);

test('the end of a boot is waited for', async () => {
  const sshd = await startMachine();
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const gone = target.waitUntilGone(await bootIdOf(target), 'the jump', 20_000);
  await until('the old boot was seen', () => runtime.log.text.includes(stillTheOldBoot));
  await sshd.stop();
  await gone;
});

test('the end of a boot that does not come', async () => {
  const sshd = await startMachine();
  const target = targetOf(sshd, testRuntime());
  const error = await failure(target.waitUntilGone(await bootIdOf(target), 'the jump', 3000));
  expect(error.message).toBe('the jump did not finish within 3.0 s; last seen: still the old boot');
});
