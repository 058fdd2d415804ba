import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeSaved } from '../report/describe-cache';
import { counted } from '../report/quantities';
import type { Runtime } from '../runtime';
import type { CacheOptions } from './closure-cache';
import { type LayerKeys, shortHash } from './keys';
import { type LayerEntry, type PathToStore, writeLayer } from './layer';
import { bytesOf, withinLimits } from './layer-plan';
import { type CacheReport, emptyReport } from './report';
import type { StoreFolder } from './wanted';

/** Writes layers, and has them uploaded beside whatever comes next: one at a time is on the disk. */
export class LayerWriter {
  readonly #options: CacheOptions;
  readonly #runtime: Runtime;
  readonly #say: (text: string) => void;
  readonly #saved: (saved: CacheReport['saved']) => void;
  #upload: Promise<void> | undefined;

  /** @param saved told of each layer that is in the cache */
  constructor(
    options: CacheOptions,
    runtime: Runtime,
    say: (text: string) => void,
    saved: (saved: CacheReport['saved']) => void,
  ) {
    this.#options = options;
    this.#runtime = runtime;
    this.#say = say;
    this.#saved = saved;
  }

  /**
   * Writes a layer of each part, the last of which knows all others and is what the build is found by.
   *
   * @param below what they build upon
   * @throws node's errors, and the signal's reason
   */
  async write(
    parts: readonly (readonly PathToStore[])[],
    { exact, incomplete }: Pick<LayerKeys, 'exact' | 'incomplete'>,
    below: readonly LayerEntry[],
    store: StoreFolder,
    signal: AbortSignal,
  ): Promise<void> {
    let known = below;
    for (const [index, part] of parts.entries()) {
      const key = index === parts.length - 1 ? exact : incomplete;
      const written = await this.#writeOne(key, part, known, store, signal);
      if (written !== undefined) known = withinLimits([written, ...known], this.#options.limits);
    }
  }

  async #writeOne(
    keyPrefix: string,
    paths: readonly PathToStore[],
    below: readonly LayerEntry[],
    store: StoreFolder,
    signal: AbortSignal,
  ): Promise<LayerEntry | undefined> {
    await this.#upload;
    const { uploadFolder, key: layerKey, uploads, limits } = this.#options;
    const folder = await mkdtemp(join(uploadFolder, 'nixos-anywhere-layer-'));
    const file = join(folder, 'layer');
    const made = this.#runtime.clock.now();
    // never one that exists: an entry cannot be replaced, and one that is damaged would stay
    const key = `${keyPrefix}${made.toString(36)}-${shortHash(folder)}`;
    // the smallest first: where there is not room for all, a few large ones are left out
    const smallestFirst = [...paths].sort((a, b) => a.narSize - b.narSize);
    const layer = { key, made, storeFolder: store.logical };
    const options = { key: layerKey, limit: limits.layerBytes, signal };
    try {
      const { entry, damaged, leftOut } = await writeLayer(file, layer, smallestFirst, below, options);
      if (damaged.length > 0)
        this.#say(
          `left out ${counted(damaged.length, 'path')} with other contents than the store says: ${damaged[0]}`,
        );
      if (leftOut.length > 0)
        this.#say(
          `left out ${counted(leftOut.length, 'large path')}, there is no room in a layer: ${leftOut.at(-1)}`,
        );
      if (entry.paths.length === 0) {
        await rm(folder, { recursive: true });
        return undefined;
      }
      this.#upload = uploads.begin({ key, file, folder }, (reason) => this.#uploaded(entry, reason));
      return entry;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #uploaded(entry: LayerEntry, reason: string | undefined): void {
    if (reason !== undefined) {
      this.#say(`not saved: ${reason}`);
      return;
    }
    const saved = { paths: entry.paths.length, bytes: bytesOf(entry) };
    this.#saved(saved);
    this.#say(`saved ${describeSaved({ ...emptyReport, saved })}`);
  }
}
