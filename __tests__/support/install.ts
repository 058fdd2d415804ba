// A machine in an installer, for tests that install a system: what comes onto its disks lies in a folder of this computer.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sshd } from '../../testbed/sshd.mts';
import { configuration, inputsFor, makeFlake } from './bundle';
import { type MachineOptions, startMachine } from './machine';
import { temporaryFolder } from './runtime';

export interface Install {
  readonly sshd: Sshd;
  readonly inputs: Record<string, string>;
  /** What is mounted at /mnt there: a folder of this computer, on a disk. */
  readonly disk: string;
  readonly store: string;
}

/**
 * A machine in an installer, and a flake whose disko script mounts a folder of this computer.
 *
 * @param more what else the disko script does
 */
export async function machineToInstall(more = '', options: MachineOptions = {}): Promise<Install> {
  const sshd = await startMachine({ installer: true, ...options });
  const disk = temporaryFolder('disk');
  chmodSync(disk, 0o755);
  const derivation = (name: string, builds: string) =>
    `derivation { name = "${name}"; system = "x86_64-linux"; builder = "/bin/sh"; text = builtins.readFile ./disko.sh; args = [ "-c" "${builds}" ]; }`;
  const build = `system.build = {
    toplevel = ${derivation('nixos-system-demo', 'mkdir $out')};
    diskoScript = ${derivation('disko', `printf '%s' \\"$text\\" >$out; chmod 755 $out`)};
  };`;
  const text = configuration.replace(/system\.build = [\s\S]*? in \{[\s\S]*?\};/, () => build);
  const flake = makeFlake(`{ nixosConfigurations.demo = ${text}; }`);
  writeFileSync(join(flake, 'disko.sh'), `#!/bin/sh\nset -e\nmount --bind ${disk} /mnt\n${more}\n`);
  const inputs = {
    ...inputsFor(sshd, `${flake}#demo`),
    plan: 'false',
    phases: 'disko,install',
    'allow-lockout': 'true',
  };
  return { sshd, inputs, disk, store: temporaryFolder('store') };
}
