// cache-process.ts JOB: saves a store or restores it in another way than the action does, in a process of its own.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreCache, saveCache } from '@actions/cache';
import {
  downloadCache,
  saveCache as upload,
} from '../node_modules/@actions/cache/lib/internal/cacheHttpClient.js';
import { internalCacheTwirpClient } from '../node_modules/@actions/cache/lib/internal/shared/cacheTwirpClient.js';
import { type PathToStore, readManifest, writeLayer } from '../src/cache/layer';
import { baseName } from '../src/cache/narinfo';
import { LayerFolder } from '../src/cache/substituter';
import { parsePathInfo } from '../src/nix/path-info';

export interface CacheJob {
  readonly way: 'one tar' | 'one entry a path';
  readonly task: 'save' | 'restore';
  /** The folder that NIX_REMOTE names as root. */
  readonly root: string;
  /** The paths whose closure is wanted. */
  readonly tops: readonly string[];
  /** The names of all of them. */
  readonly names: readonly string[];
}

const version = 'bench';
const atOnce = 8;
const storeFolder = '/nix/store';
const { signal } = new AbortController();
const job = JSON.parse(process.argv[2] ?? '') as CacheJob;
const folder = mkdtempSync(join(tmpdir(), 'bench-cache-'));
const nix = (...args: string[]) =>
  execFileSync('nix', ['--extra-experimental-features', 'nix-command', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });

async function savePaths(): Promise<void> {
  const infos = parsePathInfo(JSON.parse(nix('path-info', '--json', '--recursive', ...job.tops)));
  const paths = [...infos.values()].map(({ path, narHash, narSize, references, deriver, ca }) => ({
    ...{ path, narHash, narSize, ca, buildMs: 0 },
    references: references.map(baseName),
    deriver: baseName(deriver),
    file: job.root + path,
  }));
  await each(paths, savePath);
}

async function savePath(path: PathToStore): Promise<void> {
  const file = join(folder, randomUUID());
  const key = baseName(path.path);
  const options = { key: undefined, limit: Number.POSITIVE_INFINITY, signal };
  await writeLayer(file, { key, made: 0, storeFolder }, [path], [], options);
  const created = await internalCacheTwirpClient().CreateCacheEntry({ key, version });
  await upload(-1, file, created.signedUploadUrl, { useAzureSdk: true });
  const sizeBytes = String(statSync(file).size);
  const done = await internalCacheTwirpClient().FinalizeCacheEntryUpload({ key, version, sizeBytes });
  if (!done.ok) throw new Error(`${key} was not saved`);
  rmSync(file);
}

async function restorePaths(keys: readonly string[]): Promise<void> {
  const cache = await LayerFolder.create(join(folder, 'cache'), storeFolder);
  await each(keys, async (key) => {
    const file = join(folder, randomUUID());
    const request = { key, restoreKeys: [], version };
    const { signedDownloadUrl } = await internalCacheTwirpClient().GetCacheEntryDownloadURL(request);
    await downloadCache(signedDownloadUrl, file, { useAzureSdk: false });
    const { layers } = await readManifest(file, storeFolder, undefined);
    await cache.describe(layers);
    for (const { paths } of layers) await cache.fill(file, paths, signal);
    rmSync(file);
  });
  const { uri, publicKey } = cache.substituter;
  nix('copy', '--from', uri, '--option', 'extra-trusted-public-keys', publicKey, ...job.tops);
}

/** A few at a time. */
async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

if (job.way === 'one tar') {
  if (job.task === 'save') await saveCache(['nix'], 'store');
  else if ((await restoreCache(['nix'], 'store')) === undefined) throw new Error('nothing was restored');
} else if (job.task === 'save') await savePaths();
else await restorePaths(job.names);
rmSync(folder, { recursive: true });
// the client keeps connections open
process.exit(0);
