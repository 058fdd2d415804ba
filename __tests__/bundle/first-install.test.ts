// The first install of README.md and docs/getting-started.md, as far as it goes without a machine that may be wiped: what its
// reader copies and changes, the workflow that is started by hand, and what goes wrong with it.
import { chmodSync } from 'node:fs';
import { expect, vi } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import type { Environment } from '../../testbed/workflow/state.mts';
import type { WorkflowRun } from '../../testbed/workflow.mts';
import { test, testEach } from '../support/concurrent';
import { expectShown } from '../support/documents';
import {
  anyDisk,
  carryOutExample,
  changed,
  commitExample,
  copyExample,
  edit,
  environmentOf,
} from '../support/examples';
import { type MachineOptions, script, startMachine, targetOf, withPasswords } from '../support/machine';
import { testRuntime } from '../support/runtime';
import { logOf, ranJobs } from '../support/workflow';

vi.setConfig({ testTimeout: 120_000 });

interface Case {
  readonly machine?: MachineOptions;
  /** Of the machine that was started, as root there. */
  readonly prepare?: string;
  /** Of the configuration; without it what README.md has changed. */
  readonly edit?: (folder: string, machine: Sshd) => void;
  /** Of what the environment of the machine's name has. */
  readonly environment?: (machine: Sshd, other: Sshd) => Partial<Environment>;
  readonly inputs?: Record<string, string>;
  readonly environments?: Record<string, Environment>;
}

/** @returns the run, and its log with the address of the documents */
async function run({ inputs, ...given }: Case): Promise<{ done: WorkflowRun; log: string }> {
  const [machine, other] = await Promise.all([startMachine(given.machine), startMachine()]);
  if (given.prepare !== undefined) await targetOf(machine, testRuntime()).run(script(given.prepare), []);
  const folder = copyExample('cloud-vm');
  (given.edit ?? changed)(folder, machine);
  commitExample(folder);
  const own = { ...environmentOf(machine), ...given.environment?.(machine, other) };
  const done = await carryOutExample('first-install.yml', {
    repository: folder,
    machine,
    inputs: { host: 'web-1', action: 'plan', ...inputs },
    environments: given.environments ?? { 'web-1': own, 'web-2': own },
  });
  return { done, log: logOf(done).replaceAll(`${machine.host}:${machine.port}`, '203.0.113.7') };
}

test('a plan of the example, with what README.md has changed in it', async () => {
  const { done, log } = await run({});
  expect(ranJobs(done), log).toEqual({ 'plan web-1': 'success' });
  expectShown(log, 'README.md', '4. Plan');
  expectShown(log, 'docs/getting-started.md', 'Plan first');
});

const hidden = 'mkdir -p /run/firmware && mount --bind /run/firmware /sys/firmware';

testEach<string, Pick<Case, 'edit' | 'prepare'>>([
  ['disk-both.nix on BIOS', { prepare: hidden }],
  ['disk-both.nix on UEFI', { prepare: `mkdir -p /run/firmware/efi; ${hidden}` }],
  ['disk-bios.nix', { edit: layout('bios'), prepare: hidden }],
  ['disk-uefi.nix', { edit: layout('uefi'), prepare: `mkdir -p /run/firmware/efi; ${hidden}` }],
])('layouts of the example: %s', async (_, given) => {
  const { done, log } = await run(given);
  expect(ranJobs(done), log).toEqual({ 'plan web-1': 'success' });
  // nor warns it of the firmware
  expect(log).not.toMatch(/firmware|GRUB/);
  expectShown(log, 'docs/getting-started.md', 'UEFI, BIOS, or both');
});

function layout(name: string): NonNullable<Case['edit']> {
  return (folder, machine) => {
    changed(folder, machine);
    edit(folder, 'configuration.nix', './disk-both.nix', `./disk-${name}.nix`);
  };
}

test('another user, who becomes root by sudo', async () => {
  const etc = {
    ...withPasswords({ guest: 'nobody knows it', root: 'nobody knows it' }),
    sudoers: 'Defaults !env_reset\nguest ALL=(ALL) NOPASSWD: ALL\n',
  };
  const { done, log } = await run({
    machine: { etc },
    environment: (machine) => {
      // sshd reads authorized_keys as the user who logs in
      chmodSync(machine.dir, 0o755);
      return { vars: { ...environmentOf(machine).vars, TARGET_HOST: `guest@${machine.host}` } };
    },
  });
  expect(ranJobs(done), log).toEqual({ 'plan web-1': 'success' });
  expectShown(log.replaceAll('guest@', 'ubuntu@'), 'docs/getting-started.md', 'Log in as another user');
});

type EnvironmentOf = NonNullable<Case['environment']>;

const secret = (key: (machine: Sshd, other: Sshd) => string): EnvironmentOf => {
  return (machine, other) => ({ secrets: { SSH_PRIVATE_KEY: key(machine, other) } });
};
const knownHosts = (line: (machine: Sshd, other: Sshd) => string): EnvironmentOf => {
  return (machine, other) => ({
    vars: { ...environmentOf(machine).vars, KNOWN_HOSTS: line(machine, other) },
  });
};

testEach<string, Case>([
  ['No secret, or no address', { environments: {} }],
  ['The wrong half of the key', { environment: secret(({ clientKey }) => clientKey.public) }],
  [
    'A key without its first line',
    { environment: secret(({ clientKey }) => clientKey.private.replace(/^.*\n/, '')) },
  ],
  ['The machine does not know the key', { environment: secret((_, { clientKey }) => clientKey.private) }],
  [
    'The host key is another one',
    {
      environment: knownHosts(({ port }, other) =>
        other.hostKeyLine('ed25519').replace(`:${other.port}`, `:${port}`),
      ),
    },
  ],
  ['known_hosts of another machine', { environment: knownHosts((_, other) => other.hostKeyLine('ed25519')) }],
  ['The key in the configuration', { edit: () => {} }],
  [
    'The disk is not there',
    {
      edit: (folder, machine) => {
        changed(folder, machine);
        edit(folder, 'configuration.nix', anyDisk(), '/dev/disk/by-id/CHANGE');
      },
    },
  ],
  ['The wrong firmware', { edit: layout('uefi'), prepare: hidden }],
  ['The name is not in the flake', { inputs: { host: 'web-2' } }],
  [
    'It runs NixOS already',
    { machine: { system: '/tmp', etc: { 'os-release': 'ID=nixos\nPRETTY_NAME=NixOS\n' } } },
  ],
])('what goes wrong in the first hour: %s', async (heading, given) => {
  const { done, log } = await run(given);
  expect(done.result, log).toBe('failure');
  expect(log).toMatch(
    /no machine was contacted|nothing on the machine’s disks was changed and nothing goes on/,
  );
  expectShown(log, 'docs/getting-started.md', heading);
});

test('an install that was not confirmed does nothing at all', async () => {
  const { done, log } = await run({ inputs: { action: 'install', confirm: 'web-2' } });
  expect(done.result, log).toBe('failure');
  expect(done.jobs[0]?.steps.map(({ conclusion }) => conclusion)).toEqual([
    'failure',
    ...Array.from({ length: 3 }, () => 'skipped'),
  ]);
});
