// An install that is bound to an approved plan. What is approved is carried out up to a kexec image that is none; so
// whatever stops there has passed the approval.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, buildable, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { expectFault } from '../support/fault-table';
import { hostKeysOf, script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

const flakeOf = (text = buildable) => `${makeFlake(`{ nixosConfigurations.demo = ${text}; }`)}#demo`;

function noImage(): string {
  const file = join(temporaryFolder('image'), 'image.tar.gz');
  writeFileSync(file, 'not an image');
  return file;
}

async function planOf(inputs: Record<string, string>): Promise<string> {
  const run = await runBundle({ inputs: { ...inputs, plan: 'true' } });
  expect(run.code, run.log).toBe(0);
  return run.outputs['plan-digest'] ?? '';
}

const install = (inputs: Record<string, string>, approved: string, more: Record<string, string> = {}) =>
  runBundle({ inputs: { ...inputs, plan: 'false', 'approved-plan': approved, ...more } });

/** Refused before anything was touched, with both digests and the plan as it is now. */
function expectRefused(run: BundleRun, approved: string): void {
  expectFault('plan changed after the approval', run);
  expect(run.errors[0]).toContain(approved);
  expect(run.errors[0]).toContain(run.outputs['plan-digest']);
  expect(run.outputs['plan-digest']).toMatch(/^sha256:/);
  expect(run.log).toContain('Plan: install');
  expect(run.summary).toContain('nixosConfigurations');
}

/** What an installer looks like, as far as anyone asks. */
async function becomeInstaller(sshd: Sshd): Promise<void> {
  const text =
    "printf 'ID=nixos\\nVARIANT_ID=installer\\n' >/run/os-release; mount --bind /run/os-release /etc/os-release";
  await targetOf(sshd, testRuntime()).run(script(text), []);
}

test('the approved plan goes on; what was approved for another machine, system or action does not', async () => {
  const [sshd, otherMachine] = [await startMachine(), await startMachine()];
  const inputs = { ...inputsFor(sshd, flakeOf()), kexec: noImage() };
  const approved = await planOf(inputs);

  const run = await install(inputs, approved);
  expect(run.code).toBe(1);
  expect(run.result.failure, run.log).toMatchObject({
    phase: 'build',
    message: expect.stringMatching(/image/),
  });
  // and again: what the first one left changes nothing
  expect((await install(inputs, approved)).result.failure?.phase).toBe('build');

  const { 'ssh-port': port, 'known-hosts': hosts } = inputsFor(otherMachine, '');
  const there = { 'ssh-private-key': otherMachine.clientKey.private, 'post-kexec-ssh-port': port ?? '' };
  const changes: Record<string, string>[] = [
    { flake: flakeOf(buildable.replace('nixos-system-demo', 'nixos-system-other')) },
    { phases: 'kexec' },
    { 'install-id': 'two' },
    { 'ssh-port': port ?? '', 'known-hosts': hosts ?? '', ...there },
  ];
  for (const change of changes) expectRefused(await install({ ...inputs, ...change }, approved), approved);
});

test('an approved plan does not cover the machine that has another ID now', async () => {
  const sshd = await startMachine();
  const inputs = { ...inputsFor(sshd, flakeOf()), kexec: noImage() };
  const approved = await planOf(inputs);
  const text = `echo ${'7'.repeat(32)} >/run/machine-id; mount --bind /run/machine-id /etc/machine-id`;
  await targetOf(sshd, testRuntime()).run(script(text), []);
  expectRefused(await install(inputs, approved), approved);
});

test('in the installer an earlier run is gone on with, by the record that it left there', async () => {
  const sshd = await startMachine({ hostKeys: ['ed25519', 'rsa'] });
  await becomeInstaller(sshd);
  const inputs = { ...inputsFor(sshd, flakeOf()), phases: 'disko' };
  const approved = await planOf(inputs);
  const machine = targetOf(sshd, testRuntime());
  const record = async () => (await machine.run(script('cat /run/nixos-anywhere/approved-plan'), [])).stdout;

  // the script of this configuration is none, so that it ends there
  const first = await install(inputs, approved);
  expect(first.result.failure, first.log).toMatchObject({ phase: 'disko' });
  const written = await record();
  expect(JSON.parse(written)).toMatchObject({
    digest: approved,
    host: '127.0.0.1',
    phases: ['preflight', 'build', 'disko'],
  });

  // an installer that has changed since: the digest alone would refuse it
  await machine.run(
    script('mkdir -p /nix/store/of-the-installer; ln -sfn /nix/store/of-the-installer /run/current-system'),
    [],
  );
  const second = await install(inputs, approved);
  expect(second.outputs['plan-digest']).not.toBe(approved);
  expect(second.result.failure, second.log).toMatchObject({ phase: 'disko' });
  expect(second.log).toContain('the machine is in the installer of an earlier run with this approval');
  expect(await record()).toBe(written);

  const other = await install(
    { ...inputs, flake: flakeOf(buildable.replace('"disko"', '"disko-other"')) },
    approved,
  );
  expect(other.errors[0]).toMatch(/; the configuration gives another system, disko script or disks/);
  expect(other.result.failure?.phase).toBe('preflight');
  const further = await install({ ...inputs, phases: 'disko,install' }, approved);
  expect(further.errors[0]).toMatch(/; further phases: install/);
  // a record of another approval is none
  const never = `sha256:${'0'.repeat(64)}`;
  expectRefusedInInstaller(await install(inputs, never), never);
  // pinned by another of its keys than the one that was approved
  const [rsa] = hostKeysOf(sshd, 'rsa');
  const line = `[127.0.0.1]:${sshd.port} ${rsa?.type} ${rsa?.base64}`;
  const key = await install({ ...inputs, 'known-hosts': line }, approved);
  expect(key.errors[0]).toMatch(/; the host key is now ssh-rsa SHA256:/);
});

function expectRefusedInInstaller(run: BundleRun, approved: string): void {
  expect(run.errors[0]).toContain(approved);
  expect(run.result.failure).toMatchObject({ kind: 'guard', phase: 'preflight' });
}

test('a digest that is none is an input problem', async () => {
  const run = await install(inputsFor(await startMachine(), flakeOf()), 'sha256:12');
  expect(run.errors[0]).toMatch(/input approved-plan: is "sha256:12"; write the output plan-digest/);
});
