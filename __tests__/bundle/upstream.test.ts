// What nixos-anywhere fell into, and what is different here: each fault by its name in parity/faults.ts.
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { buildable, configuration, inputsFor, makeDiskoFlake, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { becomeInstaller, script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

async function startInstaller() {
  const sshd = await startMachine();
  const target = targetOf(sshd, testRuntime());
  await becomeInstaller(target);
  return { sshd, target };
}

test('upstream: .#nixosConfigurations.foo gets no .config, and a quoted attribute is rejected', async () => {
  const flake = makeFlake(`{ nixosConfigurations.demo = ${configuration}; }`);
  const digests = await Promise.all(
    ['demo', 'nixosConfigurations.demo', '"demo"', 'nixosConfigurations."demo"'].map(async (attribute) => {
      const run = await runBundle({ inputs: { flake: `${flake}#${attribute}`, plan: 'offline' } });
      expect(run.code, run.log).toBe(0);
      return run.outputs['plan-digest'];
    }),
  );
  expect(new Set(digests).size).toBe(1);
});

test('upstream: an unknown flag silently becomes the host', async () => {
  const run = await runBundle({ inputs: { flake: '.#demo' }, env: { 'INPUT_FORCE-KEXECC': 'example.org' } });
  expect(run.errors[0]).toContain('input force-kexecc: is not an input of this action');
  expect(run.errors[0]).toContain('input target-host: is required');
  expect(run.result.target).toBe('');
});

test('upstream: key files of mode 0644 are refused', async () => {
  const { sshd } = await startInstaller();
  const file = join(temporaryFolder('key'), 'key');
  writeFileSync(file, sshd.clientKey.private);
  chmodSync(file, 0o644);
  const { 'ssh-private-key': _, ...inputs } = inputsFor(sshd, `${makeFlake()}#demo`);
  const run = await runBundle({ inputs: { ...inputs, 'ssh-private-key-file': file } });
  expect(run.code, run.log).toBe(0);
});

test('upstream: without #NAME two lines of help and exit 1', async () => {
  const run = await runBundle({ inputs: { flake: './dir', plan: 'offline' } });
  expect(run.errors[0]).toMatch(/^input flake: names no configuration; write \.\/dir#NAME/);
});

test('upstream: debug printed the private key', async () => {
  const { sshd } = await startInstaller();
  // runBundle looks for each line of the key in all that a run leaves
  const run = await runBundle({ inputs: { ...inputsFor(sshd, `${makeFlake()}#demo`), debug: 'true' } });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain('privateKey = "***"');
});

test('upstream: a trailing newline becomes part of the passphrase; a warning says so', async () => {
  const { sshd } = await startInstaller();
  const inputs = {
    ...inputsFor(sshd, `${makeFlake()}#demo`),
    'disk-encryption-keys': '/tmp/a env:A\n/tmp/b env:B',
  };
  const run = await runBundle({ inputs, env: { A: 'with-a-newline\n', B: 'without-a-newline' } });
  const warnings = run.warnings.filter((text) => text.includes('ends in a newline'));
  expect(warnings, run.log).toEqual([expect.stringContaining('/tmp/a')]);
});

test('upstream: install alone does not check that /mnt is mounted, so the closure fills the RAM', async () => {
  const { sshd, target } = await startInstaller();
  await target.run(script('umount /mnt'), []);
  const flake = `${makeFlake(`{ nixosConfigurations.demo = ${buildable}; }`)}#demo`;
  const inputs = { ...inputsFor(sshd, flake), plan: 'false', phases: 'install' };
  const run = await runBundle({ inputs: { ...inputs, 'allow-lockout': 'true' } });
  expect(run.result.failure?.message, run.log).toContain('mounted.sh failed');
  expect(run.result.failure?.lastLines).toEqual(['nothing is mounted at /mnt']);
  expect(run.log).not.toContain('copying');
});

test('an install alone that fails does not say that nothing on the disks was changed', async () => {
  const { sshd } = await startInstaller();
  const flake = `${makeFlake(`{ nixosConfigurations.demo = ${buildable}; }`)}#demo`;
  const inputs = { ...inputsFor(sshd, flake), plan: 'false', phases: 'install' };
  const run = await runBundle({ inputs: { ...inputs, 'allow-lockout': 'true' } });
  expect(run.outputs, run.log).toMatchObject({ outcome: 'failed', 'target-state': 'partitioned' });
  expect(run.log).toContain('copied /nix/store/');
  expect(run.errors[0]).toMatch(/installs anew on what is mounted there/);
  expect(run.errors[0]).not.toMatch(/was changed|is gone/);
});

/** PATH with all that a run needs, and no ssh. */
function withoutSsh(): string {
  const folder = temporaryFolder('path');
  const [nix = ''] = nixEnvironment().PATH.split(':');
  for (const name of ['nix', 'nix-daemon', 'nix-store']) symlinkSync(join(nix, name), join(folder, name));
  for (const name of ['sh', 'git', 'cat']) symlinkSync(join('/usr/bin', name), join(folder, name));
  return folder;
}

test('upstream lesson: ControlPath hangs closure copies; here no ssh program is there to have one', async () => {
  const { sshd } = await startInstaller();
  const inputs = { ...inputsFor(sshd, `${makeDiskoFlake('exit 0')}#demo`), plan: 'false', phases: 'disko' };
  const run = await runBundle({ inputs, env: { PATH: withoutSsh() } });
  expect(run.code, run.log).toBe(0);
});

test('upstream lesson: HOME may not be writable', async () => {
  const { sshd, target } = await startInstaller();
  await target.run(script('mount -o remount,ro /root; ! touch /root/x 2>/dev/null'), []);
  const inputs = { ...inputsFor(sshd, `${makeDiskoFlake('exit 0')}#demo`), plan: 'false', phases: 'disko' };
  const run = await runBundle({ inputs });
  expect(run.code, run.log).toBe(0);
});
