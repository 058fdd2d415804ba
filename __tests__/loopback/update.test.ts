// The update phase against a real sshd and a real Nix: what it leaves on the machine, and what it says when it fails.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { ConnectionError, NixError, RemoteCommandError, TimeoutError } from '../../src/errors';
import type { PhaseContext } from '../../src/phases/context';
import { takeOver } from '../../src/phases/take-over';
import { update } from '../../src/phases/update';
import { verify } from '../../src/phases/verify';
import { systemPathOf } from '../../src/plan/evaluation';
import { gatherFacts } from '../../src/plan/facts';
import { findPrivilege } from '../../src/plan/privilege';
import { runDetachedToTheEnd } from '../../src/ssh/detached';
import type { Sshd } from '../../testbed/sshd.mts';
import { test } from '../support/concurrent';
import { contextOf } from '../support/context';
import {
  type MachineOptions,
  passwordsBy,
  script,
  startMachine,
  startProxy,
  type TargetChange,
  targetOf,
  withPasswords,
} from '../support/machine';
import { failure, type TestRuntime, testRuntime, until } from '../support/runtime';
import { makeSystem } from '../support/store';

// biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
const activate = 'ln -sfn "${0%/bin/*}" /run/current-system';

interface Updating {
  readonly context: PhaseContext;
  readonly runtime: TestRuntime;
  readonly sshd: Sshd;
  readonly proxy: Awaited<ReturnType<typeof startProxy>>;
  /** Runs shell text on the machine and gives what it printed. */
  readonly on: (text: string) => Promise<string>;
}

/** A machine that is to be updated to a system, seen through a proxy; `before` ran when its facts are gathered. */
async function updating(
  system: string,
  inputs: Record<string, string> = {},
  before = 'true',
  as: TargetChange = {},
  machine: MachineOptions = {},
): Promise<Updating> {
  const sshd = await startMachine(machine);
  const proxy = await startProxy(sshd);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port, connectMs: 3000, ...as });
  const direct = targetOf(sshd, runtime);
  const on = async (text: string) => (await direct.run(script(text), [])).stdout.trim();
  await on(before);
  const made = await contextOf(sshd, target, runtime, inputs);
  const context: PhaseContext = {
    ...made,
    plan: { ...made.plan, action: 'update' },
    evaluation: { ...made.evaluation, toplevel: { drvPath: '', outPath: system } },
  };
  return { context, runtime, sshd, proxy, on };
}

const profile = 'readlink -f /nix/var/nix/profiles/system || true';
const record = '/nix/var/nixos-anywhere/install-id';

describe('an update', () => {
  test('copies, sets the profile, switches, and records its id; once more it changes nothing', async () => {
    const system = makeSystem(`${activate}; echo switched >>/run/switched; echo "hello from $0"`);
    const { context, runtime, on } = await updating(system, { 'install-id': 'web-1' });
    await update(context);
    await verify(context);
    expect(await on(profile)).toBe(system);
    expect(await on(`cat ${record}; stat -c %a ${record}`)).toBe('web-1\n644');
    expect(runtime.log.text).toContain(`switch> hello from ${system}/bin/switch-to-configuration`);
    expect(context.progress.result('updated')).toMatchObject({
      targetState: 'booted',
      systemPath: system,
      verified: 'system',
    });

    const facts = await gatherFacts(context.target);
    expect(facts).toMatchObject({ systemPath: system, profilePath: system, installId: 'web-1' });
    const inode = await on(`stat -c %i ${record}`);
    await update({ ...context, facts });
    expect(await on(`stat -c %i ${record}; cat /run/switched`)).toBe(`${inode}\nswitched`);
  });

  test('keeps the id that is recorded, and records none without one', async () => {
    const system = makeSystem(activate);
    const keep = `mkdir -p /nix/var/nixos-anywhere; echo first >${record}`;
    const recorded = await updating(system, { 'install-id': 'second' }, keep);
    await update(recorded.context);
    expect(await recorded.on(`cat ${record}`)).toBe('first');
    const without = await updating(system);
    await update(without.context);
    expect(await without.on(`ls ${record} 2>/dev/null || echo none`)).toBe('none');
  });

  test('whose units fail is done, with a warning that names them', async () => {
    const units = 'echo "warning: the following units failed: one.service, two.mount" >&2; exit 4';
    const { context, runtime } = await updating(makeSystem(`${activate}; ${units}`));
    await update(context);
    await verify(context);
    expect(runtime.log.text).toMatch(/^warning: .*units failed .*: one\.service, two\.mount\.$/m);
    expect(context.progress.result('updated')).toMatchObject({
      targetState: 'booted',
      failedUnits: ['one.service', 'two.mount'],
    });
  });

  test('that fails tells why, and how to go back', async () => {
    const before = '/nix/store/before-nixos-system';
    const link = `mkdir -p ${before} /nix/var/nix/profiles; ln -s ${before} /nix/var/nix/profiles/system`;
    const system = makeSystem('echo "Pre-switch checks failed" >&2; exit 1');
    const { context, on } = await updating(system, {}, link);
    const error = await failure(update(context));
    if (!(error instanceof RemoteCommandError)) throw error;
    expect(error.message).toBe('switch failed with exit code 1 on the target: Pre-switch checks failed');
    expect(error.lastLines.at(-1)).toBe('Pre-switch checks failed');
    expect(error.hint).toContain(`--set ${before} && ${before}/bin/switch-to-configuration switch`);
    // it boots next, and nobody saw it run
    expect(await on(profile)).toBe(system);
    expect(context.progress.targetState).toBe('installed');
  });

  test('that hangs is given up, and may still come to its end', async () => {
    const { context } = await updating(makeSystem('echo began; sleep 50'), { 'idle-timeout': '4s' });
    const error = await failure(update(context));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toMatch(/no output .*; it may go on there/);
    expect(context.progress).toMatchObject({ targetState: 'installed', goesOn: 'switch' });
  });

  test('that takes a reboot says so', async () => {
    const { context } = await updating(makeSystem('exit 100'));
    expect(await failure(update(context))).toMatchObject({
      message: expect.stringContaining('takes a reboot'),
      hint: expect.stringContaining('reboot the machine and run again'),
    });
  });

  test('to a system that cannot be switched to leaves the machine as it was', async () => {
    const { context, on } = await updating(makeSystem(''));
    const error = await failure(update(context));
    expect(error.message).toContain('has no bin/switch-to-configuration');
    expect(await on(`ls /nix/var/nix/profiles/system 2>/dev/null || echo none`)).toBe('none');
    expect(context.progress.targetState).toBe('untouched');
  });

  test('of a machine whose store is full says that, before anything is switched', async () => {
    const room = 'mount -t tmpfs -o size=6m tmpfs /nix';
    const { context, on } = await updating(makeSystem(activate, 12), {}, room);
    const error = await failure(update(context));
    expect(error).toBeInstanceOf(NixError);
    expect(error.message).toMatch(/has no room for the system in its \/nix\/store \(\d+ MiB are left\)/);
    expect(error).toMatchObject({ hint: expect.stringContaining('nix-collect-garbage') });
    expect(await on(`ls /nix/var/nix/profiles/system 2>/dev/null || echo none`)).toBe('none');
    expect(context.progress.targetState).toBe('untouched');
  });
});

describe('a switch that cuts the connection', () => {
  test('goes on, and is followed again', async () => {
    const text = `echo began; sleep 2; ${activate}; echo once >>/run/switched; echo done`;
    const { context, runtime, proxy, on } = await updating(makeSystem(text));
    const running = update(context);
    await until('it began', () => runtime.log.text.includes('switch> began'));
    proxy.cut();
    await running;
    await verify(context);
    expect(await on('cat /run/switched')).toBe('once');
    expect(runtime.log.text).toContain('was lost during switch; connecting again');
    expect(context.progress.result('updated')).toMatchObject({ targetState: 'booted', verified: 'system' });
  });

  test('and never lets us in again is called a lock-out', async () => {
    const { context, runtime, proxy } = await updating(makeSystem('echo began; sleep 5'));
    const running = failure(update(context));
    await until('it began', () => runtime.log.text.includes('switch> began'));
    await proxy.close();
    const error = await running;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/has locked this run out: .*connection refused/);
    expect(error).toMatchObject({
      hint: expect.stringMatching(/console.*The machine had no system profile before/),
    });
    expect(context.progress.result('failed')).toMatchObject({ targetState: 'installed', verified: 'none' });
  });

  test('because the machine moved is no lock-out where the inputs say so', async () => {
    const { context, proxy, sshd } = await updating(makeSystem(activate));
    await update(context);
    await proxy.close();
    const { settings } = context;
    const port = { value: sshd.port, source: 'input' } as const;
    const moved = { ...settings, postInstall: { ...settings.postInstall, port } };
    await verify({ ...context, settings: moved });
    expect(context.progress.result('updated')).toMatchObject({ targetState: 'booted', verified: 'system' });
    expect(context.progress.hostKeyLines[0]).toContain(`:${sshd.port} `);
  });

  test('by a password, also for sudo, goes on with them after a lost connection', async () => {
    const password = 'of the guest';
    const system = makeSystem(`echo began; sleep 3; ${activate}`);
    const { context, runtime, sshd, proxy, on } = await updating(
      system,
      { 'target-host': 'guest@127.0.0.1', 'ssh-private-key': '', 'ssh-password': password },
      'true',
      { user: 'guest', login: { password, sudoPassword: password } },
      {
        config: passwordsBy('password'),
        etc: { ...withPasswords({ guest: password }), sudoers: 'guest ALL=(ALL) ALL\n' },
      },
    );
    await findPrivilege(context.target, context.facts);
    const running = update(context);
    await until('it began', () => runtime.log.text.includes('switch> began'));
    proxy.cut();
    await running;
    const logins = () => sshd.log().match(/Accepted password for guest/g)?.length ?? 0;
    const before = logins();
    expect(before).toBe(2);
    await verify(context);
    // a new one, which the new system has let in
    expect(logins()).toBe(3);
    expect(await on(profile)).toBe(system);
    expect(context.progress.result('updated')).toMatchObject({ targetState: 'booted', verified: 'system' });
  });

  test('and does not know our key for a moment is given some', async () => {
    const { context, sshd, runtime, proxy } = await updating(makeSystem(`echo began; sleep 3; ${activate}`));
    const keys = join(sshd.dir, 'authorized_keys');
    const known = readFileSync(keys);
    const running = update(context);
    await until('it began', () => runtime.log.text.includes('switch> began'));
    writeFileSync(keys, '');
    proxy.cut();
    await until('it was refused', () => runtime.log.text.includes('refused the key'));
    writeFileSync(keys, known);
    await running;
    await verify(context);
    expect(context.progress.result('updated')).toMatchObject({ targetState: 'booted', verified: 'system' });
  });

  test('and takes our key away is noticed by a new login', async () => {
    const { context, sshd } = await updating(makeSystem(activate), { verify: 'system' });
    await update(context);
    writeFileSync(join(sshd.dir, 'authorized_keys'), '');
    expect(context.target.isConnected).toBe(true);
    const error = await failure(verify(context));
    expect(error.message).toMatch(/has locked this run out: .*refused the key/);
    expect(error).toMatchObject({ hint: expect.stringContaining('does the configuration authorize it') });
    expect(context.progress.targetState).toBe('installed');
  });

  test('and takes our key away is what verify: host-key is content with', async () => {
    const { context, sshd } = await updating(makeSystem(activate), { verify: 'host-key' });
    await update(context);
    writeFileSync(join(sshd.dir, 'authorized_keys'), '');
    await verify(context);
    expect(context.progress.result('updated')).toMatchObject({
      targetState: 'installed',
      verified: 'host-key',
    });
  });
});

describe('what an earlier run left', () => {
  test('a switch that still goes on is waited for', async () => {
    const { context, runtime, on } = await updating(makeSystem(activate));
    const text = 'echo began; sleep 3; echo ended';
    const onLine = (line: string) => runtime.log.foreign('switch', line);
    const work = { name: 'switch', script: text, args: [], idleMs: 9000, onLine };
    const earlier = runDetachedToTheEnd(context.target, work, 'another');
    earlier.catch(() => undefined);
    await until('it began', () => runtime.log.text.includes('switch> began'));
    context.target.close();
    await takeOver(context);
    expect(runtime.log.text).toMatch(/waited for what an earlier run had left running: switch-/);
    await update(context);
    expect(await on(profile)).toBe(systemPathOf(context.evaluation));
  });
});
