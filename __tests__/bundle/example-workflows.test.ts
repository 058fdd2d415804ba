// The workflows of examples/ for one machine, and the nightly one, carried out over their flakes against machines on loopback.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import type { WorkflowOptions } from '../../testbed/workflow.mts';
import { scriptNamed } from '../support/bundle';
import { test } from '../support/concurrent';
import { expectShown } from '../support/documents';
import {
  carryOutExample,
  changed,
  commitExample,
  copyExample,
  edit,
  environmentOf,
} from '../support/examples';
import { git } from '../support/fleet';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';
import { contactsSince, logOf, nixosMachine, on, ranJobs, switchedTo, toplevelOf } from '../support/workflow';

vi.setConfig({ testTimeout: 240_000 });

/** The example for one machine, whose system can be switched to. */
function checkout(machine: Sshd): string {
  const folder = copyExample('cloud-vm');
  changed(folder, machine);
  const name = 'networking.hostName = "web-1";';
  edit(folder, 'configuration.nix', name, `${name}\n  system.build.${toplevelOf('web-1')}`);
  commitExample(folder);
  return folder;
}

function planAndInstall(folder: string, machine: Sshd, options: Partial<WorkflowOptions> = {}) {
  const own = environmentOf(machine);
  const asked = vi.fn(() => true);
  const run = carryOutExample('plan-and-install.yml', {
    repository: folder,
    machine,
    environments: { 'web-1-plan': own, 'web-1': { ...own, approve: asked } },
    ...options,
  });
  return { run, asked };
}

test('plan-and-install: a pull request has no secret and contacts nothing; what is merged is planned, approved and done', async () => {
  const machine = await nixosMachine();
  const folder = checkout(machine);
  const contacts = contactsSince([machine]);
  const request = planAndInstall(folder, machine, { github: { event_name: 'pull_request' } });
  const preview = await request.run;
  expect(ranJobs(preview), logOf(preview)).toEqual({ preview: 'success' });
  expect(contacts().join('')).not.toMatch(/Connection from|Accepted/);

  const first = planAndInstall(folder, machine);
  const done = await first.run;
  expect(ranJobs(done), logOf(done)).toEqual({ plan: 'success', install: 'success' });
  expect(first.asked).toHaveBeenCalledTimes(1);
  expect(await switchedTo(machine)).toBe('web-1');
  expectShown(
    `${logOf(preview)}${logOf(done)}`,
    'docs/workflows.md',
    'Plan on a pull request, install once merged',
  );

  // nobody is asked where there is nothing to do
  const second = planAndInstall(folder, machine);
  expect(ranJobs(await second.run)).toEqual({ plan: 'success' });
  expect(second.asked).not.toHaveBeenCalled();
});

test('plan-and-install: what is refused, or planned anew, is not done', async () => {
  const machine = await nixosMachine();
  const folder = checkout(machine);
  const own = environmentOf(machine);
  const environments = { 'web-1-plan': own, 'web-1': { ...own, approve: () => false } };
  const refused = await planAndInstall(folder, machine, { environments }).run;
  expect(refused.results).toMatchObject({ plan: 'success', install: 'failure' });

  // between plan and install the machine gets another system: an update is no longer what was approved
  const approve = async () => {
    await on(machine, 'printf "ID=debian\\n" >/run/os-release; mount --bind /run/os-release /etc/os-release');
    return true;
  };
  const other = { 'web-1-plan': own, 'web-1': { ...own, approve } };
  const changedPlan = await planAndInstall(folder, machine, { environments: other }).run;
  expect(ranJobs(changedPlan)).toEqual({ plan: 'success', install: 'failure' });
  expect(logOf(changedPlan)).toContain('approved-plan');
  expect(await switchedTo(machine)).toBe('');
});

test('hardware-report: one job holds the key, another one opens the pull request, and only if there is news', async () => {
  const machine = await startMachine({ installer: true });
  const folder = checkout(machine);
  const run = () =>
    carryOutExample('hardware-report.yml', {
      repository: folder,
      machine,
      inputs: { host: 'web-1', confirm: 'web-1' },
      environments: { 'web-1': environmentOf(machine) },
    });
  const done = await run();
  expect(ranJobs(done), logOf(done)).toEqual({ 'report on web-1': 'success', 'pull-request': 'success' });
  const [branch = ''] = git(folder, 'branch', '--list', 'hardware-*', '--format=%(refname:short)').split(
    '\n',
  );
  expect(done.pullRequests).toEqual([`${branch}: Hardware of web-1`]);
  expect(git(folder, 'diff', '--name-only', 'main', branch)).toBe('facter.json\n');
  expect(JSON.parse(git(folder, 'show', `${branch}:facter.json`))).toMatchObject({ version: 1 });
  expectShown(logOf(done), 'docs/workflows.md', 'A hardware report by pull request');

  git(folder, 'merge', '-q', branch);
  const again = await run();
  expect(again.result, logOf(again)).toBe('success');
  expect(again.pullRequests).toEqual([]);
});

/** Says what the key file of disk.nix is, and gives the new system a folder of this computer. */
const diskoTo = (disk: string) => `#!/bin/sh
  set -e
  stat -c 'mode %a, of %U' /tmp/disk.passphrase
  [ "$(cat /tmp/disk.passphrase)" = 'correct horse' ] && echo 'the passphrase is there'
  mount --bind ${disk} /mnt
`;

test('encrypted-root: the passphrase reaches disko, the host key of the initrd the new system, and neither the log', async () => {
  const machine = await startMachine({ installer: true });
  const other = await startMachine();
  const folder = copyExample('encrypted');
  changed(folder, machine);
  const disk = temporaryFolder('disk');
  chmodSync(disk, 0o755);
  writeFileSync(join(folder, 'disko.sh'), diskoTo(disk));
  const script = `diskoScript = ${scriptNamed('disko')};`;
  const name = 'networking.hostName = "vault-1";';
  edit(
    folder,
    'configuration.nix',
    name,
    `${name}\n  system.build.${script}\n  system.build.${toplevelOf('vault-1')}`,
  );
  commitExample(folder);
  const { secrets, vars } = environmentOf(machine);
  const keys = { DISK_PASSPHRASE: 'correct horse', INITRD_HOST_KEY: other.clientKey.private };
  const run = (inputs: Record<string, string>) =>
    carryOutExample('encrypted-root.yml', {
      repository: folder,
      machine,
      inputs: { host: 'vault-1', ...inputs },
      // nothing here has a boot loader, or may be rebooted
      instead: { phases: 'disko,install', 'install-bootloader': 'false' },
      environments: { 'vault-1': { vars, secrets: { ...secrets, ...keys } } },
    });
  const plan = await run({ action: 'plan' });
  expect(ranJobs(plan), logOf(plan)).toEqual({ 'plan vault-1': 'success' });
  const done = await run({ action: 'install', confirm: 'vault-1' });
  expect(ranJobs(done), logOf(done)).toEqual({ 'install vault-1': 'success' });
  const placed = '/mnt/etc/secrets/initrd/ssh_host_ed25519_key';
  expect(await on(machine, `cat ${placed}`)).toBe(other.clientKey.private.trim());
  expect(await on(machine, `stat -c '%a %U' ${placed}; ls /tmp/disk.passphrase 2>&1 || :`)).toMatch(
    /^600 root\n.*No such file/,
  );
  expect(logOf(done)).not.toContain('correct horse');
  expectShown(`${logOf(plan)}${logOf(done)}`, 'docs/workflows.md', 'An encrypted root');
});

test('vm-tests-nightly: each host of the fleet is tested', async () => {
  const folder = copyExample('fleet');
  commitExample(folder);
  // its step “Allow hardware virtualisation” changes the runner’s rules for devices, which this computer keeps
  const text = readFileSync(
    new URL('../../examples/workflows/vm-tests-nightly.yml', import.meta.url),
    'utf8',
  );
  const harmless = text.replace(/run: \|\n(?: {10}.*\n)+/, 'run: "true"\n');
  expect(harmless).not.toContain('sudo');
  const file = join(temporaryFolder('nightly'), 'vm-tests.yml');
  writeFileSync(file, harmless);
  const done = await carryOutExample(file, { repository: folder });
  expect(ranJobs(done), logOf(done)).toEqual({
    list: 'success',
    'db-1': 'success',
    'web-1': 'success',
    'web-2': 'success',
  });
  expectShown(logOf(done), 'docs/workflows.md', 'A VM test each night');
});
