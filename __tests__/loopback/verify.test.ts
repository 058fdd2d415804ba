// The proof that the new system runs: sshd on a machine that plays the installer, then one that plays what comes after.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { PhaseContext } from '../../src/phases/context';
import { verify } from '../../src/phases/verify';
import type { ConfigurationEvaluation } from '../../src/plan/evaluation';
import type { PhaseName } from '../../src/plan/plan';
import type { HostKey } from '../../src/ssh/host-keys';
import { freePort } from '../../testbed/ports.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { configured } from '../support/evaluation';
import { hostKeysOf, type MachineOptions, pinnedTo, startMachine, targetOf } from '../support/machine';
import { failure, type TestRuntime, temporaryFolder, testRuntime, until } from '../support/runtime';

/** Something that exists, for the installed system. */
const system = '/usr';

interface Scene {
  readonly installer: Sshd;
  readonly context: PhaseContext;
  readonly runtime: TestRuntime;
}

/** An installer that is connected to, and what the phases before verify leave. */
async function scene(
  inputs: Record<string, string> = {},
  evaluation: Partial<ConfigurationEvaluation> = {},
): Promise<Scene> {
  const installer = await startMachine();
  const runtime = testRuntime();
  const target = targetOf(installer, runtime, { trust: pinnedTo(installer, 'ed25519') });
  const given = { 'post-install-ssh-port': String(installer.port), 'reboot-timeout': '40s', ...inputs };
  const whole = await contextOf(installer, target, runtime, given);
  const phases: PhaseName[] = ['install', 'reboot', 'verify'];
  const context = {
    ...whole,
    plan: { ...whole.plan, phases },
    evaluation: { ...configured, toplevel: { drvPath: '', outPath: system }, ...evaluation },
  };
  context.progress.targetState = 'installed';
  return { installer, context, runtime };
}

/** The installer goes, and this comes; by default at its address, and letting in who was let in. */
async function becomes({ installer }: Scene, options: MachineOptions = {}): Promise<Sshd> {
  const authorizedKeys = [installer.clientKey.public];
  await installer.stop();
  return startMachine({ port: installer.port, authorizedKeys, system, ...options });
}

const keysOf = (sshd: Sshd): HostKey[] => hostKeysOf(sshd, 'ed25519');

/** verify, expecting the keys of this machine. */
function verifying({ context }: Scene, sshd: Sshd): Promise<void> {
  context.progress.expectedHostKeys = keysOf(sshd);
  return verify(context);
}

describe('the new system', () => {
  test('is proven by its host key, another boot and its path', async () => {
    const here = await scene();
    const installed = await becomes(here);
    await verifying(here, installed);
    expect(here.context.progress).toMatchObject({
      verified: 'system',
      targetState: 'booted',
      hostKeyLines: [installed.hostKeyLine('ed25519').replace(/ throw-away$/, '')],
      agePublicKeys: [expect.stringMatching(/^age1[02-9ac-hj-np-z]{58}$/)],
    });
  });

  test('with the keys of the installer is told from it by its boot', async () => {
    const here = await scene();
    const { context, runtime } = here;
    const installer = await becomes(here);
    context.target.moveTo({ trust: pinnedTo(installer, 'ed25519') });
    const facts = await context.target.run(
      { name: 'b', text: 'cat /proc/sys/kernel/random/boot_id', repeatable: true },
      [],
    );
    context.facts = { ...context.facts, bootId: facts.stdout.trim() };
    const work = verifying(here, installer);
    await until('the installer was seen', () => runtime.log.text.includes('still the old boot'));
    await installer.restart();
    await work;
    expect(context.progress.verified).toBe('system');
  });

  test('is reached at another port, by another user and with another key', async () => {
    const port = await freePort();
    const other = await startMachine();
    const here = await scene({
      'post-install-ssh-port': String(port),
      'post-install-ssh-user': 'guest',
      'post-install-ssh-private-key': other.clientKey.private,
    });
    // sshd reads them as the user who logs in, who may not look into its folder
    const folder = temporaryFolder('keys');
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'guest'), other.clientKey.public);
    const installed = await becomes(here, { port, config: [`AuthorizedKeysFile ${folder}/%u`] });
    await verifying(here, installed);
    expect(here.context.progress.verified).toBe('system');
    expect(here.context.progress.hostKeyLines[0]).toContain(`[127.0.0.1]:${port} `);
    expect(installed.log()).toContain('Accepted publickey for guest');
  });

  test('at another address is waited for, while the installer’s key is still shown there', async () => {
    const port = await freePort();
    const here = await scene({ 'post-install-ssh-host': 'localhost', 'post-install-ssh-port': String(port) });
    const { context, runtime, installer } = here;
    const lingering = await startMachine({ port });
    const installed = await becomes(here, { port: await freePort() });
    // the other address leads to the installer, whose key this is here
    context.target.moveTo({ trust: pinnedTo(lingering, 'ed25519') });
    const work = verifying(here, installed);
    await until('the old key was seen', () => runtime.log.text.includes('the installer’s host key at'));
    await lingering.stop();
    const error = failure(work);
    await startMachine({ port, authorizedKeys: [installer.clientKey.public], system });
    expect((await error).message).toContain('another host key');
  });

  test('that runs something else is refused', async () => {
    const here = await scene();
    const installed = await becomes(here, { system: '/var' });
    const error = await failure(verifying(here, installed));
    expect(error.message).toContain('the machine booted /var, not /usr');
    expect(here.context.progress).toMatchObject({ verified: 'none', targetState: 'installed' });
  });

  test('that shows another key than the one on its disk is refused', async () => {
    const here = await scene();
    await becomes(here);
    const error = await failure(verifying(here, await startMachine()));
    expect(error).toMatchObject({
      reason: 'host-key',
      hint: expect.stringContaining('does the configuration replace it at boot'),
    });
  });

  test('that is the old one again, from another disk, is refused though its key is known', async () => {
    const here = await scene();
    const old = await becomes(here);
    // kexec has brought the old system's keys into the installer
    here.context.target.trust.extend(keysOf(old));
    const error = await failure(verifying(here, await startMachine()));
    expect(error.message).toContain('does not show the host key that was made for it');
  });

  test('that never answers: an error with advice', async () => {
    const here = await scene({ 'reboot-timeout': '4s' });
    await here.installer.stop();
    const error = await failure(verifying(here, await startMachine()));
    expect(error.message).toMatch(/did not finish within .*connection refused/);
    expect(error).toMatchObject({ hint: expect.stringContaining('look at its console') });
    expect(here.context.progress.targetState).toBe('installed');
  });

  test('that is not recognisable is not verified', async () => {
    const here = await scene();
    await verify(here.context);
    expect(here.runtime.log.text).toContain('warning: Not verified: no host key of the new system was known');
    expect(here.context.progress).toMatchObject({ verified: 'none', targetState: 'installed' });
  });
});

describe('a login that is refused', () => {
  const closed = { config: ['PubkeyAuthentication no'] };

  testEach([['auto'], ['host-key']])('is enough for %s: the host key is proof', async (level) => {
    const here = await scene({ verify: level });
    await verifying(here, await becomes(here, closed));
    expect(here.context.progress).toMatchObject({ verified: 'host-key', targetState: 'booted' });
    expect(here.runtime.log.text.includes('warning: Verified by host key only')).toBe(level === 'auto');
  });

  test('an account without a shell is as good as a refused login', async () => {
    const here = await scene();
    await verifying(
      here,
      await becomes(here, { config: ['ForceCommand echo not available; sleep 0.3; exit 1'] }),
    );
    expect(here.context.progress.verified).toBe('host-key');
  });

  test('by the installer, which knows root only, does not count', async () => {
    const here = await scene({ 'post-install-ssh-user': 'guest', 'reboot-timeout': '9s' });
    const error = await failure(verifying(here, here.installer));
    expect(error).toMatchObject({
      message: expect.stringContaining('last seen: still the old boot'),
      hint: expect.stringContaining('the installer still answers'),
    });
    expect(here.context.progress.verified).toBe('none');
  });

  test('is not enough for system', async () => {
    const here = await scene({ verify: 'system' });
    const error = await failure(verifying(here, await becomes(here, closed)));
    expect(error).toMatchObject({
      message: expect.stringContaining('refused the key'),
      hint: expect.stringContaining('post-install-ssh-user'),
    });
  });
});

describe('post-install-known-hosts', () => {
  test('takes the place of the keys that were made', async () => {
    const other = await startMachine();
    // the lines are inputs, and the port is not free before the installer is gone
    const port = await freePort();
    const installed = await startMachine({ port, system });
    const here = await scene({
      'post-install-ssh-port': String(port),
      'post-install-ssh-private-key': installed.clientKey.private,
      'post-install-known-hosts': installed.hostKeyLine('ed25519'),
    });
    await here.installer.stop();
    await verifying(here, other);
    expect(here.context.progress.verified).toBe('system');
    expect(here.context.progress.hostKeyLines).toEqual([
      installed.hostKeyLine('ed25519').replace(/ throw-away$/, ''),
    ]);
  });

  test('is what the new system must show', async () => {
    const other = await startMachine();
    const port = await freePort();
    const line = other.hostKeyLine('ed25519').replace(String(other.port), String(port));
    const here = await scene({ 'post-install-ssh-port': String(port), 'post-install-known-hosts': line });
    const installed = await becomes(here, { port });
    const error = await failure(verifying(here, installed));
    expect(error).toMatchObject({ reason: 'host-key' });
    expect(here.context.progress.verified).toBe('none');
  });
});

describe('an initrd that waits for a passphrase', () => {
  const withInitrd = (systemPort: number, port: number): Partial<ConfigurationEvaluation> => ({
    sshd: { ...configured.sshd, ports: [systemPort] },
    initrdSsh: { enabled: true, port, hostKeys: ['/etc/initrd-key'] },
  });

  /** A machine whose initrd answers at a port, with a key that the installed system does not have. */
  async function locked(inputs: Record<string, string>, options: { ownPort: boolean; keysKnown: boolean }) {
    const port = await freePort();
    const here = await scene({ 'post-install-ssh-port': String(port), ...inputs });
    const initrdPort = options.ownPort ? await freePort() : port;
    Object.assign(here.context, {
      evaluation: { ...here.context.evaluation, ...withInitrd(port, initrdPort) },
    });
    const initrd = await becomes(here, { port: initrdPort, system: '' });
    if (options.keysKnown) here.context.progress.initrdHostKeys = keysOf(initrd);
    return { here, initrd, port };
  }

  testEach<string, { ownPort: boolean; keysKnown: boolean }>([
    ['by its key, at the system’s port', { ownPort: false, keysKnown: true }],
    ['by its key, at a port of its own', { ownPort: true, keysKnown: true }],
    ['by its port, where its key is unknown', { ownPort: true, keysKnown: false }],
  ])('is recognised %s, and good enough for auto', async (_, how) => {
    const { here } = await locked({}, how);
    await verifying(here, await startMachine());
    expect(here.context.progress).toMatchObject({ verified: 'none', targetState: 'unlocking' });
    expect(here.runtime.log.text).toContain(
      'warning: Not verified: the new system boots, but waits in its initrd',
    );
    expect(here.context.progress.hostKeyLines).toHaveLength(1);
  });

  testEach<string, { ownPort: boolean; keysKnown: boolean }>([
    ['at the system’s port', { ownPort: false, keysKnown: true }],
    ['at a port of its own', { ownPort: true, keysKnown: true }],
  ])('is waited for with system, %s, until somebody unlocks it', async (_, how) => {
    const port = await freePort();
    const { here, initrd } = await locked({ verify: 'system' }, how);
    // the keys are known before the machine that shows them runs, as those on a disk are
    const later = await startMachine({ port, system, authorizedKeys: [here.installer.clientKey.public] });
    const at = here.context.settings.postInstall.port.value ?? 0;
    const work = verifying(here, later);
    await until('it was seen', () => here.runtime.log.text.includes('waits for a disk'), 30_000);
    expect(here.context.progress.targetState).toBe('unlocking');
    await initrd.stop();
    await later.moveTo(at);
    await work;
    expect(here.context.progress).toMatchObject({ verified: 'system', targetState: 'booted' });
  });

  testEach<string, Partial<ConfigurationEvaluation>>([
    ['who forwards the system’s port', { sshd: { ...configured.sshd, ports: [22] } }],
    ['with another key than the initrd’s', {}],
  ])('is not taken from somebody %s', async (_, change) => {
    const { here, initrd } = await locked({ 'reboot-timeout': '8s' }, { ownPort: true, keysKnown: false });
    Object.assign(here.context, { evaluation: { ...here.context.evaluation, ...change } });
    if (change.sshd === undefined) here.context.progress.initrdHostKeys = keysOf(await startMachine());
    expect((await failure(verifying(here, await startMachine()))).message).toContain(
      'last seen: root@127.0.0.1',
    );
    expect(here.context.progress.targetState).toBe('installed');
    expect(initrd.log()).toContain('Connection from');
  });

  test('that nobody unlocks in time fails, and says so', async () => {
    const { here } = await locked(
      { verify: 'host-key', 'reboot-timeout': '9s' },
      { ownPort: false, keysKnown: true },
    );
    const error = await failure(verifying(here, await startMachine()));
    expect(error).toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining("last seen: the initrd waits for a disk's passphrase on port"),
      hint: expect.stringContaining('nobody has entered'),
    });
    expect(here.context.progress).toMatchObject({ verified: 'none', targetState: 'unlocking' });
  });

  test('is not taken for the system where it has its key and lets us in', async () => {
    const { here, initrd } = await locked(
      { verify: 'system', 'reboot-timeout': '9s' },
      { ownPort: false, keysKnown: true },
    );
    expect((await failure(verifying(here, initrd))).message).toContain('did not finish within');
    expect(here.context.progress).toMatchObject({ verified: 'none', targetState: 'unlocking' });
  });
});
