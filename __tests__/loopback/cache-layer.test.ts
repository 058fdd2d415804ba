// The file of a layer: what goes in comes out again, whatever stood there before.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import {
  extract,
  type PathToStore,
  readManifest,
  type WrittenLayer,
  writeLayer,
} from '../../src/cache/layer';
import { freshLayerKey } from '../../src/cache/layer-key';
import { nar } from '../../src/cache/nar';
import { baseName } from '../../src/cache/narinfo';
import { LayerFolder } from '../../src/cache/substituter';
import { toNixBase32 } from '../../src/nix/hash';
import { test } from '../support/concurrent';
import { failure, temporaryFolder } from '../support/runtime';

const { signal } = new AbortController();
const key = freshLayerKey();
const storeFolder = '/nix/store';

type Wrong = 'nothing' | 'changed' | 'gone' | 'unreadable half-way';

/** A path that a store would have, and what may have happened to it. */
async function pathOf(
  folder: string,
  n: number,
  bytes: number,
  wrong: Wrong = 'nothing',
): Promise<PathToStore> {
  const file = join(folder, `path-${n}`);
  mkdirSync(file);
  writeFileSync(join(file, 'a'), randomBytes(bytes));
  writeFileSync(join(file, 'b'), 'b');
  const archive = await buffer(nar(file));
  if (wrong === 'changed') writeFileSync(join(file, 'a'), randomBytes(bytes + 1));
  if (wrong === 'gone') rmSync(file, { recursive: true });
  if (wrong === 'unreadable half-way') execFileSync('mkfifo', [join(file, 'pipe')]);
  return {
    path: `${storeFolder}/${String(n).padStart(32, '0')}-path+=?`,
    narHash: `sha256:${toNixBase32(createHash('sha256').update(archive).digest())}`,
    narSize: archive.length,
    references: [],
    deriver: '',
    ca: '',
    buildMs: n,
    file,
  };
}

function write(file: string, paths: readonly PathToStore[], limit = 1e9): Promise<WrittenLayer> {
  return writeLayer(file, { key: 'own', made: 1, storeFolder }, paths, [], { key, limit, signal });
}

/** Each path's contents as a store would get them; fails unless they are what the layer says. */
async function takeOut(file: string, folder: string): Promise<Map<string, Buffer>> {
  const [own] = (await readManifest(file, storeFolder, key)).layers;
  const found = new Map<string, Buffer>();
  for (const stored of own?.paths ?? []) {
    const to = join(folder, 'out');
    await extract(file, stored, to, signal);
    const archive = zstdDecompressSync(readFileSync(to));
    expect(`sha256:${toNixBase32(createHash('sha256').update(archive).digest())}`).toBe(stored.narHash);
    found.set(stored.path, archive);
  }
  return found;
}

describe('a layer', () => {
  test('has each path that is as the store says, and none that is not, in whatever order they come', async () => {
    const wrong = fc.constantFrom<Wrong>('nothing', 'nothing', 'changed', 'gone', 'unreadable half-way');
    const bytes = fc.constantFrom(0, 5, 1000, 300_000, 1_500_000);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(bytes, wrong), { maxLength: 6 }), async (list) => {
        const folder = temporaryFolder('layer');
        const paths = await Promise.all(list.map(([size, what], n) => pathOf(folder, n, size, what)));
        const file = join(folder, 'layer');
        const { entry, damaged, leftOut } = await write(file, paths);
        const good = paths.filter((_, n) => list[n]?.[1] === 'nothing').map(({ path }) => path);
        expect([...(await takeOut(file, folder)).keys()]).toEqual(good);
        expect(entry.paths.map(({ path }) => path)).toEqual(good);
        expect([...damaged, ...good].sort()).toEqual(paths.map(({ path }) => path).sort());
        expect(leftOut).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('is never larger than it may be: what would make it so is left out, and what is small goes in', async () => {
    const folder = temporaryFolder('layer');
    const sizes = [100_000, 3_000_000, 50_000, 400_000, 10];
    const paths = await Promise.all(sizes.map((bytes, n) => pathOf(folder, n, bytes)));
    const file = join(folder, 'layer');
    const { entry, leftOut, damaged } = await write(file, paths, 300_000);
    const names = (list: readonly { readonly path: string }[]) =>
      list.map(({ path }) => Number(baseName(path).slice(0, 32)));
    expect(names(entry.paths)).toEqual([0, 2, 4]);
    expect(names(leftOut.map((path) => ({ path })))).toEqual([1, 3]);
    expect(damaged).toEqual([]);
    expect(entry.paths.reduce((sum, { fileSize }) => sum + fileSize, 0)).toBeLessThan(300_000);
    // and the manifest
    expect(statSync(file).size).toBeLessThan(310_000);
    expect((await takeOut(file, folder)).size).toBe(3);
  });

  test('that cannot be written is an error, and no path that cannot be read', async () => {
    const folder = temporaryFolder('layer');
    const path = await pathOf(folder, 1, 1_000_000);
    expect(await failure(write('/dev/full', [path]))).toMatchObject({ code: 'ENOSPC' });
    expect(await failure(write(join(folder, 'nowhere/layer'), [path]))).toMatchObject({ code: 'ENOENT' });
  });

  test('of thousands of paths is written, described and forgotten within the time that a test has', async () => {
    const folder = temporaryFolder('layer');
    const first = await pathOf(folder, 0, 100);
    const paths = Array.from({ length: 3000 }, (_, n) => ({
      ...first,
      path: `${storeFolder}/${String(n).padStart(32, '0')}-path`,
    }));
    const { entry } = await write(join(folder, 'layer'), paths);
    expect(entry.paths).toHaveLength(3000);
    const cache = await LayerFolder.create(join(folder, 'cache'), storeFolder);
    await cache.describe([entry]);
    const narinfos = () => readdirSync(join(folder, 'cache')).filter((name) => name.endsWith('.narinfo'));
    expect(narinfos()).toHaveLength(3000);
    await cache.forgetAllBut(new Set(paths.slice(0, 2).map(({ path }) => path)));
    expect(narinfos()).toHaveLength(2);
  });
});
