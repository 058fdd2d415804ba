// The workflow for fleets, carried out over machines that are taken for NixOS, which it updates.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import {
  type JobRecord,
  runWorkflow,
  type WorkflowOptions,
  type WorkflowRun,
} from '../../testbed/workflow.mts';
import { buildable } from './bundle';
import { type Fleet, type FleetHost, makeFleet } from './fleet';
import { type MachineOptions, script, startMachine, targetOf } from './machine';
import { temporaryFolder, testRuntime } from './runtime';

export const fleetWorkflow = fileURLToPath(new URL('../../.github/workflows/fleet.yml', import.meta.url));

export interface FleetOfMachines extends Fleet {
  /** web-0, web-1, … */
  readonly machines: readonly Sshd[];
  readonly run: (options?: Partial<WorkflowOptions>) => Promise<WorkflowRun>;
  /** What the machine with this number has been switched to, in turn. */
  readonly switched: (index: number) => Promise<readonly string[]>;
}

/**
 * Each machine is reached by a key of its own: the repository's secret KEY_0, KEY_1, …
 *
 * @param data what nixosAnywhere.NAME has beside what leads to the machine, by number
 * @param breaks whether switching to the new system fails there
 */
export async function fleetOfMachines(
  count: number,
  {
    data = () => ({}),
    breaks = () => false,
  }: { data?: (index: number) => Record<string, unknown>; breaks?: (index: number) => boolean } = {},
): Promise<FleetOfMachines> {
  const machines = await Promise.all(Array.from({ length: count }, () => nixosMachine()));
  const hosts = machines.map((machine, index): [string, FleetHost] => {
    const configuration = configurationOf(`web-${index}`, breaks(index) ? 'exit 1' : '');
    return [`web-${index}`, { configuration, data: { ...dataOf(machine, index), ...data(index) } }];
  });
  const fleet = makeFleet({ count, hosts: Object.fromEntries(hosts) });
  const secrets = Object.fromEntries(
    machines.map(({ clientKey }, index) => [`KEY_${index}`, clientKey.private]),
  );
  const run = (options: Partial<WorkflowOptions> = {}) =>
    carryOutWorkflow({ file: fleetWorkflow, secrets, repository: fleet.folder, ...options });
  const switched = async (index: number) => {
    const machine = machines[index];
    if (machine === undefined) throw new Error(`there is no machine ${index}`);
    return (await switchedTo(machine)).split('\n').filter((line) => line !== '');
  };
  return { ...fleet, machines, run, switched };
}

export type OwnFolders = Omit<WorkflowOptions, 'dir' | 'env'> & Partial<WorkflowOptions>;

/** A workflow with a store and folders of its own. */
export function carryOutWorkflow(options: OwnFolders): Promise<WorkflowRun> {
  const dir = temporaryFolder('workflow');
  const folders = { TMPDIR: join(dir, 't'), XDG_CACHE_HOME: join(dir, 'c'), HOME: join(dir, 'h') };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  const env = { ...nixEnvironment(), ...folders, NIX_REMOTE: `local?root=${join(dir, 's')}` };
  return runWorkflow({ dir, env, ...options });
}

/** What a machine has been switched to, in turn, in lines. */
export const switchedTo = (machine: Sshd) => on(machine, 'cat /run/switched 2>/dev/null || :');

/** A machine that says that this action has installed NixOS on it, under this id. */
export async function nixosMachine(id = 'one', options: MachineOptions = {}): Promise<Sshd> {
  const system = temporaryFolder('system');
  const etc = { 'os-release': 'ID=nixos\nPRETTY_NAME=NixOS\n', ...options.etc };
  const machine = await startMachine({ system, ...options, etc });
  await on(machine, `mkdir -p /nix/var/nixos-anywhere; echo ${id} >/nix/var/nixos-anywhere/install-id`);
  return machine;
}

export async function on(machine: Sshd, text: string): Promise<string> {
  return (await targetOf(machine, testRuntime()).run(script(text), [])).stdout.trim();
}

function dataOf(machine: Sshd, index: number): Record<string, unknown> {
  return {
    'target-host': `root@${machine.host}`,
    'ssh-port': machine.port,
    'post-kexec-ssh-port': machine.port,
    'known-hosts': machine.hostKeyLine('ed25519'),
    'wipe-disks': 'any',
    'install-id': 'one',
    'allow-lockout': true,
    secrets: { SSH_PRIVATE_KEY: `KEY_${index}` },
  };
}

/** A configuration whose system, when it is switched to, does this first. */
export function configurationOf(name: string, does: string): string {
  return buildable
    .replace('toplevel = drv "nixos-system-demo";', () => toplevelOf(name, does))
    .replaceAll('demo', name);
}

/** Nix: `toplevel = …;` for such a system. */
export function toplevelOf(name: string, does = ''): string {
  const text = `#!/bin/sh
set -eu
echo ${name} >>/run/switched
${does}
ln -sfn "\${0%/bin/*}" /run/current-system
`;
  // a text of Nix, in which the shell's variables are none of its own
  const quoted = JSON.stringify(text).replaceAll('${', '\\${');
  return `toplevel = derivation {
    name = "nixos-system-${name}";
    system = "x86_64-linux";
    builder = "/bin/sh";
    text = ${quoted};
    args = [ "-c" "mkdir -p $out/bin; printf '%s' \\"$text\\" >$out/bin/switch-to-configuration; chmod 755 $out/bin/*" ];
  };`;
}

/**
 * What the machines' servers have logged since: nothing, where nobody has connected.
 *
 * @param machines those that are to be left alone from now on
 */
export function contactsSince(machines: readonly Sshd[]): () => readonly string[] {
  const before = machines.map((machine) => machine.log().length);
  return () => machines.map((machine, index) => machine.log().slice(before[index]));
}

/** The jobs that have had a runner, by what they are shown as, each with what it came to. */
export function ranJobs({ jobs }: WorkflowRun): Record<string, JobRecord['result']> {
  const ran = jobs.filter(({ steps }) => steps.length > 0);
  return Object.fromEntries(ran.map(({ name, result }) => [name, result]));
}

/** What all steps have printed, for the message of a test that fails. */
export function logOf({ jobs }: WorkflowRun): string {
  return jobs
    .flatMap(({ name, problem, steps }) => [
      `== ${name} ${problem}`,
      ...steps.map(
        (step) =>
          `-- ${step.name}: ${step.conclusion}\n${step.log.replaceAll(/^::(debug|add-mask).*\n/gm, '')}`,
      ),
    ])
    .join('\n');
}
