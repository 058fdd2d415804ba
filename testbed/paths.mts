// Where the testbed keeps what scripts/setup.sh and the image builders made, and the environment in which the
// action finds its Nix there.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of everything that is built once and kept; the same rule as in common.sh. */
export const cacheFolder =
  process.env.NIXOS_ANYWHERE_CACHE ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nixos-anywhere-action');

/** The private key that every guest trusts, in OpenSSH's format and without a passphrase; `.pub` lies beside it. */
export const sshKey = join(cacheFolder, 'ssh', 'id_ed25519');
/** The stand-in for the nixos-images kexec tarball. */
export const kexecImage = join(cacheFolder, 'installer.tar.gz');
/** The disk of a Debian 12 that gets taken over, raw. */
export const targetDisk = join(cacheFolder, 'target.raw');
/** The laid-out demo flake; not to be changed, see `flakeCopy`. */
export const flakeFolder = join(cacheFolder, 'flake');
/** The Nix of Debian 13, where this machine has none that is recent enough. */
export const nixBin = join(cacheFolder, 'nix', 'bin');
/** Nix 2.8, older than the action accepts. */
export const oldNixBin = join(cacheFolder, 'nix-old', 'bin');

const nixConfig = [
  'substituters =',
  // single-user: root builds as root
  'build-users-group =',
  // what a builder in the sandbox calls /bin/sh has to be static
  'sandbox-paths = /bin/sh=/bin/busybox',
].join('\n');

/**
 * PATH and NIX_CONFIG for a runner whose Nix has a store without substituters. Flakes are not enabled: the action
 * passes that itself.
 * @param folder the Nix to find first
 */
export function nixEnvironment(folder = nixBin): { PATH: string; NIX_CONFIG: string } {
  const path = process.env.PATH ?? '/usr/bin:/bin';
  return { PATH: existsSync(folder) ? `${folder}:${path}` : path, NIX_CONFIG: nixConfig };
}
