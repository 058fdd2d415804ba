import { rm } from 'node:fs/promises';
import { within } from '../deadlines';
import type { Runtime } from '../runtime';
import type { CacheService } from './service';
import { reasonOf } from './wording';

/** An entry that is written but not yet in the cache: what ends before that leaves it to the post step. */
export interface PendingUpload {
  readonly key: string;
  readonly file: string;
  /** Removed with it. */
  readonly folder: string;
}

/** What this run uploads, beside the rest of it. */
export class Uploads {
  readonly #service: CacheService;
  readonly #leave: (uploads: readonly PendingUpload[]) => void;
  readonly #runtime: Runtime;
  readonly #pending = new Map<PendingUpload, Promise<void>>();
  readonly #stop = new AbortController();

  /** @param leave told, whenever that changes, what would be left to upload if this process ended now */
  constructor(service: CacheService, leave: (uploads: readonly PendingUpload[]) => void, runtime: Runtime) {
    this.#service = service;
    this.#leave = leave;
    this.#runtime = runtime;
  }

  /**
   * Begins an upload, whose folder is removed afterwards.
   *
   * @param ended told how it ended, unless it is left to the post step; with a reason: the entry is not saved
   * @returns resolves with its end
   */
  begin(upload: PendingUpload, ended: (reason: string | undefined) => void): Promise<void> {
    const work = this.#upload(upload, ended);
    this.#pending.set(upload, work);
    this.#leave([...this.#pending.keys()]);
    return work;
  }

  /**
   * Waits for all of them.
   *
   * @param longestMs then they are left to the post step
   */
  async finish(longestMs: number): Promise<void> {
    if (this.#pending.size === 0) return;
    const { clock, signal, log } = this.#runtime;
    const all = () => Promise.all(this.#pending.values());
    await within(clock, 'the upload', longestMs, signal, all).catch(() => {
      this.#stop.abort(new Error('left to the post step'));
      log.info('cache: the upload is left to the post step');
    });
  }

  async #upload(upload: PendingUpload, ended: (reason: string | undefined) => void): Promise<void> {
    const signal = AbortSignal.any([this.#runtime.signal, this.#stop.signal]);
    const { key, file, folder } = upload;
    try {
      await this.#service.store(key, file, signal);
      ended(undefined);
    } catch (error) {
      // to be done by the post step
      if (signal.aborted) return;
      ended(reasonOf(error));
    }
    this.#pending.delete(upload);
    this.#leave([...this.#pending.keys()]);
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
