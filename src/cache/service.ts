import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { IdleTimer, within } from '../deadlines';
import { errorMessage } from '../errors';
import { bytesOf, withProgressLines } from '../progress-lines';
import type { Runtime } from '../runtime';

/** What the worker is told on standard input. */
export type WorkerRequest = {
  readonly version: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly answerFile: string;
  /** How long the service may take to answer one call, in milliseconds. */
  readonly answerMs: number;
} & (
  | { readonly task: 'find'; readonly prefix: string; readonly file: string | undefined }
  | { readonly task: 'store'; readonly key: string; readonly file: string }
);

export type WorkerAnswer =
  | { readonly kind: 'none' }
  | { readonly kind: 'found'; readonly key: string; readonly bytes: number }
  /** It is there, but could not be downloaded. */
  | { readonly kind: 'broken'; readonly key: string; readonly reason: string }
  | { readonly kind: 'stored' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Found {
  readonly key: string;
  /** Of what was downloaded; 0 if nothing was to be. */
  readonly bytes: number;
}

/** Why the cache could not be read or written; never a reason to fail. */
export class CacheError extends Error {
  override readonly name: string = 'CacheError';
}

/** An entry that is found and cannot be used: another one may be. */
export class EntryError extends CacheError {
  override readonly name = 'EntryError';
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.key = key;
  }
}

/** Entries by key: written once, found by a key's beginning. */
export interface CacheService {
  /** Whether this run may write entries. */
  readonly writable: boolean;
  /**
   * The newest entry whose key begins like this.
   *
   * @param file where it is downloaded to; undefined: it is only looked up
   * @throws EntryError, CacheError where the service cannot be asked, and the signal's reason
   */
  find(prefix: string, file: string | undefined, signal: AbortSignal): Promise<Found | undefined>;
  /** @throws CacheError, also where the entry exists; and the signal's reason */
  store(key: string, file: string, signal: AbortSignal): Promise<void>;
}

/** What the worker needs of the environment, which no other child gets. */
const handedOn = [
  'ACTIONS_RESULTS_URL',
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_CACHE_SERVICE_V2',
  'ACTIONS_CACHE_MODE',
];
/** Other entries than these are never looked at. */
const version = createHash('sha256').update('nixos-anywhere-action 1').digest('hex');
/** How long the service may take, in milliseconds. */
export interface CacheLimits {
  /** For one answer. */
  readonly answerMs: number;
  /** Without a byte that moves. The client tells of each block of a large file only when it is through, eight at a time. */
  readonly silenceMs: number;
  /** For an entry with all that belongs to it. */
  readonly transferMs: number;
}

const usualLimits: CacheLimits = { answerMs: 30_000, silenceMs: 120_000, transferMs: 15 * 60_000 };
/** How long the client's process may take to begin and to end. */
const processMs = 15_000;
const longestKey = 512;

/**
 * GitHub's cache service, as the environment of the step describes it.
 *
 * @param worker arguments for node that start the worker
 * @returns undefined where there is none; that of GitHub Enterprise Server and Forgejo speaks another protocol
 */
export function findCacheService(
  environment: NodeJS.ProcessEnv,
  worker: readonly string[],
  runtime: Runtime,
  limits = usualLimits,
): CacheService | undefined {
  const given = (name: string) => (environment[name] ?? '') !== '';
  if (!['ACTIONS_CACHE_SERVICE_V2', 'ACTIONS_RESULTS_URL', 'ACTIONS_RUNTIME_TOKEN'].every(given))
    return undefined;
  const mode = (environment.ACTIONS_CACHE_MODE ?? '').trim().toLowerCase();
  if (mode === 'none' || mode === 'write-only') return undefined;
  // whoever opens a pull request would write what runs of this branch take
  const trusted = environment.GITHUB_EVENT_NAME?.startsWith('pull_request') !== true;
  const entries = handedOn.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const writable = trusted && mode !== 'read';
  return new WorkerService(Object.fromEntries(entries), worker, writable, runtime, limits);
}

class WorkerService implements CacheService {
  readonly writable: boolean;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #worker: readonly string[];
  readonly #runtime: Runtime;
  readonly #limits: CacheLimits;
  #requests = 0;

  constructor(
    environment: Readonly<Record<string, string>>,
    worker: readonly string[],
    writable: boolean,
    runtime: Runtime,
    limits: CacheLimits,
  ) {
    this.#environment = environment;
    this.#worker = worker;
    this.writable = writable;
    this.#runtime = runtime;
    this.#limits = limits;
  }

  async find(prefix: string, file: string | undefined, signal: AbortSignal): Promise<Found | undefined> {
    const { answerMs, transferMs } = this.#limits;
    const limitMs = file === undefined ? answerMs + processMs : transferMs;
    const answer = await this.#ask({ task: 'find', prefix, file }, limitMs, signal);
    if (answer.kind === 'broken') throw new EntryError(answer.key, withoutQueries(answer.reason));
    if (answer.kind !== 'found') return undefined;
    // an entry that nobody asked for would be one that nobody looks at
    if (!answer.key.startsWith(prefix)) throw new CacheError('it answered with another entry');
    return { key: answer.key, bytes: answer.bytes };
  }

  async store(key: string, file: string, signal: AbortSignal): Promise<void> {
    if (key.length > longestKey || key.includes(','))
      throw new CacheError('the key is too long, or has a comma');
    await this.#ask({ task: 'store', key, file }, this.#limits.transferMs, signal);
  }

  async #ask(
    task: Task,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<Exclude<WorkerAnswer, { kind: 'failed' }>> {
    const { clock, privateFolder } = this.#runtime;
    const { answerMs, silenceMs } = this.#limits;
    const answerFile = join(privateFolder, `cache-answer-${++this.#requests}.json`);
    const request = { ...task, version, environment: this.#environment, answerFile, answerMs };
    const silence = new IdleTimer('the cache', Math.max(silenceMs, answerMs + processMs));
    const until = AbortSignal.any([signal, silence.signal]);
    try {
      await within(clock, 'the cache', limitMs, until, (limited) =>
        this.#runWorker(whatOf(task), JSON.stringify(request), limitMs, limited, () => silence.touch()),
      );
      const answer = JSON.parse(await readFile(answerFile, 'utf8')) as WorkerAnswer;
      if (answer.kind === 'failed') throw new CacheError(withoutQueries(answer.reason));
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof CacheError ? error : new CacheError(errorMessage(error), { cause: error });
    } finally {
      silence.stop();
      await rm(answerFile, { force: true });
    }
  }

  /** @throws CacheError where it ends without an answer */
  async #runWorker(
    what: string,
    input: string,
    idleMs: number,
    signal: AbortSignal,
    onProgress: () => void,
  ): Promise<void> {
    const { processes, log } = this.#runtime;
    let moved = 0;
    let total: number | undefined;
    const onLine = (line: string) => {
      // it tells each second how far it is, also where it gets no further
      const [, bytes, all] = /^(?:Received|Sent) (\d+) (?:of (\d+) )?/.exec(line) ?? [];
      if (bytes !== undefined && Number(bytes) !== moved) onProgress();
      moved = Number(bytes ?? moved);
      if (all !== undefined) total = Number(all);
      // commands to the runner are not for it: among them are the addresses that need no other token
      if (!line.startsWith('::')) log.debug(`cache client> ${withoutQueries(line)}`);
    };
    const options = { input, idleMs, signal, onLine, onErrorLine: onLine };
    const read = () => ({ done: bytesOf(moved, total), bytes: moved });
    const { code } = await withProgressLines(this.#runtime, what, read, () =>
      processes.run(process.execPath, this.#worker, options),
    );
    if (code !== 0) throw new CacheError('its client ended without an answer');
  }
}

/** For the lines that say how far it is. */
function whatOf(task: Task): string {
  if (task.task === 'store') return 'cache: uploading';
  return task.file === undefined ? 'cache: asking' : 'cache: downloading';
}

/** In an address of the blob store it is the query that lets in whoever has it; the runner has not been told to mask it. */
function withoutQueries(text: string): string {
  return text.replace(/(https?:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/g, '$1');
}

type Task =
  | { readonly task: 'find'; readonly prefix: string; readonly file: string | undefined }
  | { readonly task: 'store'; readonly key: string; readonly file: string };
