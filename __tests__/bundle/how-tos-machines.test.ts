// docs/machines.md: a machine without a system, with little memory, or where kexec is not possible. Installers and machines are
// stand-ins on loopback; what is carried out is what the page says to write.
import { expect, vi } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { imageThat, runBundle } from '../support/bundle';
import { onMachine } from '../support/carry-out';
import { test } from '../support/concurrent';
import { expectShown, expectTroubles } from '../support/documents';
import { installableFlake } from '../support/install';
import { passwordsBy, script, startMachine, targetOf, withPasswords } from '../support/machine';
import { testRuntime } from '../support/runtime';
import { shownStep } from '../support/shown-steps';

// several runs each
vi.setConfig({ testTimeout: 120_000 });

const page = 'docs/machines.md';
const password = 'correct-horse-battery';
const disko = 'mount -t tmpfs none /mnt';

/** An installer that a console has given a password, for this user. */
function installerFor(user: string): Promise<Sshd> {
  const sudoers = 'Defaults env_keep += "PATH NIX_CONF_DIR"\nguest ALL=(ALL) NOPASSWD: ALL\n';
  return startMachine({
    installer: true,
    authorizedKeys: [],
    config: passwordsBy('password'),
    etc: { ...withPasswords({ [user]: password }), sudoers },
  });
}

const does = (sshd: Sshd, text: string) => targetOf(sshd, testRuntime()).run(script(`set -e\n${text}`), []);

/** What the section says to write, for this machine. */
function inputsOf(heading: string, sshd: Sshd, user = 'root', besides: Record<string, string> = {}) {
  const here = onMachine(sshd, {
    expressions: {
      'secrets.INSTALLER_PASSWORD': password,
      'vars.INSTALLER_KNOWN_HOSTS': sshd.hostKeyLine('ed25519'),
    },
    instead: { flake: `${installableFlake(disko)}#demo`, 'target-host': `${user}@${sshd.host}` },
    besides,
  });
  return shownStep(page, heading, here).inputs;
}

/** The plan of all that the section says, and then as far as it can be carried out here: this computer does not reboot. */
async function planAndInstall(inputs: Record<string, string>) {
  const plan = await runBundle({ inputs: { ...inputs, plan: 'true' } });
  expect(plan.outputs.outcome, plan.log).toBe('planned');
  const install = await runBundle({ inputs: { ...inputs, phases: 'disko,install' } });
  expect(install.outputs, install.log).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
  return `${plan.log}\n${install.log}`;
}

test('no operating system: the ISO, by the password that was set at its console', async () => {
  const sshd = await installerFor('guest');
  const inputs = inputsOf('A machine without an operating system', sshd, 'guest');
  expectShown(await planAndInstall(inputs), 'docs/machines.md', 'A machine without an operating system');
  const unpinned = await runBundle({ inputs: { ...inputs, 'known-hosts': '' } });
  expect(unpinned.errors[0]).toContain(sshd.hostKeyLine('ed25519').split(' ')[2]);
  const before = sshd.hostKeyLine('ed25519').replace(/ssh-ed25519 .*/, sshd.clientKey.public);
  const earlier = await runBundle({ inputs: { ...inputs, 'known-hosts': before } });
  expectTroubles([unpinned.log, earlier.log], page, 'A machine without an operating system');
  const wrong = await runBundle({ inputs: { ...inputs, 'ssh-password': 'mistyped-mistyped' } });
  expect(wrong.errors[0]).toContain('refused the password');
});

test('the image installer: root’s password, and phases that take over nothing else', async () => {
  const sshd = await installerFor('root');
  const inputs = inputsOf('The installers of nixos-images', sshd);
  expectShown(await planAndInstall(inputs), 'docs/machines.md', 'The installers of nixos-images');
  const other = await startMachine({
    config: passwordsBy('password'),
    etc: withPasswords({ root: password }),
  });
  const refused = await runBundle({ inputs: inputsOf('The installers of nixos-images', other) });
  expect(refused.outputs['target-state']).toBe('untouched');
  expectTroubles([refused.log], page, 'The installers of nixos-images');
});

const remembers = (kib: number) =>
  `echo 'MemTotal: ${kib} kB' >/run/meminfo; mount --bind /run/meminfo /proc/meminfo`;

test('little memory: warned of, without the tools of disko, and refused where there is too little', async () => {
  const heading = 'Little memory';
  const [little, less] = await Promise.all([startMachine(), startMachine()]);
  await Promise.all([does(little, remembers(1_200_000)), does(less, remembers(800_000))]);
  const run = await runBundle({ inputs: inputsOf(heading, little, 'root', { plan: 'true' }) });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/machines.md', 'Little memory');
  expect(run.log).not.toContain('brings its tools along');
  const withTools = await runBundle({
    inputs: inputsOf(heading, little, 'root', { plan: 'true', 'no-disko-deps': 'false' }),
  });
  expect(withTools.warnings.join('\n')).toContain('The disko script brings its tools along');
  const refused = await runBundle({ inputs: inputsOf(heading, less) });
  expect(refused.outputs['target-state']).toBe('untouched');
  expectTroubles([refused.log], page, heading);
});

const obstacles = [
  'mkdir -p /run/net/wlan0/device /run/net/wlan0/wireless; echo 1 >/run/net/wlan0/carrier; mount --bind /run/net /sys/class/net',
  "mount -t tmpfs none /sys/kernel/security; echo 'none [integrity] confidentiality' >/sys/kernel/security/lockdown",
  `boot=$(cat /proc/sys/kernel/random/boot_id); mount -t tmpfs none /proc/sys/kernel; mkdir /proc/sys/kernel/random
   echo "$boot" >/proc/sys/kernel/random/boot_id; echo 1 >/proc/sys/kernel/kexec_load_disabled`,
  'mount --bind /dev/null /usr/bin/cpio',
];
const container =
  "printf '#!/bin/sh\\necho openvz\\n' >/run/virt; chmod 755 /run/virt; mount --bind /run/virt /usr/bin/systemd-detect-virt";

test('where kexec is not possible: a plan says so, before anything is done', async () => {
  const heading = 'Where kexec is not possible';
  const look = async (text: string) => {
    const sshd = await startMachine();
    await does(sshd, text);
    return runBundle({ inputs: inputsOf(heading, sshd) });
  };
  const usual = await look('true');
  expect(usual.code, usual.log).toBe(0);
  expectShown(usual.log, 'docs/machines.md', 'Where kexec is not possible');
  const refused = await Promise.all(obstacles.map(look));
  for (const run of refused) expect(run.result.failure?.kind, run.log).toBe('guard');
  const warned = await look(container);
  expect(warned.code, warned.log).toBe(0);
  expectTroubles(
    [...refused, warned].map(({ log }) => log),
    page,
    heading,
  );
});

test('an installer is asked none of this', async () => {
  const sshd = await startMachine({ installer: true });
  await does(sshd, [...obstacles, remembers(800_000)].join('\n'));
  const inputs = { ...inputsOf('Where kexec is not possible', sshd), kexec: imageThat('false') };
  const run = await runBundle({ inputs });
  expect(run.code, run.log).toBe(0);
  expect(run.result.plan).toMatchObject({ kexec: null });
});
