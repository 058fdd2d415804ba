import type { BuildOptions } from '../nix/options';
import type { BuildCache, CachedBuild, ClosureCache } from './closure-cache';
import { type ImageCache, noImages, type RepositoryImages } from './image-cache';
import { type CacheReport, emptyReport } from './report';
import type { Uploads } from './uploads';

/** All that a run has of the cache. */
export interface RunCache extends BuildCache {
  readonly images: ImageCache;
  /** What it did; null where there is none, and where nothing was built with it. */
  readonly report: CacheReport | null;
  /**
   * Saves what was put off, and waits for what is uploaded.
   *
   * @param longestMs then that is left to the post step
   */
  finish(longestMs: number): Promise<void>;
}

/** For a run without a cache. */
export const noCache: RunCache = {
  images: noImages,
  report: null,
  around: (_build, _signal, work) => work({}),
  finish: async () => undefined,
};

/** The cache of this repository: its parts go separate ways, and end together. */
export class RepositoryCache implements RunCache {
  readonly #closures: ClosureCache | undefined;
  readonly images: RepositoryImages;
  readonly #uploads: Uploads;

  /** @param closures undefined: they are not for this run */
  constructor(closures: ClosureCache | undefined, images: RepositoryImages, uploads: Uploads) {
    this.#closures = closures;
    this.images = images;
    this.#uploads = uploads;
  }

  get report(): CacheReport | null {
    const [closures, image] = [this.#closures?.report ?? null, this.images.report];
    return closures === null && image === null ? null : { ...(closures ?? emptyReport), image };
  }

  around(
    build: CachedBuild,
    signal: AbortSignal,
    work: (options: BuildOptions) => Promise<void>,
  ): Promise<void> {
    return this.#closures === undefined ? work({}) : this.#closures.around(build, signal, work);
  }

  async finish(longestMs: number): Promise<void> {
    await this.#closures?.finish();
    await this.#uploads.finish(longestMs);
  }
}
