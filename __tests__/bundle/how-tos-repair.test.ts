// docs/repairing.md, carried out on machines in an installer, as far as no reboot is needed: that is for virtual machines.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { makeKey, type Sshd } from '../../testbed/sshd.mts';
import { imageThat } from '../support/bundle';
import { carryOut, inCheckout } from '../support/carry-out';
import { test } from '../support/concurrent';
import { blockOf, expectShown } from '../support/documents';
import { flakeWithScripts } from '../support/install';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';
import type { Here } from '../support/shown-steps';
import { nixosMachine, on } from '../support/workflow';

const page = 'docs/repairing.md';

interface Broken {
  readonly machine: Sshd;
  readonly here: (inputs?: Record<string, string>) => Here;
  /** What is mounted at /mnt there: a folder of this computer, with data on it. */
  readonly disk: string;
  readonly at: (path: string) => string;
}

/** A machine whose disk has data on it. Its disko script wipes that, its mount script does not. */
async function machineWithData(started: Promise<Sshd> = startMachine({ installer: true })): Promise<Broken> {
  const machine = await started;
  const disk = temporaryFolder('disk');
  const mount = `mount --bind ${disk} /mnt`;
  const flake = flakeWithScripts('web-1', {
    mountScript: `set -e\n${mount}`,
    diskoScript: `set -e\nrm -rf ${disk}/srv\n${mount}`,
  });
  const at = (path: string) => join(disk, path);
  mkdirSync(at('srv'));
  writeFileSync(at('srv/data'), 'kept');
  return { machine, here: (inputs) => inCheckout(machine, flake, inputs), disk, at };
}

/** No reboot here, of this computer's. */
const withoutReboot = { phases: 'disko,install' };

test('a repair keeps what is on the disks', async () => {
  const broken = await machineWithData();
  const run = await carryOut(page, 'Repair without wiping', broken.here(withoutReboot));
  expect(run.outputs, run.log).toMatchObject({ outcome: 'installed' });
  expect(run.result.plan?.offline.diskoMode).toBe('mount');
  expect(run.log).not.toMatch(/^ *WIPED/m);
  expect(readFileSync(broken.at('srv/data'), 'utf8')).toBe('kept');
  expect(existsSync(broken.at('etc/NIXOS'))).toBe(true);
  expectShown(run.log, 'docs/repairing.md', 'Repair without wiping');
});

test('what is put onto the new disk by hand is there after the install', async () => {
  const broken = await machineWithData();
  const heading = 'Do something by hand in between';
  const first = await carryOut(page, heading, broken.here(), { step: 0 });
  expect(first.outputs, first.log).toMatchObject({ outcome: 'prepared', 'target-state': 'partitioned' });
  const [, command = ''] = /'(.*)'/.exec(blockOf(page, heading, 'sh')) ?? [];
  const folder = temporaryFolder('backup');
  writeFileSync(join(folder, 'database'), 'old');
  await on(broken.machine, `tar -cC ${folder} database | (${command})`);
  // its other phase is for virtual machines
  const second = await carryOut(page, heading, broken.here({ phases: 'install' }), { step: 1 });
  expect(second.outputs, second.log).toMatchObject({ outcome: 'installed' });
  expect(existsSync(broken.at('srv'))).toBe(false);
  expect(readFileSync(broken.at('var/lib/app/database'), 'utf8')).toBe('old');
  expectShown(first.log + second.log, 'docs/repairing.md', 'Do something by hand in between');
});

function hook(when: string): Record<string, string> {
  const file = join(temporaryFolder('hook'), 'hook');
  writeFileSync(file, 'echo "no backup of today"; exit 1\n');
  return { hooks: `${when} target ${file}` };
}

test('before disko nothing on the disks is another', async () => {
  const broken = await machineWithData();
  const run = await carryOut(page, 'Going on after a run that failed', broken.here(hook('before-disko')));
  expect(run.outputs, run.log).toMatchObject({ outcome: 'failed', 'target-state': 'installer' });
  expect(readFileSync(broken.at('srv/data'), 'utf8')).toBe('kept');
  expectShown(run.log, 'docs/repairing.md', 'Back into the old system');
});

test('the same run again completes one that failed after disko', async () => {
  const broken = await machineWithData();
  const heading = 'Going on after a run that failed';
  const failed = await carryOut(page, heading, broken.here(hook('after-disko')));
  expect(failed.outputs, failed.log).toMatchObject({ outcome: 'failed', 'target-state': 'partitioned' });
  const again = await carryOut(page, heading, broken.here(withoutReboot));
  expect(again.outputs, again.log).toMatchObject({ outcome: 'installed' });
  expectShown(failed.log + again.log, 'docs/repairing.md', 'Going on after a run that failed');
});

test('a machine that is installed anew keeps its host keys', async () => {
  const installer = join(temporaryFolder('kexec'), 'installer');
  // of each kind one, in place of this computer's own
  const keys = (['ed25519', 'rsa', 'ecdsa'] as const).map((type) => {
    const key = makeKey(join(temporaryFolder('key'), 'host'), type);
    return { ...key, file: `ssh/ssh_host_${type}_key` };
  });
  const etc = Object.fromEntries(
    keys.flatMap((key) => [
      [key.file, key.private],
      [`${key.file}.pub`, key.public],
    ]),
  );
  const broken = await machineWithData(nixosMachine('1', { installer, etc }));
  const { machine } = broken;
  const here = broken.here({ kexec: imageThat('echo jumping'), phases: 'kexec,disko,install' });
  const run = await carryOut(page, 'Install anew, and keep the host keys', here, {
    onLine: (line) => {
      if (line !== 'target> jumping') return;
      writeFileSync(installer, '');
      setTimeout(() => void machine.restart(), 500);
    },
  });
  expect(run.outputs, run.log).toMatchObject({ outcome: 'installed' });
  expect(existsSync(broken.at('srv'))).toBe(false);
  for (const key of keys) expect(readFileSync(broken.at(`etc/${key.file}`), 'utf8')).toBe(key.private);
  expect(run.outputs['host-keys']).toContain(keys[0]?.public.split(' ')[1]);
  expectShown(run.log, 'docs/repairing.md', 'Install anew, and keep the host keys');
});
