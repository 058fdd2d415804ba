// The flakes of examples/ as somebody has copied them, and its workflows over these. nixpkgs and disko cannot be fetched here: the lock file leads to
// stand-ins for them, so that what is in the modules is evaluated, but not by NixOS' own rules.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runAction } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import type { Environment } from '../../testbed/workflow/state.mts';
import type { WorkflowOptions, WorkflowRun } from '../../testbed/workflow.mts';
import { git } from './fleet';
import { makeFiles, makeNixpkgs } from './nixpkgs';
import { temporaryFolder } from './runtime';
import { carryOutWorkflow, type OwnFolders } from './workflow';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));

/** As much of disko as the boot loaders of the examples count on: disks with a partition for GRUB are given to it. */
const diskoModule = `{ config, ... }:
let
  disks = builtins.attrValues config.disko.devices.disk;
  isForGrub = disk: builtins.any (part: part.type or "" == "EF02") (builtins.attrValues (disk.content.partitions or { }));
in
{ boot.loader.grub.devices = map (disk: disk.device) (builtins.filter isForGrub disks); }`;

/** A flake that is not yet a repository. Its inputs are as they are written. */
export function copyExample(name: string): string {
  const folder = temporaryFolder('example');
  cpSync(join(examples, name), folder, { recursive: true });
  return folder;
}

/** Changes a file of a copy as its reader is told to. @throws Error where there is nothing to change */
export function edit(folder: string, file: string, from: string, to: string): void {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

/** What README.md has its reader change in examples/cloud-vm. The disk is one of this computer: for plans alone. */
export function changed(folder: string, machine: Sshd): void {
  const key = JSON.stringify(machine.clientKey.public.trim());
  edit(folder, 'configuration.nix', '"ssh-ed25519 CHANGE"', key);
  edit(folder, 'configuration.nix', '/dev/disk/by-id/CHANGE', anyDisk());
}

/** Locks its inputs to stand-ins, by --override-input, and commits it. */
export function commitExample(folder: string): void {
  const nixpkgs = makeNixpkgs();
  writeFileSync(
    join(nixpkgs, 'flake.nix'),
    '{ outputs = _: { lib.nixosSystem = args: import ./nixos/lib/eval-config.nix args; }; }',
  );
  const disko = makeFiles({
    'flake.nix': '{ inputs.nixpkgs.url = "nixpkgs"; outputs = _: { nixosModules.disko = ./disko.nix; }; }',
    'disko.nix': diskoModule,
  });
  const inputs = { nixpkgs, disko };
  const overrides = Object.entries(inputs).flatMap(([name, path]) => [
    '--override-input',
    name,
    `path:${path}`,
  ]);
  const flakes = ['--extra-experimental-features', 'nix-command flakes', '--offline'];
  const environment = { ...process.env, ...nixEnvironment(), XDG_CACHE_HOME: temporaryFolder('nix-cache') };
  execFileSync('nix', [...flakes, 'flake', 'lock', `path:${folder}`, ...overrides], {
    env: environment,
    stdio: 'pipe',
  });
  asWritten(join(folder, 'flake.lock'));
  git(folder, 'init', '-q', '-b', 'main');
  git(folder, 'add', '.');
  git(folder, 'commit', '-qm', 'example');
}

/** What a lock file says of inputs that were overridden would be locked anew by the next evaluation. */
function asWritten(file: string): void {
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  lock.nodes.nixpkgs.original = { type: 'github', owner: 'NixOS', repo: 'nixpkgs', ref: 'nixos-25.11' };
  lock.nodes.disko.original = { type: 'github', owner: 'nix-community', repo: 'disko' };
  writeFileSync(file, JSON.stringify(lock));
}

interface Carried extends Omit<OwnFolders, 'file' | 'action'> {
  /** Where it is to be found: it listens at another port than 22. */
  readonly machine?: Sshd;
  /** Inputs of the steps that contact it, in place of theirs. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** A workflow of examples/, or another file, over a copy of a flake, with a store and folders of its own. */
export function carryOutExample(
  workflow: string,
  { machine, instead, ...options }: Carried,
): Promise<WorkflowRun> {
  const port = String(machine?.port);
  const own = { 'ssh-port': port, 'post-kexec-ssh-port': port, ...instead };
  const action: WorkflowOptions['action'] = ({ inputs, ...rest }) =>
    runAction({ ...rest, inputs: 'target-host' in inputs ? { ...inputs, ...own } : inputs });
  return carryOutWorkflow({ file: resolve(examples, 'workflows', workflow), action, ...options });
}

/** What the examples' environments hold. */
export function environmentOf(machine: Sshd): Required<Pick<Environment, 'secrets' | 'vars'>> {
  return {
    secrets: { SSH_PRIVATE_KEY: machine.clientKey.private },
    vars: { TARGET_HOST: `root@${machine.host}`, KNOWN_HOSTS: machine.hostKeyLine('ed25519') },
  };
}

/** A disk of this computer, which the loopback machines are: for plans. */
export function anyDisk(): string {
  const all = execFileSync('lsblk', ['-bdno', 'PATH,SIZE'], { encoding: 'utf8' }).trim().split('\n');
  const [path] = all.map((line) => line.split(/ +/)).find(([, size]) => Number(size) > 0) ?? [];
  if (path === undefined) throw new Error('this computer has no disk');
  return path;
}
