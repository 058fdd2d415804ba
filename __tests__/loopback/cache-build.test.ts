// A build with the cache, as the phases call it: a real Nix, and a service that is a folder.
import { chmodSync, copyFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type CachedBuild, ClosureCache } from '../../src/cache/closure-cache';
import { RepositoryImages } from '../../src/cache/image-cache';
import { freshLayerKey } from '../../src/cache/layer-key';
import { layerLimits } from '../../src/cache/layer-plan';
import { RepositoryCache } from '../../src/cache/run-cache';
import type { CacheService } from '../../src/cache/service';
import { Uploads } from '../../src/cache/uploads';
import type { BuildOptions } from '../../src/nix/options';
import { type Derivation, installable } from '../../src/plan/evaluation';
import { test } from '../support/concurrent';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';
import { nix, nixOf } from '../support/store';

/** Entries that are files. */
class FolderService implements CacheService {
  readonly writable = true;
  readonly keys: string[] = [];
  readonly #folder = temporaryFolder('service');

  async find(prefix: string, file: string | undefined, signal: AbortSignal) {
    signal.throwIfAborted();
    const key = this.keys.findLast((each) => each.startsWith(prefix));
    if (key === undefined) return undefined;
    const entry = join(this.#folder, String(this.keys.indexOf(key)));
    if (file === undefined) return { key, bytes: 0 };
    copyFileSync(entry, file);
    return { key, bytes: statSync(entry).size };
  }

  async store(key: string, file: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    copyFileSync(file, join(this.#folder, String(this.keys.length)));
    this.keys.push(key);
  }
}

const layerKey = freshLayerKey();

/** A runner with an empty store, and the cache of one run on it. */
function runner(service: CacheService, layerBytes = layerLimits.layerBytes) {
  const root = temporaryFolder('root');
  const environment = { NIX_REMOTE: `local?root=${root}` };
  const runtime = testRuntime(undefined, environment);
  const here = nixOf(runtime);
  const uploads = new Uploads(service, () => undefined, runtime);
  const closures = new ClosureCache(
    {
      service,
      prefix: 'test',
      key: layerKey,
      configuration: 'demo',
      limits: { ...layerLimits, layerBytes },
      unsignedUsed: () => undefined,
      uploadFolder: temporaryFolder('upload'),
      uploads,
    },
    here,
    runtime,
  );
  const images = new RepositoryImages(
    { service, prefix: 'test', uploads, uploadFolder: temporaryFolder('images') },
    runtime,
  );
  const cache = new RepositoryCache(closures, images, uploads);
  /** What does this, when something else was built for it. */
  const derivation = (late: string): Derivation => {
    const expression = `let
        build = name: text: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" text ]; };
        early = build "early" "echo early >$out";
      in build "late" "read x <\${early}; ${late}"`;
    const drvPath = nix('nix-instantiate', ['--expr', expression], environment);
    return { drvPath, outPath: nix('nix-store', ['--query', '--outputs', drvPath], environment) };
  };
  const { signal } = runtime;
  const build = (derivation: Derivation, more: Partial<CachedBuild> = {}, stopped = signal) =>
    cache.around(
      { wanted: [derivation], system: 'x86_64-linux', ...more },
      stopped,
      (options: BuildOptions) => here.build([installable(derivation)], stopped, options),
    );
  const said = () => runtime.log.lines.filter((line) => line.startsWith('cache: '));
  const building = () => runtime.log.lines.filter((line) => line.startsWith('debug: building '));
  return { root, cache, derivation, build, said, building };
}

const quick = 'echo late >$out';
const patience = 20_000;

describe('what goes on beside the build fails', () => {
  test('while it builds: what was built until then is saved', async () => {
    const service = new FolderService();
    const { cache, derivation, build, said, building } = runner(service);
    const stop = new AbortController();
    const failed = failure(build(derivation('while :; do :; done'), {}, stop.signal));
    await until('the second is being built', () => building().length === 2);
    stop.abort(new Error('the machine is gone'));
    expect((await failed).message).toBe('the machine is gone');
    await cache.finish(patience);
    expect(said().at(-1)).toContain('saved 1 path');
    const next = runner(service);
    await next.build(next.derivation(quick));
    expect(next.building()).toHaveLength(1);
  });

  test('after a build that may not have been the last: that is saved', async () => {
    const service = new FolderService();
    const { cache, derivation, build, said } = runner(service);
    const stop = new AbortController();
    await build(derivation(quick), { mayBuildAgain: true }, stop.signal);
    expect(service.keys).toEqual([]);
    stop.abort(new Error('the machine is gone'));
    await cache.finish(patience);
    expect(said().at(-1)).toContain('saved 2 paths');
  });
});

test('two builds of one run are one upload, with what both have built', async () => {
  const service = new FolderService();
  const { cache, derivation, build } = runner(service);
  await build(derivation('echo first >$out'), { mayBuildAgain: true });
  await build(derivation('echo second >$out'));
  await cache.finish(patience);
  expect(service.keys).toHaveLength(1);
  const next = runner(service);
  for (const text of ['first', 'second']) await next.build(next.derivation(`echo ${text} >$out`));
  expect(next.building()).toEqual([]);
});

test('what another job has saved meanwhile is not saved again', async () => {
  const service = new FolderService();
  const [one, other] = [runner(service), runner(service)];
  await one.build(one.derivation(quick), { mayBuildAgain: true });
  await other.build(other.derivation(quick));
  await other.cache.finish(patience);
  await one.cache.finish(patience);
  expect(service.keys).toHaveLength(1);
});

test('what there is no room for is said, and what is small is saved', async () => {
  const service = new FolderService();
  const { cache, derivation, build, said } = runner(service, 100);
  const noise = Array.from({ length: 30 }, (_, n) => ((n * 7919) % 1009).toString(36)).join('');
  await build(derivation(`echo ${noise} ${noise.split('').reverse().join('')} >$out`));
  await cache.finish(patience);
  expect(said()).toEqual([
    'cache: nothing in it for this build',
    expect.stringMatching(/^cache: left out 1 large path, there is no room in a layer: .*-late$/),
    expect.stringMatching(/^cache: saved 1 path/),
  ]);
});

test('what has changed on the disk is not saved, and one line says so', async () => {
  const service = new FolderService();
  const { root, cache, derivation, build, said } = runner(service);
  const wanted = derivation(quick);
  await build(wanted, { mayBuildAgain: true });
  const file = join(root, wanted.outPath);
  chmodSync(file, 0o644);
  writeFileSync(file, 'another');
  await cache.finish(patience);
  expect(said().slice(1)).toEqual([
    expect.stringMatching(/^cache: left out 1 path with other contents than the store says: .*-late$/),
    expect.stringMatching(/^cache: saved 1 path/),
  ]);
});
