import { readFile } from 'node:fs/promises';
import { GuardError } from '../errors';
import type { StorePaths } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { StorePathsEvaluation } from './evaluation';

/**
 * What can be known of store paths that were built elsewhere.
 *
 * @throws GuardError for a path that the store does not vouch for, or a system that does not say what it is for
 */
export async function describeStorePaths(
  nix: Nix,
  { system, diskoScript }: StorePaths,
  signal: AbortSignal,
): Promise<StorePathsEvaluation> {
  await checkValid(
    nix,
    [system, diskoScript].filter((path) => path !== undefined),
    signal,
  );
  return {
    source: 'store-paths',
    system: system === undefined ? undefined : await systemOf(system),
    buildSystem: undefined,
    hostName: '',
    toplevel: system === undefined ? undefined : { drvPath: undefined, outPath: system },
    diskoScript: diskoScript === undefined ? undefined : { drvPath: undefined, outPath: diskoScript },
    substituters: [],
    trustedPublicKeys: [],
    groups: [],
    hostKeys: [],
    disks: undefined,
    sshd: undefined,
    logins: undefined,
    bootLoader: undefined,
    initrdSsh: undefined,
  };
}

/** A folder may lie in the store without being a path of it: a copy that was cut off, or made by hand. */
async function checkValid(nix: Nix, paths: readonly string[], signal: AbortSignal): Promise<void> {
  const valid = await nix.pathInfo(paths, signal);
  const others = paths.filter((path) => !valid.has(path));
  if (others.length === 0) return;
  throw new GuardError(`${others.join(' and ')} is not valid in the store of this runner's Nix`, {
    hint: 'build it on this runner, or copy it there first: nix copy --from STORE PATH',
  });
}

async function systemOf(toplevel: string): Promise<string> {
  const text = await readFile(`${toplevel}/system`, 'utf8').catch(() => '');
  const system = text.trim();
  if (/^[a-z0-9_]+-[a-z0-9]+$/.test(system)) return system;
  throw new GuardError(`${toplevel} does not say for which system it was built: its file system is missing`, {
    hint: 'give the store path of a NixOS system as store-paths (config.system.build.toplevel)',
  });
}
