import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Nix } from '../nix/nix';
import type { Substituter } from '../nix/options';
import type { LayerKeys } from './keys';
import { type LayerEntry, readManifest } from './layer';
import type { LayerKey } from './layer-key';
import { mergeLayers } from './layer-plan';
import { CacheError, type CacheService, EntryError } from './service';
import { LayerFolder } from './substituter';
import { reasonOf } from './wording';

export interface RestoreOptions {
  readonly service: CacheService;
  readonly keys: LayerKeys;
  readonly layerKey: LayerKey | undefined;
  readonly installables: readonly string[];
  readonly storeFolder: string;
  /** An empty folder that lives as long as the build. */
  readonly folder: string;
  readonly nix: Nix;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** What the cache has for a build. */
export interface Restored {
  readonly hit: 'exact' | 'partial' | 'none';
  /** The layers that are known, and that are where they should be. */
  readonly layers: readonly LayerEntry[];
  readonly substituter: Substituter | undefined;
  /** How many layers were downloaded, and how many bytes that were. */
  readonly downloads: number;
  readonly bytes: number;
  readonly ms: number;
  /** The layers that others have saved since. */
  readonly lookAgain: (signal: AbortSignal) => Promise<readonly LayerEntry[]>;
  /** Removes what the substituter has from the disk. */
  readonly discard: () => Promise<void>;
}

const nothingRestored: Restored = {
  hit: 'none',
  layers: [],
  substituter: undefined,
  downloads: 0,
  bytes: 0,
  ms: 0,
  lookAgain: async () => [],
  discard: async () => undefined,
};

/** Takes from the cache what a build would need of it. @throws CacheError, NixError, node's errors */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { keys, installables, nix, signal } = options;
  const layers = new DownloadedLayers(options);
  const { build } = await nix.missing(installables, signal);
  // where all is there already, that it was saved is all there is to know
  if (build.length === 0 && (await options.service.find(keys.exact, undefined, signal)) !== undefined)
    return { ...nothingRestored, hit: 'exact' };
  // one by one: of several beginnings GitHub tries all in the scope of the branch first, so that something of the branch
  // would come before the exact hit of the default branch
  const isExact = (await layers.newest(keys.exact, signal)) !== undefined;
  if (!isExact) {
    await layers.newest(keys.configuration, signal);
    // what was saved since by another configuration, which knows other layers
    await layers.newest(keys.shared, signal);
  }
  const lookAgain = async (later: AbortSignal) => {
    const before = new Set(layers.known.map(({ key }) => key));
    await layers.newest(keys.shared, later);
    await layers.removeFiles();
    return layers.known.filter(({ key }) => !before.has(key));
  };
  const { substituter, isWhole, hasAll } = build.length === 0 ? nothingNeeded : await fill(layers, options);
  return {
    // what others have saved may be all that it takes, as where one job builds for all
    hit: (isExact || hasAll) && isWhole ? 'exact' : substituter === undefined ? 'none' : 'partial',
    layers: layers.known,
    substituter,
    downloads: layers.downloads,
    bytes: layers.bytes,
    ms: 0,
    lookAgain,
    // what is left goes with the run's private folder
    discard: () => rm(binaryCacheIn(options.folder), { recursive: true, force: true }).catch(() => undefined),
  };
}

const binaryCacheIn = (folder: string) => join(folder, 'binary-cache');

interface Filled {
  /** Undefined where they have nothing that is needed. */
  readonly substituter: Substituter | undefined;
  /** Whether all is there that they are said to have of it. */
  readonly isWhole: boolean;
  /** Whether they are said to have all that would have to be built. */
  readonly hasAll: boolean;
}

const nothingNeeded: Filled = { substituter: undefined, isWhole: true, hasAll: false };

async function fill(
  layers: DownloadedLayers,
  { folder, storeFolder, nix, installables, signal, say }: RestoreOptions,
): Promise<Filled> {
  if (layers.known.length === 0) return nothingNeeded;
  const cache = await LayerFolder.create(binaryCacheIn(folder), storeFolder);
  await cache.describe(layers.known);
  const { build, fetch } = await nix.missing(installables, signal, cache.substituter);
  const needed = new Set(fetch);
  const there = new Set<string>();
  let isWhole = true;
  for (const layer of layers.known) {
    const paths = layer.paths.filter(({ path }) => needed.has(path) && !there.has(path));
    if (paths.length === 0) continue;
    try {
      await cache.fill(await layers.fileOf(layer, signal), paths, signal);
      for (const { path } of paths) there.add(path);
    } catch (error) {
      signal.throwIfAborted();
      isWhole = false;
      layers.forget(layer);
      say(`a part of it is missing: ${reasonOf(error)}`);
    }
  }
  await layers.removeFiles();
  await cache.forgetAllBut(there);
  const substituter = there.size === 0 ? undefined : cache.substituter;
  return { substituter, isWhole, hasAll: build.length === 0 };
}

/** The layers that one knows of, and those among them that are here. */
class DownloadedLayers {
  readonly #options: RestoreOptions;
  readonly #files = new Map<string, string>();
  readonly #unusable = new Set<string>();
  #known: readonly LayerEntry[] = [];
  #names = 0;
  downloads = 0;
  bytes = 0;

  constructor(options: RestoreOptions) {
    this.#options = options;
  }

  get known(): readonly LayerEntry[] {
    return this.#known;
  }

  /**
   * Finds the newest layer whose key begins like this, and knows all that it knows.
   *
   * @returns its key; undefined where there is none that may be used
   * @throws CacheError where the service cannot be asked
   */
  async newest(prefix: string, signal: AbortSignal): Promise<string | undefined> {
    const { service, say } = this.#options;
    // the first is wanted whatever it is
    if (this.#known.length > 0 || this.#unusable.size > 0) {
      const found = await service.find(prefix, undefined, signal);
      if (found === undefined || this.#unusable.has(found.key)) return undefined;
      if (this.#known.some(({ key }) => key === found.key)) return found.key;
    }
    try {
      const download = await this.#download(prefix, signal);
      if (download !== undefined) await this.#learn(download);
      return download?.key;
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      this.#unusable.add(error.key);
      say(`passed over: ${reasonOf(error)}`);
      return undefined;
    }
  }

  async #learn({ key, file }: Download): Promise<void> {
    const { storeFolder, layerKey } = this.#options;
    const { layers } = await readManifest(file, storeFolder, layerKey).catch((error: unknown) => {
      throw error instanceof CacheError ? new EntryError(key, error.message) : error;
    });
    const [own, ...below] = layers;
    // the post step saves under a key that is longer
    if (own === undefined || !key.startsWith(own.key))
      throw new EntryError(key, 'a layer lies under a key that is not its own');
    this.#files.set(key, file);
    this.#known = mergeLayers(this.#known, [{ ...own, key }], below);
  }

  /** @throws CacheError where it is not there any longer */
  async fileOf({ key }: LayerEntry, signal: AbortSignal): Promise<string> {
    const file = this.#files.get(key) ?? (await this.#download(key, signal))?.file;
    if (file === undefined) throw new CacheError('a layer is not there any longer');
    this.#files.set(key, file);
    return file;
  }

  forget(layer: LayerEntry): void {
    this.#known = this.#known.filter((each) => each !== layer);
    this.#unusable.add(layer.key);
  }

  async removeFiles(): Promise<void> {
    for (const file of this.#files.values()) await rm(file, { force: true });
    this.#files.clear();
  }

  async #download(prefix: string, signal: AbortSignal): Promise<Download | undefined> {
    const { service, folder } = this.#options;
    const file = join(folder, `layer-${++this.#names}`);
    const found = await service.find(prefix, file, signal);
    if (found === undefined) return undefined;
    this.downloads += 1;
    this.bytes += found.bytes;
    return { key: found.key, file };
  }
}

interface Download {
  readonly key: string;
  readonly file: string;
}
