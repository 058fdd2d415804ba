import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Substituter } from '../nix/options';
import { extract, type LayerEntry, type StoredPath } from './layer';
import { freshLayerKey } from './layer-key';
import { narinfo, narinfoName, narName } from './narinfo';

/**
 * A binary cache in a folder, filled from layers. First it only describes what they hold, so that Nix can say what of it
 * it would take; then it has that, and describes nothing else.
 */
export class LayerFolder {
  readonly substituter: Substituter;
  readonly #folder: string;
  readonly #storeFolder: string;
  /**
   * Not the layers' own: where the runner's settings trust that one, as that of a substituter, what comes from a layer would
   * look as if a substituter had it; and where they have another key of its name, Nix would take nothing.
   */
  readonly #key = freshLayerKey();
  readonly #described = new Set<string>();

  private constructor(folder: string, storeFolder: string) {
    this.#folder = folder;
    this.#storeFolder = storeFolder;
    this.substituter = { uri: pathToFileURL(folder).href, publicKey: this.#key.publicKey };
  }

  static async create(folder: string, storeFolder: string): Promise<LayerFolder> {
    await mkdir(join(folder, 'nar'), { recursive: true });
    // Nix would make it, but a daemon's would be somebody else's
    await mkdir(join(folder, 'realisations'), { recursive: true });
    await writeFile(join(folder, 'nix-cache-info'), `StoreDir: ${storeFolder}\nPriority: 10\n`);
    return new LayerFolder(folder, storeFolder);
  }

  /** Describes all paths of these layers. */
  async describe(layers: readonly LayerEntry[]): Promise<void> {
    for (const { paths } of layers) for (const stored of paths) await this.#describe(stored);
  }

  async #describe(stored: StoredPath): Promise<void> {
    this.#described.add(stored.path);
    const text = narinfo(stored, this.#storeFolder, this.#key);
    await writeFile(join(this.#folder, narinfoName(stored.path)), text);
  }

  /**
   * Has these paths, and describes them.
   *
   * @param file of the layer that holds them
   * @throws CacheError where one is damaged
   */
  async fill(file: string, paths: readonly StoredPath[], signal: AbortSignal): Promise<void> {
    for (const stored of paths) {
      await extract(file, stored, join(this.#folder, narName(stored)), signal);
      // another layer may have described it as it is there
      await this.#describe(stored);
    }
  }

  /** Describes no other paths any longer: Nix would choose them, and fail. */
  async forgetAllBut(paths: ReadonlySet<string>): Promise<void> {
    for (const path of this.#described) {
      if (paths.has(path)) continue;
      await rm(join(this.#folder, narinfoName(path)), { force: true });
      this.#described.delete(path);
    }
  }
}
