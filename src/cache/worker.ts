// The one file that talks to @actions/cache, in a process of its own: the client prints as it likes, cannot be
// stopped half-way, and keeps parts of what it downloads in memory. It is told what to do on standard input, because the
// service's token may not stand in arguments or an environment, and answers in a file.
import { statSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
// not what the package exports: that calls tar, with every secret of this step in its environment, to unpack with -P what
// anybody has written who can write this repository's cache, which may then be any file of the runner
import { downloadCache, saveCache } from '../../node_modules/@actions/cache/lib/internal/cacheHttpClient.js';
import { internalCacheTwirpClient } from '../../node_modules/@actions/cache/lib/internal/shared/cacheTwirpClient.js';
import { errorMessage } from '../errors';
import type { WorkerAnswer, WorkerRequest } from './service';

/** As the client's own saveCache has them. */
const upload = { useAzureSdk: true, uploadChunkSize: 64 << 20, uploadConcurrency: 8 } as const;
/** The parallel way of 4 MiB blocks; the one by Azure's SDK holds 128 MiB in memory. */
const download = { useAzureSdk: false, concurrentBlobDownloads: true } as const;

/** Carries out the request on standard input. Whatever happens, there is an answer. */
export async function serve(): Promise<void> {
  const request: WorkerRequest = JSON.parse(await text(process.stdin));
  Object.assign(process.env, request.environment);
  const answer = await carryOut(request).catch(
    (error: unknown): WorkerAnswer => ({ kind: 'failed', reason: errorMessage(error) }),
  );
  writeFileSync(request.answerFile, JSON.stringify(answer));
}

function carryOut(request: WorkerRequest): Promise<WorkerAnswer> {
  return request.task === 'store' ? store(request) : find(request);
}

// a second attempt is for whoever asked: these would be announced in the log, each by itself
const client = () => internalCacheTwirpClient({ maxAttempts: 1 });

async function find({ prefix, version, file }: WorkerRequest & { task: 'find' }): Promise<WorkerAnswer> {
  const { ok, matchedKey, signedDownloadUrl } = await client().GetCacheEntryDownloadURL({
    // a whole key to some services; what is asked for among restore keys is a beginning to all
    key: prefix,
    restoreKeys: [prefix],
    version,
  });
  if (!ok) return { kind: 'none' };
  if (file === undefined) return { kind: 'found', key: matchedKey, bytes: 0 };
  try {
    await downloadCache(signedDownloadUrl, file, download);
    return { kind: 'found', key: matchedKey, bytes: statSync(file).size };
  } catch (error) {
    return { kind: 'broken', key: matchedKey, reason: errorMessage(error) };
  }
}

async function store({ key, version, file }: WorkerRequest & { task: 'store' }): Promise<WorkerAnswer> {
  const archiveSizeBytes = statSync(file).size;
  const created = await client().CreateCacheEntry({ key, version });
  if (!created.ok) return { kind: 'failed', reason: created.message || 'the entry could not be reserved' };
  await saveCache(-1, file, created.signedUploadUrl, { ...upload, archiveSizeBytes });
  const sizeBytes = String(archiveSizeBytes);
  const { ok, message } = await client().FinalizeCacheEntryUpload({ key, version, sizeBytes });
  return ok ? { kind: 'stored' } : { kind: 'failed', reason: message || 'the entry could not be completed' };
}
