// Systems that can be installed, and a machine in an installer: what comes onto its disks lies in a folder of this computer.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sshd } from '../../testbed/sshd.mts';
import { configurationThatBuilds, inputsFor, makeFlake, scriptNamed } from './bundle';
import { type MachineOptions, startMachine } from './machine';
import { temporaryFolder } from './runtime';

export interface Install {
  readonly sshd: Sshd;
  readonly inputs: Record<string, string>;
  /** What is mounted at /mnt there: a folder of this computer, on a disk. */
  readonly disk: string;
  readonly store: string;
}

/** Nix: a system that can be built and copied, and nothing more. */
const emptySystem = (name: string) =>
  `derivation { name = "nixos-system-${name}"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "mkdir $out" ]; }`;

/** A flake whose system can be built and copied, with these shell texts as the scripts of its `system.build`. */
export function flakeWithScripts(name: string, scripts: Readonly<Record<string, string>>): string {
  const built = Object.keys(scripts).map((script) => `${script} = ${scriptNamed(script)};`);
  const text = configurationThatBuilds(`{ toplevel = ${emptySystem(name)}; ${built.join(' ')} }`);
  const flake = makeFlake(`{ nixosConfigurations.${name} = ${text.replaceAll('demo', name)}; }`);
  for (const [script, does] of Object.entries(scripts))
    writeFileSync(join(flake, `${script}.sh`), `#!/bin/sh\n${does}\n`);
  return flake;
}

/** One whose disko script, with its tools or without, is this shell text. */
export const installableFlake = (disko: string) =>
  flakeWithScripts('demo', { diskoScript: disko, diskoScriptNoDeps: disko });

/**
 * A machine in an installer, and a flake whose disko script mounts a folder of this computer.
 *
 * @param more what else the disko script does
 */
export async function machineToInstall(more = '', options: MachineOptions = {}): Promise<Install> {
  const sshd = await startMachine({ installer: true, ...options });
  const disk = temporaryFolder('disk');
  chmodSync(disk, 0o755);
  const flake = installableFlake(`set -e\nmount --bind ${disk} /mnt\n${more}`);
  const inputs = {
    ...inputsFor(sshd, `${flake}#demo`),
    plan: 'false',
    phases: 'disko,install',
    'allow-lockout': 'true',
  };
  return { sshd, inputs, disk, store: temporaryFolder('store') };
}
