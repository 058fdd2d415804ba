// The one file that talks to @actions/cache, in a process of its own: the client prints as it likes, cannot be
// stopped half-way, and keeps parts of what it downloads in memory. It is told what to do on standard input, because the
// service's token may not stand in arguments or an environment, and answers in a file.
import { statSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
// not what the package exports: that calls tar, with every secret of this step in its environment, to unpack with -P what
// anybody has written who can write this repository's cache, which may then be any file of the runner
import { downloadCache, saveCache } from '../../node_modules/@actions/cache/lib/internal/cacheHttpClient.js';
import { internalCacheTwirpClient } from '../../node_modules/@actions/cache/lib/internal/shared/cacheTwirpClient.js';
import { within } from '../deadlines';
import { errorMessage } from '../errors';
import { systemClock } from '../runtime';
import type { WorkerAnswer, WorkerRequest } from './service';

/** In smaller blocks than the client's own saveCache: it tells of each when it is through, and that it gets on has to be seen. */
const upload = { useAzureSdk: true, uploadChunkSize: 8 << 20, uploadConcurrency: 8 } as const;
/** The parallel way of 4 MiB blocks; the one by Azure's SDK holds 128 MiB in memory. */
const download = { useAzureSdk: false, concurrentBlobDownloads: true } as const;

/** Carries out the request on standard input. Whatever happens, there is an answer. */
export async function serve(): Promise<void> {
  endWithParent();
  const request: WorkerRequest = JSON.parse(await text(process.stdin));
  Object.assign(process.env, request.environment);
  const answer = await carryOut(request).catch(
    (error: unknown): WorkerAnswer => ({ kind: 'failed', reason: errorMessage(error) }),
  );
  const shown = 'reason' in answer ? { ...answer, reason: withoutToken(answer.reason, request) } : answer;
  writeFileSync(request.answerFile, JSON.stringify(shown));
}

/** A service may repeat what it was sent; queries of signed addresses are cut by whoever reads the answer. */
function withoutToken(reason: string, { environment }: WorkerRequest): string {
  const token = environment.ACTIONS_RUNTIME_TOKEN ?? '';
  return token === '' ? reason : reason.replaceAll(token, '***');
}

/** In a session of its own nobody would end it with the action when that is killed, and the post step does its work again. */
function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 500).unref();
}

function carryOut(request: WorkerRequest): Promise<WorkerAnswer> {
  return request.task === 'store' ? store(request) : find(request);
}

// a second attempt is for whoever asked: these would be announced in the log, each by itself
const client = () => internalCacheTwirpClient({ maxAttempts: 1 });

/** The client itself waits three minutes. */
function answered<T>(ms: number, call: Promise<T>): Promise<T> {
  return within(systemClock, 'an answer of the service', ms, new AbortController().signal, () => call);
}

/** The client says how far it is where it downloads block by block; where it does not, the file says it. */
async function downloaded(url: string, file: string): Promise<void> {
  const tell = () => console.log(`Received ${statSync(file, { throwIfNoEntry: false })?.size ?? 0} bytes`);
  const timer = isBlockwise(url) ? undefined : setInterval(tell, 1000);
  try {
    await downloadCache(url, file, download);
  } finally {
    clearInterval(timer);
  }
}

/** As the client decides it. */
function isBlockwise(url: string): boolean {
  return new URL(url).hostname.endsWith('.blob.core.windows.net');
}

async function find({
  prefix,
  version,
  file,
  answerMs,
}: WorkerRequest & { task: 'find' }): Promise<WorkerAnswer> {
  // a whole key to some services; what is asked for among restore keys is a beginning to all
  const call = client().GetCacheEntryDownloadURL({ key: prefix, restoreKeys: [prefix], version });
  const { ok, matchedKey, signedDownloadUrl } = await answered(answerMs, call);
  if (!ok) return { kind: 'none' };
  if (file === undefined) return { kind: 'found', key: matchedKey, bytes: 0 };
  try {
    await downloaded(signedDownloadUrl, file);
    return { kind: 'found', key: matchedKey, bytes: statSync(file).size };
  } catch (error) {
    return { kind: 'broken', key: matchedKey, reason: errorMessage(error) };
  }
}

async function store({
  key,
  version,
  file,
  answerMs,
}: WorkerRequest & { task: 'store' }): Promise<WorkerAnswer> {
  const archiveSizeBytes = statSync(file).size;
  const created = await answered(answerMs, client().CreateCacheEntry({ key, version }));
  if (!created.ok) return { kind: 'failed', reason: created.message || 'the entry could not be reserved' };
  await saveCache(-1, file, created.signedUploadUrl, { ...upload, archiveSizeBytes });
  const sizeBytes = String(archiveSizeBytes);
  const call = client().FinalizeCacheEntryUpload({ key, version, sizeBytes });
  const { ok, message } = await answered(answerMs, call);
  return ok ? { kind: 'stored' } : { kind: 'failed', reason: message || 'the entry could not be completed' };
}
