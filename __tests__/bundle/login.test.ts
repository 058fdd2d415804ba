// Each way to log in, from the inputs and variables of a step on.
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import {
  type BundleRun,
  imageThat,
  inputsFor,
  makeDiskoFlake,
  makeFlake,
  runBundle,
} from '../support/bundle';
import { atEnd, test, testEach } from '../support/concurrent';
import { expectFault } from '../support/fault-table';
import { expectNoLeak, LeakWatch, needlesOf, tracesOnTarget } from '../support/leak';
import {
  type MachineOptions,
  passwordsBy,
  script,
  startMachine,
  targetOf,
  withPasswords,
} from '../support/machine';
import { temporaryFolder, testRuntime, until } from '../support/runtime';
import { Watcher } from '../support/watcher';

/** Where guest logs in by password, and becomes root by the same one. */
function startWithPassword(password: string, more: MachineOptions = {}): Promise<Sshd> {
  const etc = { ...withPasswords({ guest: password }), sudoers: 'guest ALL=(ALL) ALL\n' };
  return startMachine({ authorizedKeys: [], config: passwordsBy('password'), etc, ...more });
}

function runAsGuest(
  sshd: Sshd,
  change: Record<string, string>,
  env: Record<string, string> = {},
  more: Parameters<typeof runBundle>[0] = {},
): Promise<BundleRun> {
  const inputs = { ...inputsFor(sshd, `${makeFlake()}#demo`), 'target-host': `guest@${sshd.host}` };
  return runBundle({ inputs: { ...inputs, 'ssh-private-key': '', ...change }, env, ...more });
}

describe('a password', () => {
  test('upstream: the password is never used for sudo; plans as a user who becomes root by it, and is shown nowhere', async () => {
    const password = `of the guest ${randomUUID()}`;
    const sshd = await startWithPassword(password);
    const dir = temporaryFolder('login');
    const watch = new LeakWatch(dir, [password], ['LOGIN_PASSWORD']);
    const there = new Watcher(needlesOf([password]));
    atEnd(() => there.stop());
    there.watch(sshd.pid);
    const run = await runAsGuest(
      sshd,
      { 'ssh-password': 'env:LOGIN_PASSWORD', debug: 'true' },
      { LOGIN_PASSWORD: password },
      { dir, onStart: watch.onStart, onLine: watch.onLine },
    );
    watch.stop();
    there.stop();
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ outcome: 'planned', 'target-state': 'untouched' });
    // what the kexec image takes along has no key of ours yet
    expect(JSON.parse(run.outputs.plan ?? '')).toMatchObject({ authorizeKey: true });
    expectNoLeak({ ...run, watch }, [password]);
    expect([...there.commands].join('\n')).toMatch(/sudo -k -S -p/);
    expect(there.sightings, 'processes of the machine with the password').toEqual([]);
    const root = targetOf(sshd, testRuntime(), {
      user: 'guest',
      login: { password, sudoPassword: password },
    });
    root.privilege = 'sudo-with-password';
    const onTarget = async (command: string, input: string) =>
      (await root.run(script(command), [], { privileged: true, stdin: Buffer.from(input) })).stdout;
    expect(await tracesOnTarget(onTarget, [password], ['/run', '/root', '/var/tmp', '/etc'])).toEqual([]);
  });

  testEach([
    ['SSHPASS', 'SSHPASS'],
    ['SSH_PASS', 'SSH_PASS'],
  ])('may stand in %s', async (_, name) => {
    const sshd = await startWithPassword('hunter2-hunter2');
    const run = await runAsGuest(sshd, {}, { [name]: 'hunter2-hunter2' });
    expect(run.code, run.log).toBe(0);
    expectNoLeak(run, ['hunter2-hunter2']);
  });

  test('is not sent to a machine that known-hosts does not pin, by a plan either', async () => {
    const sshd = await startWithPassword('hunter2');
    const run = await runAsGuest(sshd, { 'ssh-password': 'hunter2', 'known-hosts': '' });
    expect(run.code, run.log).toBe(1);
    expect(run.errors[0]).toMatch(/this run sends secrets \(ssh-password\) to the machine/);
    expect(run.errors[0]).toContain(sshd.hostKeyLine('ed25519').split(' ')[2]);
    expect(sshd.log()).not.toMatch(/password/i);
    const accepted = await runAsGuest(sshd, {
      'ssh-password': 'hunter2',
      'known-hosts': '',
      'ssh-option': 'StrictHostKeyChecking=accept-new',
    });
    expect(accepted.code, accepted.log).toBe(0);
  });

  test('that sudo does not accept stops the run, after one try', async () => {
    const sshd = await startWithPassword('right-right');
    const inputs = { 'ssh-password': 'right-right', 'sudo-password': 'wrong-wrong' };
    const run = await runAsGuest(sshd, inputs);
    expectFault('sudo does not accept the password', run);
    expect(run.errors).toEqual([
      expect.stringMatching(/sudo does not let guest become root.*\n*.*What to do: check sudo-password/),
    ]);
    expect(run.result.failure?.lastLines.join('\n')).toContain('1 incorrect password attempt');
    expectNoLeak(run, Object.values(inputs));
    const refused = await runAsGuest(sshd, { 'ssh-password': 'wrong-wrong' });
    expectFault('login refused', refused);
    expect(refused.errors[0]).toMatch(/refused the password.*\n*.*What to do: check ssh-password/);
  });

  test('without which sudo lets nobody in is asked for', async () => {
    const sshd = await startWithPassword('right-right');
    const key = { 'ssh-password': 'right-right', 'sudo-password': '' };
    const withoutSudo = await startWithPassword('right-right', { hidden: ['sudo', 'doas'] });
    expect((await runAsGuest(sshd, key)).code).toBe(0);
    const run = await runAsGuest(withoutSudo, key);
    expect(run.errors[0]).toMatch(/cannot become root.*\n*.*neither sudo nor doas/);
  });
});

test('a run by password stops before the kexec where it cannot leave the installer a key', async () => {
  const sshd = await startWithPassword('of the guest');
  const login = { password: 'of the guest', sudoPassword: 'of the guest' };
  const guest = targetOf(sshd, testRuntime(), { user: 'guest', login });
  guest.privilege = 'sudo-with-password';
  const readOnly =
    'mkdir /root/.ssh && touch /root/.ssh/authorized_keys && mount -t tmpfs -o ro tmpfs /root/.ssh';
  await guest.run(script(readOnly), [], { privileged: true });
  const run = await runAsGuest(sshd, {
    'ssh-password': 'of the guest',
    plan: 'false',
    phases: 'kexec',
    kexec: imageThat('echo jumping'),
  });
  expect(run.code, run.log).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
  expect(run.errors[0]).toMatch(/authorize\.sh failed.*\n*.*What to do: root’s authorized_keys cannot be/);
  expect(run.log).not.toContain('jumping');
});

test('a run by password works in an installer that has one', async () => {
  const sshd = await startMachine({
    installer: true,
    authorizedKeys: [],
    config: passwordsBy('keyboard-interactive'),
    etc: withPasswords({ root: 'of the installer' }),
  });
  const flake = makeDiskoFlake('mount -t tmpfs tmpfs /mnt && echo "disko as $(id -un)"');
  const run = await runBundle({
    inputs: {
      ...inputsFor(sshd, `${flake}#demo`),
      'ssh-private-key': '',
      'ssh-password': 'of the installer',
      plan: 'false',
      phases: 'disko',
    },
  });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'partitioned' });
  expect(run.log).toContain('disko> disko as root');
  expect(sshd.log()).not.toContain('publickey');
  expectNoLeak(run, ['of the installer']);
});

test('a run by password goes on in the installer with a key of its own, and leaves none on the old system', async () => {
  const password = `of the guest ${randomUUID()}`;
  const installer = join(temporaryFolder('jump'), 'installer');
  const sshd = await startWithPassword(password, { installer });
  const keys = join(sshd.dir, 'authorized_keys');
  // as the real one: takes the keys of root along, and answers with them some seconds later
  const kexec = imageThat(`cat /root/.ssh/authorized_keys >${keys}\ntouch ${installer}\necho jumping`);
  const running = runAsGuest(sshd, {
    'ssh-password': password,
    plan: 'false',
    phases: 'kexec',
    'allow-lockout': 'true',
    kexec,
  });
  await until('the machine jumps', () => existsSync(installer));
  await sleep(3000);
  const guest = targetOf(sshd, testRuntime(), { user: 'guest', login: { password, sudoPassword: password } });
  guest.privilege = 'sudo-with-password';
  const look = script('cat /root/.ssh/authorized_keys 2>/dev/null | wc -c');
  const left = (await guest.run(look, [], { privileged: true })).stdout.trim();
  await sshd.restart();
  const run = await running;
  expect(run.code, run.log).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  expect(sshd.log()).toContain('Accepted publickey for root');
  expect(sshd.log()).not.toContain('Failed password');
  expect(left).toBe('0');
  expectNoLeak(run, [password]);
});

describe('a key', () => {
  test('may stand in SSH_PRIVATE_KEY, or in a file', async () => {
    const sshd = await startMachine();
    const none = { 'ssh-private-key': '' };
    const inputs = { ...inputsFor(sshd, `${makeFlake()}#demo`), ...none };
    const byVariable = await runBundle({ inputs, env: { SSH_PRIVATE_KEY: sshd.clientKey.private } });
    expect(byVariable.code, byVariable.log).toBe(0);
    const home = temporaryFolder('home');
    writeFileSync(join(home, 'id'), sshd.clientKey.private, { mode: 0o644 });
    for (const path of [join(home, 'id'), '~/id']) {
      const run = await runBundle({
        inputs: { ...inputs, 'ssh-private-key-file': path },
        env: { HOME: home },
      });
      expect(run.code, run.log).toBe(0);
    }
  });

  test('may be held by an ssh-agent', async () => {
    const sshd = await startMachine();
    const socket = join(temporaryFolder('agent'), 'socket');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    atEnd(() => void agent.kill());
    await until('the agent listens', () => existsSync(socket));
    const env = { SSH_AUTH_SOCK: socket };
    const inputs = { ...inputsFor(sshd, `${makeFlake()}#demo`), 'ssh-private-key': '' };
    const without = await runBundle({ inputs, env });
    expect(without.errors[0]).toMatch(/refused the keys of the ssh-agent.*\n*.*has no key that can be used/);
    execFileSync('ssh-add', ['-q', sshd.clientKey.path], { env: { ...process.env, ...env } });
    const run = await runBundle({ inputs, env });
    expect(run.code, run.log).toBe(0);
  });
});
