import { readFile } from 'node:fs/promises';
import { GuardError } from '../errors';
import type { BuildSettings, StorePaths } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { type OutputsEvaluation, unknownOfOutputs } from './evaluation';

/**
 * Copies those of store-paths that are not here from the store that `from` names.
 *
 * @returns whether there were any
 * @throws NixError where they are not there either
 */
export async function fetchStorePaths(
  { configuration, from }: BuildSettings,
  nix: Nix,
  { log, signal }: Runtime,
): Promise<boolean> {
  const absent = configuration.value.kind === 'store-paths' ? configuration.value.paths.absent : [];
  const store = from.value;
  if (absent.length === 0 || store === undefined) return false;
  await nix.checkVersion();
  await log.group(`fetching store-paths from ${store}`, () => nix.fetch(absent, store, signal));
  return true;
}

/**
 * What can be known of store paths that were built elsewhere.
 *
 * @throws GuardError for a path that the store does not vouch for, or a system that does not say what it is for
 */
export async function describeStorePaths(
  nix: Nix,
  { system, diskoScript, absent = [] }: Partial<StorePaths>,
  signal: AbortSignal,
): Promise<OutputsEvaluation> {
  if (absent.length > 0) {
    throw new GuardError(`${absent.join(' and ')} was fetched, and does not lie on this runner`, {
      hint: 'let NIX_REMOTE and the Nix setting store lead to the store of the runner itself',
    });
  }
  await checkValid(
    nix,
    [system, diskoScript].filter((path) => path !== undefined),
    signal,
  );
  return {
    ...unknownOfOutputs,
    source: 'outputs',
    system: system === undefined ? undefined : await systemOf(system),
    buildSystem: undefined,
    toplevel: system === undefined ? undefined : { drvPath: undefined, outPath: system },
    diskoScript: diskoScript === undefined ? undefined : { drvPath: undefined, outPath: diskoScript },
    installTest: undefined,
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
