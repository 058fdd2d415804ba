import { existsSync, realpathSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { GuardError } from '../errors';
import type { FlakeReference } from '../inputs/flake-reference';
import type { HardwareConfig } from '../inputs/settings';
import { type FlakeSource, localFlake } from '../nix/flake-source';
import type { Nix } from '../nix/nix';
import { flakeUri } from './evaluate';

/** Whether the file that the machine is to write was there when the configuration was evaluated. */
export type HardwareFile = 'there' | 'missing';

/**
 * The flake as it is evaluated with the hardware configuration: itself where Nix sees the file in it, else a copy that
 * has the file, or a placeholder as long as there is none. The checkout is left as it is.
 *
 * @param system for which the placeholder is
 * @throws GuardError where the file would be no part of the flake
 */
export async function flakeWithHardware(
  nix: Nix,
  flake: FlakeReference,
  hardware: HardwareConfig,
  system: string,
  { privateFolder, signal }: { readonly privateFolder: string; readonly signal: AbortSignal },
): Promise<FlakeReference> {
  const source = await localFlake(nix, flakeUri(flake.uri), signal);
  const inFlake = placeIn(source, flake, hardware);
  if (existsSync(join(inFlake.seen, inFlake.path))) return flake;
  const contents = existsSync(hardware.path) ? await readFile(hardware.path) : placeholder(hardware, system);
  const copy = join(privateFolder, 'flake');
  await rm(copy, { recursive: true, force: true });
  await copyTree(inFlake.seen, copy);
  await mkdir(dirname(join(copy, inFlake.path)), { recursive: true });
  // a symbolic link that leads nowhere in the copy may lead somewhere here
  await rm(join(copy, inFlake.path), { force: true });
  await writeFile(join(copy, inFlake.path), contents);
  return {
    ...flake,
    uri: `path:${copy}${inFlake.dir === '' ? '' : `?dir=${encodeURIComponent(inFlake.dir)}`}`,
    copyOf: inFlake.root,
  };
}

function placeIn(
  source: FlakeSource | undefined,
  { uri }: FlakeReference,
  { path }: HardwareConfig,
): FlakeSource & { readonly path: string } {
  if (source === undefined) {
    throw new GuardError(
      `generate-hardware-config writes ${path}, but the flake ${uri} is no folder of this runner: it would not see the file`,
      { hint: 'check the repository out, and give the folder as flake: .#NAME' },
    );
  }
  const place = relative(realpathSync(source.root), wherePathLeads(path));
  if (place === '' || place.startsWith('..') || resolve(place) === place) {
    throw new GuardError(
      `generate-hardware-config writes ${path}, which lies outside of the flake in ${source.root}: it would not see the file`,
      { hint: 'give a path in the flake’s folder that the configuration imports' },
    );
  }
  return { ...source, path: place };
}

/** The absolute path without symbolic links in its folders, as far as these exist. */
function wherePathLeads(path: string): string {
  const absolute = resolve(path);
  const folder = dirname(absolute);
  if (folder === absolute) return absolute;
  return join(existsSync(folder) ? realpathSync(folder) : wherePathLeads(folder), basename(absolute));
}

/** The least that modules take for a hardware configuration. */
function placeholder({ backend }: HardwareConfig, system: string): string {
  return backend === 'nixos-facter'
    ? `${JSON.stringify({ version: 1, system, virtualisation: 'none', hardware: {} })}\n`
    : `{ lib, ... }:\n{\n  nixpkgs.hostPlatform = lib.mkDefault "${system}";\n}\n`;
}

/** Node's own copy keeps the modes of folders, and what comes from the store could then neither be changed nor removed. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name === '.git') continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (entry.isFile()) {
      await copyFile(source, target);
      await chmod(target, (await stat(source)).mode | 0o200);
    }
  }
}

/** As Nix calls the system of this process, for where no machine is asked. */
export function ownSystem(): string {
  return `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux`;
}
