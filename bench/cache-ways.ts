// A closure saved and restored: by the action as it is, and by what one might do instead.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runAction } from '../testbed/action.mts';
import { type CacheRequest, CacheService } from '../testbed/cache-service.mts';
import { type CacheClosure, closureEnvironment } from './cache-closure';
import type { CacheJob } from './cache-process';
import { node24 } from './copy';
import { type Memory, watchMemory } from './memory';

/** GitHub's limit for a repository. */
const uploadsPerMinute = 200;

export interface CacheSample {
  readonly seconds: number;
  /** That GitHub would have one wait; nobody waits for it here. */
  readonly waitSeconds: number;
  readonly requests: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly memory?: Memory;
  /** Derivations that were built. */
  readonly built?: number;
}

/** What one way costs, by what is done. */
export type WaySamples = Readonly<Record<string, CacheSample>>;

/** The action: a first run, a second one, one with a change, and one whose store has all. Each but the last has an empty store. */
export async function measureLayers(closure: CacheClosure, folder: string): Promise<WaySamples> {
  const service = await CacheService.start({ azure: true });
  try {
    const run = (name: string, flake: string, store = join(folder, name, 'store')) =>
      buildOnly(join(folder, name), flake, store, service);
    return {
      save: await run('save', closure.flake, closure.store),
      restore: await run('restore', closure.flake),
      changed: await run('changed', closure.changed),
      there: await run('there', closure.flake, closure.store),
    };
  } finally {
    service.stop();
  }
}

/** The memory of a run without the cache. */
export async function measureWithout(closure: CacheClosure, folder: string): Promise<CacheSample> {
  const inputs = { cache: 'false' };
  return buildOnly(folder, closure.flake, closure.store, await CacheService.start(), inputs);
}

async function buildOnly(
  dir: string,
  flake: string,
  store: string,
  service: CacheService,
  inputs: Record<string, string> = {},
): Promise<CacheSample> {
  const folders = {
    HOME: join(dir, 'home'),
    TMPDIR: join(dir, 'tmpdir'),
    XDG_CACHE_HOME: join(dir, 'cache'),
  };
  for (const made of [...Object.values(folders), store]) mkdirSync(made, { recursive: true });
  const before = service.requests.length;
  let memory: () => Memory = () => ({ main: 0, client: 0, together: 0 });
  let began = 0;
  const run = await runAction({
    dir,
    inputs: { flake: `path:${flake}#demo`, 'build-only': 'true', ...inputs },
    env: { ...closureEnvironment(store), ...folders, ...service.environment },
    onStart: (child) => {
      memory = watchMemory(child);
    },
    // evaluation is not the cache's
    onLine: (line) => {
      if (line === '::group::build') began = performance.now();
    },
  });
  const peaks = memory();
  if (run.code !== 0 || began === 0) throw new Error(`the action failed:\n${run.log}`);
  const built = run.log.split('\n').filter((line) => line.startsWith('::debug::building ')).length;
  return { ...sampleOf(began, service.requests.slice(before)), memory: peaks, built };
}

function sampleOf(began: number, requests: readonly CacheRequest[]): CacheSample {
  const bytes = (what: CacheRequest['what']) =>
    requests.filter((request) => request.what === what).reduce((sum, request) => sum + request.bytes, 0);
  const entries = requests.filter(({ what }) => what === 'create').length;
  return {
    seconds: (performance.now() - began) / 1000,
    waitSeconds: 60 * Math.floor(Math.max(entries - 1, 0) / uploadsPerMinute),
    requests: requests.length,
    bytesUp: bytes('upload'),
    bytesDown: bytes('download'),
  };
}

/** Another way: saves the store that has all, and restores into an empty one. */
export async function measureOther(
  way: CacheJob['way'],
  closure: CacheClosure,
  folder: string,
): Promise<WaySamples> {
  const service = await CacheService.start();
  const restored = join(folder, 'restored');
  mkdirSync(restored, { recursive: true });
  try {
    const save = await inProcess({ way, task: 'save', root: closure.store, ...closure }, service);
    const restore = await inProcess({ way, task: 'restore', root: restored, ...closure }, service);
    await verify(closure, restored);
    return { save, restore };
  } finally {
    service.stop();
  }
}

async function inProcess(job: CacheJob, service: CacheService): Promise<CacheSample> {
  const env = {
    ...process.env,
    ...closureEnvironment(job.root),
    ...service.environment,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_WORKSPACE: job.root,
    RUNNER_TEMP: process.env.TMPDIR ?? '/tmp',
  };
  const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const { way, task, root, tops, names } = job;
  const args = ['--no-warnings', '--import', here('load-sources.mts'), here('cache-process.ts')];
  const before = service.requests.length;
  const began = performance.now();
  await promisify(execFile)(node24, [...args, JSON.stringify({ way, task, root, tops, names })], {
    env,
    cwd: job.root,
    maxBuffer: 1 << 28,
  });
  return sampleOf(began, service.requests.slice(before));
}

/** That all of it is there, as Nix sees it. */
async function verify({ tops, names }: CacheClosure, store: string): Promise<void> {
  const env = { ...process.env, ...closureEnvironment(store) };
  const args = ['--query', '--requisites', ...tops];
  const { stdout } = await promisify(execFile)('nix-store', args, { env, maxBuffer: 1 << 28 });
  const found = stdout.trim().split('\n').length;
  if (found !== names.length) throw new Error(`${found} of ${names.length} paths were restored`);
}
