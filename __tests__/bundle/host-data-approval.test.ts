// What a flake says of a host may change between a plan and the run that carries it out: an approval covers all of it.
// What is approved is carried out up to a kexec image that is none; so whatever stops there has passed the approval.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Matrix } from '../../src/inputs/matrix';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, buildable, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { expectFault } from '../support/fault-table';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

type Data = Record<string, unknown>;

/** A flake that describes its host, and what changes that. */
function describedFlake(): { flake: string; describe: (data: Data) => void } {
  const folder = makeFlake(`{
    nixosConfigurations.demo = ${buildable};
    nixosAnywhere.demo = builtins.fromJSON (builtins.readFile ./host.json);
  }`);
  const describe = (data: Data) => writeFileSync(join(folder, 'host.json'), JSON.stringify(data));
  return { flake: `${folder}#demo`, describe };
}

/** What makes it another step than the machine's own data: nothing of it is in the flake. */
function ofStep({ clientKey }: Sshd, flake: string): Record<string, string> {
  return { flake, 'ssh-private-key': clientKey.private, 'connect-timeout': '10s' };
}

function dataOf(sshd: Sshd): Data {
  const { flake: _, plan: __, 'ssh-private-key': ___, ...data } = inputsFor(sshd, '');
  const image = join(temporaryFolder('image'), 'image.tar.gz');
  writeFileSync(image, 'not an image');
  return { ...data, kexec: image };
}

async function planOf(inputs: Record<string, string>): Promise<BundleRun> {
  const run = await runBundle({ inputs: { ...inputs, plan: 'true' } });
  expect(run.code, run.log).toBe(0);
  return run;
}

test('an approval covers what the flake says of the host: with other data it is another plan', async () => {
  const [sshd, other] = [await startMachine(), await startMachine()];
  const { flake, describe } = describedFlake();
  const data = dataOf(sshd);
  describe(data);
  const inputs = ofStep(sshd, flake);
  const approved = (await planOf(inputs)).outputs['plan-digest'] ?? '';
  const withApproval = (more: Record<string, string> = {}) =>
    runBundle({ inputs: { ...inputs, 'approved-plan': approved, ...more } });
  expect((await withApproval()).result.failure).toMatchObject({ phase: 'build' });

  const extra = temporaryFolder('extra');
  writeFileSync(join(extra, 'file'), 'of the attacker');
  const attackersKey = other.hostKeyLine('ed25519').replace(/^\S+/, '203.0.113.66');
  const changes: Data[] = [
    // the installer is met at another machine, whose key is known too
    {
      'post-kexec-ssh-host': '203.0.113.66',
      'known-hosts': `${String(data['known-hosts'])}\n${attackersKey}`,
    },
    { 'post-kexec-ssh-port': 2222 },
    { 'post-install-ssh-host': '203.0.113.66', 'post-install-known-hosts': attackersKey },
    { verify: 'host-key' },
    { 'allow-lockout': true },
    { 'install-id': 'two' },
    { 'kexec-sha256': '0'.repeat(64) },
    { 'copy-host-keys': true },
    { 'install-bootloader': false },
    { 'extra-files': extra },
    { 'build-on': 'remote' },
  ];
  for (const change of changes) {
    describe({ ...data, ...change });
    const run = await withApproval();
    expect(run.result.failure?.message, JSON.stringify(change)).toMatch(/not the one that was approved/);
    expectFault('plan changed after the approval', run);
  }
  describe({ ...dataOf(other), kexec: data.kexec });
  const there = await withApproval({ 'ssh-private-key': other.clientKey.private });
  expectFault('plan changed after the approval', there);
});

test('a plan shows on which terms it would be carried out', async () => {
  const sshd = await startMachine();
  const { flake, describe } = describedFlake();
  const terms = { 'post-kexec-ssh-host': '203.0.113.66', 'allow-lockout': true, verify: 'off' };
  const key = sshd.hostKeyLine('ed25519');
  describe({ ...dataOf(sshd), ...terms, 'post-install-known-hosts': key.replace(/^\S+/, '203.0.113.66') });
  const run = await planOf(ofStep(sshd, flake));
  for (const text of [run.log, run.summary]) {
    expect(text).toContain(`the installer is met at root@203.0.113.66, port ${sshd.port}`);
    expect(text).toContain('verify is off');
    expect(text).toContain('allow-lockout: nobody may be able to log in to the new system');
  }
});

test('a list of hosts approves nothing: handed on by mistake it does not let an unseen plan through', async () => {
  const sshd = await startMachine();
  const { flake, describe } = describedFlake();
  describe(dataOf(sshd));
  const listed = await runBundle({ inputs: { flake: flake.replace('#demo', ''), 'list-hosts': 'true' } });
  const { include } = JSON.parse(listed.outputs.matrix ?? '') as Matrix;
  const approved = include[0]?.['approved-plan'] ?? '';
  const run = await runBundle({ inputs: { ...ofStep(sshd, flake), 'approved-plan': approved } });
  expect(run.errors[0]).toMatch(/input approved-plan: is none: nobody has approved a plan/);
  expect(run.result).toMatchObject({ outcome: 'failed', plan: null });
});
