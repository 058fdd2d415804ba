import { readFileSync } from 'node:fs';
import { NixError } from '../errors';
import type { BuildRecord } from '../nix/build-record';
import type { Nix } from '../nix/nix';
import type { PathInfo } from '../nix/path-info';
import type { NixSettings } from '../nix/settings';
import type { PathToStore } from './layer';
import { type PublicKey, parsePublicKey } from './layer-key';
import { baseName, isSignedByOneOf } from './narinfo';

/** What a build was for. */
export interface BuildSubject {
  /** The outputs that are wanted, as far as they are there. */
  readonly outPaths: readonly string[];
  /** Never in a layer: what a VM test leaves would be a test that passed without having been run. */
  readonly never: readonly string[];
}

/**
 * The paths that a next run could not fetch from anywhere: of what was asked for with all that it needs, and of what was
 * built for it (a compiler, vendored sources), without which a change would build that anew.
 *
 * @param store where the store's folder is on this computer
 * @throws NixError
 */
export async function pathsToKeep(
  { outPaths, never }: BuildSubject,
  record: BuildRecord,
  settings: NixSettings,
  store: StoreFolder,
  nix: Nix,
  signal: AbortSignal,
): Promise<readonly PathToStore[]> {
  const built = await outputsOf([...record.built.keys()], nix, signal);
  const roots = [...new Set([...outPaths, ...built.keys()])].filter((path) => !never.includes(path));
  const infos = await inBatches(roots, (batch) => nix.pathInfo(batch, signal, { recursive: true }));
  const keys = substituterKeys(settings);
  return [...infos.values()]
    .filter((info) => info.narHash !== '' && !info.path.endsWith('.drv'))
    .filter((info) => built.has(info.path) || !isSource(info))
    .filter((info) => built.has(info.path) || info.ultimate || !isSignedByOneOf(info, keys))
    .map((info) => ({
      path: info.path,
      narHash: info.narHash,
      narSize: info.narSize,
      references: info.references.map(baseName),
      deriver: baseName(info.deriver),
      ca: info.ca,
      buildMs: built.has(info.path) ? (record.built.get(info.deriver) ?? 0) : 0,
      file: store.real + info.path.slice(store.logical.length),
    }));
}

/**
 * What an evaluation puts into the store, such as the flake's own files, it will put there the next time, before anything
 * is built. With flakes the source of nixpkgs is among them, tens of thousands of files.
 */
function isSource({ ca, deriver }: PathInfo): boolean {
  return ca !== '' && deriver === '';
}

/** Those that are there: a build that failed has begun more than it has ended. */
function outputsOf(
  derivations: readonly string[],
  nix: Nix,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PathInfo>> {
  const ask = async (batch: readonly string[]): Promise<ReadonlyMap<string, PathInfo>> => {
    const installables = batch.map((drvPath) => `${drvPath}^*`);
    try {
      return await nix.pathInfo(installables, signal);
    } catch (error) {
      // what one that is addressed by its contents would have given, and did not, Nix cannot even name
      if (!(error instanceof NixError)) throw error;
      const half = batch.length >> 1;
      if (half === 0) return new Map();
      return new Map([...(await ask(batch.slice(0, half))), ...(await ask(batch.slice(half)))]);
    }
  };
  return inBatches(derivations, ask);
}

/** Far below what a command line holds. */
const batchSize = 500;

async function inBatches(
  all: readonly string[],
  ask: (batch: readonly string[]) => Promise<ReadonlyMap<string, PathInfo>>,
): Promise<ReadonlyMap<string, PathInfo>> {
  const found = new Map<string, PathInfo>();
  for (let start = 0; start < all.length; start += batchSize) {
    for (const [path, info] of await ask(all.slice(start, start + batchSize))) found.set(path, info);
  }
  return found;
}

/** A key of this runner's own signs what no substituter has, even where the runner trusts it. */
function substituterKeys({
  substituters,
  trustedPublicKeys,
  secretKeyFiles,
}: NixSettings): readonly PublicKey[] {
  if (substituters.length === 0) return [];
  const own = secretKeyFiles.flatMap(nameOfKey);
  return trustedPublicKeys
    .flatMap((key) => parsePublicKey(key) ?? [])
    .filter(({ name }) => !own.includes(name));
}

/** Of what cannot be read nothing is known; but what was built here is known to be. */
function nameOfKey(file: string): string[] {
  try {
    const text = readFileSync(file, 'utf8');
    return [text.slice(0, text.indexOf(':'))];
  } catch {
    return [];
  }
}

/** Where store paths are, and where they say that they are. */
export interface StoreFolder {
  readonly logical: string;
  readonly real: string;
}

/**
 * @param store Nix's setting of that name: what is below a folder of its own is not where its paths say
 * @param outPath any path of it
 */
export function storeFolderOf(store: string, outPath: string): StoreFolder {
  const logical = outPath.slice(0, outPath.lastIndexOf('/'));
  const [address = '', query = ''] = store.split('?', 2);
  // a plus is one: Nix knows no other way to write a blank than as %20
  const parameters = new URLSearchParams(query.replaceAll('+', '%2B'));
  const real = parameters.get('real');
  const root = parameters.get('root') ?? (address.startsWith('/') ? address : '');
  return { logical, real: real ?? (root === '' ? logical : `${root}${logical}`) };
}
