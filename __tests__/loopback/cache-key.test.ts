// What we sign, before a real Nix that knows the public key only.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readManifest, type StoredPath, writeLayer } from '../../src/cache/layer';
import { derivedLayerKey, freshLayerKey, type LayerKey, nixLayerKey } from '../../src/cache/layer-key';
import { narinfo, narinfoName } from '../../src/cache/narinfo';
import { LayerFolder } from '../../src/cache/substituter';
import { nixHash } from '../../src/nix/hash';
import { nixEnvironment } from '../../testbed/paths.mts';
import { atEnd, test, testEach } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';
import { features, nix } from '../support/store';

const generate = () => nix('nix', ['key', 'generate-secret', ...features, '--key-name', 'example.org-1']);
const { signal } = new AbortController();

/** A path of the runner's store, and a layer that has it. */
async function makeLayer(folder: string, key: LayerKey, text = folder) {
  const file = join(folder, 'a-file');
  writeFileSync(file, text);
  const path = nix('nix-store', ['--add', file]);
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', path]));
  const [hash, size] = ['--hash', '--size'].map((what) => nix('nix-store', ['--query', what, path]));
  const narHash = nixHash(hash ?? '') ?? '';
  // as if it had been built: what its contents address needs no signature
  const stored = {
    path,
    narHash,
    narSize: Number(size),
    references: [],
    deriver: '',
    ca: '',
    buildMs: 0,
    file: path,
  };
  const layer = join(folder, 'layer');
  const about = { key: 'p/own', made: 1, storeFolder: '/nix/store' };
  await writeLayer(layer, about, [stored], [], { key, limit: 1e9, signal });
  const { layers } = await readManifest(layer, '/nix/store', key);
  return { path, layer, layers };
}

/** Whether Nix takes the path into an empty store. */
function isTaken(path: string, { substituter }: LayerFolder, publicKey = substituter.publicKey): boolean {
  const root = temporaryFolder('root');
  const args = ['copy', ...features, '--from', substituter.uri, '--to', `local?root=${root}`, path];
  try {
    nix('nix', [...args, '--option', 'trusted-public-keys', publicKey, '--option', 'require-sigs', 'true']);
    const verify = [
      'store',
      'verify',
      ...features,
      '--store',
      `local?root=${root}`,
      '--sigs-needed',
      '1',
      path,
    ];
    nix('nix', [...verify, '--option', 'trusted-public-keys', publicKey]);
  } catch {
    return false;
  }
  return existsSync(join(root, path));
}

describe('a key', () => {
  test('from Nix has the public half that Nix says it has', async () => {
    const secret = generate();
    const env = { ...process.env, ...nixEnvironment() };
    const said = execFileSync('nix', ['key', 'convert-secret-to-public', ...features], {
      input: secret,
      env,
      encoding: 'utf8',
    });
    expect(nixLayerKey(secret)?.publicKey).toBe(said.trim());
  });

  testEach<string, () => LayerKey | undefined>([
    ['from Nix', () => nixLayerKey(generate())],
    ['derived', () => derivedLayerKey(Buffer.from(`secret ${Math.random()}`))],
    ['made for a run', freshLayerKey],
  ])('%s signs so that Nix takes it, and from no other key', async (_, make) => {
    const folder = temporaryFolder('key');
    const key = make?.() ?? freshLayerKey();
    const { path, layer, layers } = await makeLayer(folder, key);
    const cache = await LayerFolder.create(join(folder, 'cache'), '/nix/store');
    await cache.describe(layers);
    await cache.fill(layer, layers[0]?.paths ?? [], signal);
    expect(isTaken(path, cache)).toBe(true);
    // which another key has signed
    expect(isTaken(path, cache, key.publicKey)).toBe(false);
    for (const stored of layers[0]?.paths ?? [])
      writeFileSync(join(folder, 'cache', narinfoName(path)), narinfo(stored, '/nix/store', key));
    expect(isTaken(path, cache, key.publicKey)).toBe(true);
  });
});

// as of two jobs that built the same at the same time, where a build is not always the same
test('of a path that two layers have differently Nix is shown the one that is there', async () => {
  const folder = temporaryFolder('two');
  const key = freshLayerKey();
  const { path, layer, layers } = await makeLayer(folder, key);
  const other: StoredPath[] = (layers[0]?.paths ?? []).map((stored) => ({
    ...stored,
    fileHash: '0'.repeat(52),
  }));
  const cache = await LayerFolder.create(join(folder, 'cache'), '/nix/store');
  await cache.describe([...layers, { key: 'p/other', made: 0, paths: other }]);
  await cache.fill(layer, layers[0]?.paths ?? [], signal);
  expect(isTaken(path, cache)).toBe(true);
  expect(readFileSync(join(folder, 'cache', narinfoName(path)), 'utf8')).not.toContain('0'.repeat(52));
});
