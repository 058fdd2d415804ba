import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '../report/quantities';
import type { Runtime } from '../runtime';
import { imageKey, newImageKey } from './keys';
import type { CacheService } from './service';
import type { Uploads } from './uploads';
import { reasonOf } from './wording';

/** Files that a kexec image comes from or goes to. */
export interface ImageFiles {
  /** The image itself: nothing has to be fetched. */
  readonly file?: string;
  /** Where a copy of what is fetched is wanted; a failure to write it is nobody's but the cache's. */
  readonly copyTo?: string;
}

/** The kexec images that runners of this repository fetched for machines that cannot. */
export interface ImageCache {
  /**
   * Has `work` send the image that the cache has, or else fetch it, and begins to save what was fetched.
   *
   * @param sha256 of the image; undefined: it is not known beforehand which one it is
   * @throws what `work` throws, and the signal's reason
   */
  around<T>(
    sha256: string | undefined,
    signal: AbortSignal,
    work: (files: ImageFiles) => Promise<T>,
  ): Promise<T>;
}

export const noImages: ImageCache = { around: (_sha256, _signal, work) => work({}) };

/** What the cache did with the kexec image. */
export interface ImageReport {
  readonly what: 'restored' | 'saved';
  readonly bytes: number;
}

export interface ImageCacheOptions {
  readonly service: CacheService;
  /** The input cache-key. */
  readonly prefix: string;
  readonly uploads: Uploads;
  /** Where the image lies while it is needed, and waits for its upload. */
  readonly uploadFolder: string;
}

/**
 * Images as entries of their own, found by their SHA-256. Nobody has to sign them: they are held to the hash that the user
 * has given, before anything of them is sent.
 */
export class RepositoryImages implements ImageCache {
  readonly #options: ImageCacheOptions;
  readonly #runtime: Runtime;
  #report: ImageReport | null = null;

  constructor(options: ImageCacheOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  get report(): ImageReport | null {
    return this.#report;
  }

  async around<T>(
    sha256: string | undefined,
    signal: AbortSignal,
    work: (files: ImageFiles) => Promise<T>,
  ): Promise<T> {
    const folder = sha256 === undefined ? undefined : await this.#makeFolder();
    if (sha256 === undefined || folder === undefined) return work({});
    let isUploaded = false;
    try {
      const file = join(folder, 'image');
      const found = await this.#restore(sha256, file, signal);
      if (found === 'restored') return await work({ file });
      if (found === 'unknown' || !this.#options.service.writable) return await work({});
      const result = await work({ copyTo: file });
      isUploaded = await this.#save(sha256, file, folder, signal);
      return result;
    } finally {
      if (!isUploaded) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  async #makeFolder(): Promise<string | undefined> {
    try {
      return await mkdtemp(join(this.#options.uploadFolder, 'nixos-anywhere-image-'));
    } catch (error) {
      this.#say(`not used for the kexec image: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** @returns unknown: the service could not say whether it has it, so that it would perhaps be saved twice */
  async #restore(
    sha256: string,
    file: string,
    signal: AbortSignal,
  ): Promise<'restored' | 'missing' | 'unknown'> {
    const { service, prefix } = this.#options;
    const key = imageKey(prefix, sha256);
    let known = false;
    try {
      const isThere = (await service.find(key, undefined, signal)) !== undefined;
      known = true;
      const found = isThere ? await service.find(key, file, signal) : undefined;
      if (found === undefined) {
        this.#say('the kexec image is not in it');
      } else if ((await sha256Of(file, signal)) === sha256) {
        this.#say(`the kexec image is taken from it (${formatBytes(found.bytes)})`);
        this.#report = { what: 'restored', bytes: found.bytes };
        return 'restored';
      } else {
        this.#say('the kexec image in it is damaged, or another one: passed over');
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#say(`the kexec image is not taken from it: ${reasonOf(error)}`);
    }
    // what is no image needs no room
    await rm(file, { force: true }).catch(() => undefined);
    return known ? 'missing' : 'unknown';
  }

  /** @returns whether the upload has begun, which removes the folder in its end */
  async #save(sha256: string, file: string, folder: string, signal: AbortSignal): Promise<boolean> {
    try {
      // nobody could replace an entry that is something else
      if ((await sha256Of(file, signal)) !== sha256) throw new Error('the copy of it has another SHA-256');
      const bytes = (await stat(file)).size;
      const key = newImageKey(this.#options.prefix, sha256, this.#runtime.clock.now());
      void this.#options.uploads.begin({ key, file, folder }, (reason) => {
        this.#say(
          reason === undefined
            ? `saved the kexec image (${formatBytes(bytes)})`
            : `the kexec image is not saved: ${reason}`,
        );
        if (reason === undefined) this.#report = { what: 'saved', bytes };
      });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#say(`the kexec image is not saved: ${reasonOf(error)}`);
      return false;
    }
  }

  #say(text: string): void {
    this.#runtime.log.info(`cache: ${text}`);
  }
}

async function sha256Of(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { signal })) hash.update(chunk);
  return hash.digest('hex');
}
