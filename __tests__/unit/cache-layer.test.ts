// What a layer may say. One that is not signed is the word of whoever can write the repository's cache.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readManifest, type StoredPath, writeLayer } from '../../src/cache/layer';
import { freshLayerKey } from '../../src/cache/layer-key';
import { narinfo } from '../../src/cache/narinfo';
import { CacheError } from '../../src/cache/service';
import {
  type ForgedManifest,
  hashOf,
  narOf,
  placesIn,
  putTogether,
  takeApart,
  unsigned,
  withManifest,
} from '../support/forged-layer';

const storeFolder = '/nix/store';
const key = freshLayerKey();
const name = (letter: string, rest: string) => `${letter.repeat(32)}-${rest}`;
let dir: string;
let files = 0;
/** A layer of two files that builds upon another one. */
const layers: { unsigned: Buffer; signed: Buffer } = { unsigned: Buffer.alloc(0), signed: Buffer.alloc(0) };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'layer-'));
  layers.unsigned = await makeLayer(undefined);
  layers.signed = await makeLayer(key);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function fileWith(bytes: string | Uint8Array): string {
  const file = join(dir, `file${files++}`);
  writeFileSync(file, bytes);
  return file;
}

async function makeLayer(layerKey: typeof key | undefined): Promise<Buffer> {
  const paths = ['one', 'another'].map((text, index) => ({
    path: `${storeFolder}/${name('ab'[index] ?? '', text)}`,
    narHash: `sha256:${hashOf(narOf(text))}`,
    narSize: narOf(text).length,
    references: [name('a', 'one')],
    deriver: name('d', `${text}.drv`),
    ca: '',
    buildMs: 5,
    file: fileWith(text),
  }));
  const signal = new AbortController().signal;
  const stored = { fileHash: hashOf(Buffer.from('x')), fileSize: 10, offset: 0 };
  const below = [
    { key: 'p/below', made: 1, paths: paths.map((path) => ({ ...path, ...stored, file: undefined })) },
  ];
  const file = fileWith('');
  await writeLayer(file, { key: 'p/own', made: 2, storeFolder }, paths, below, {
    key: layerKey,
    limit: 1e9,
    signal,
  });
  return readFileSync(file);
}

const read = (bytes: string | Uint8Array, layerKey?: typeof key) =>
  readManifest(fileWith(bytes), storeFolder, layerKey);

/** The message with which a layer is passed over; anything else than a CacheError would end the run. */
async function refusal(bytes: string | Uint8Array, layerKey?: typeof key): Promise<string> {
  const error: unknown = await read(bytes, layerKey).then(
    () => new Error('it was read'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CacheError);
  return (error as CacheError).message;
}

/** The unsigned layer with another manifest. */
function changed(change: (manifest: ForgedManifest) => unknown): Buffer {
  const { nars, manifest } = takeApart(layers.unsigned);
  return putTogether(nars, change(manifest) ?? manifest, unsigned);
}

/** The unsigned layer of which one path says something else. */
const withPath = (fields: Record<string, unknown>, layer = 0) =>
  changed(({ layers }) => {
    Object.assign(layers[layer]?.paths[0] ?? {}, fields);
  });

/** Every line of a binary cache's file that Nix reads, as strict as can be. */
const wellFormed = new RegExp(
  [
    '^StorePath: /nix/store/[0-9a-z]{32}-[\\w+.?=-]+',
    'URL: nar/[0-9a-z]{52}\\.nar\\.zst',
    'Compression: zstd',
    'FileHash: sha256:[0-9a-z]{52}',
    'FileSize: [0-9]+',
    'NarHash: sha256:[0-9a-z]{52}',
    'NarSize: [0-9]+',
    'References: (?:[0-9a-z]{32}-[\\w+.?=-]+ ?)*',
    '(?:Deriver: [0-9a-z]{32}-[\\w+.?=-]+\n)?(?:CA: [\\w:.+/=-]+\n)?Sig: [\\w-]+:[A-Za-z0-9+/=]+\n$',
  ].join('\n'),
);

function expectHarmless(stored: StoredPath): void {
  expect(narinfo(stored, storeFolder, key)).toMatch(wellFormed);
  expect(stored.offset).toBeGreaterThanOrEqual(0);
  expect(Number.isSafeInteger(stored.offset + stored.fileSize + stored.buildMs)).toBe(true);
}

describe('a layer that is as it was written', () => {
  test('is read, and what Nix is shown of it is well-formed', async () => {
    for (const [bytes, layerKey] of [[layers.unsigned], [layers.signed, key]] as const) {
      const manifest = await read(bytes, layerKey);
      expect(manifest).toEqual(takeApart(bytes).manifest);
      expect(manifest.layers.map((layer) => layer.paths.length)).toEqual([2, 2]);
      for (const stored of manifest.layers.flatMap(({ paths }) => paths)) expectHarmless(stored);
    }
  });

  test('is only for those with the same key, or none', async () => {
    expect(await refusal(layers.unsigned, key)).toBe('a layer is not signed');
    expect(await refusal(layers.signed)).toBe('a layer is not signed by the key of this run');
    expect(await refusal(layers.signed, freshLayerKey())).toBe(
      'a layer is not signed by the key of this run',
    );
  });
});

describe('a signed layer', () => {
  test('with any other byte from the manifest on is refused', async () => {
    const { manifest } = placesIn(layers.signed);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: manifest, max: layers.signed.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (place, flip) => {
          const bytes = Buffer.from(layers.signed);
          bytes[place] = (bytes[place] ?? 0) ^ flip;
          await refusal(bytes, key);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('of which a part is missing is refused', async () => {
    for (let length = 0; length < layers.signed.length; length += 7)
      await refusal(layers.signed.subarray(0, length), key);
  });
});

describe('an unsigned layer', () => {
  const line = 'x\nSig: attacker:AAAA';
  test.each<[string, Record<string, unknown>]>([
    ...['../../x', '/etc/passwd', '/nix/store', '/nix/store/', '/nix/store/../x', '', null, 5].map(
      (path): [string, Record<string, unknown>] => [`path ${path}`, { path }],
    ),
    ['a path with more behind it', { path: `/nix/store/${name('a', 'one')}/bin` }],
    ['a path as a list', { path: [`/nix/store/${name('a', 'one')}`] }],
    ['a path with a line', { path: `/nix/store/${name('a', 'one')}\n` }],
    ['a hash that is a path', { narHash: 'sha256:../../x', fileHash: '../../x' }],
    ['a file hash that is a path', { fileHash: `../../${'a'.repeat(46)}` }],
    ['a hash as a list', { fileHash: ['a'.repeat(52)] }],
    ['a hash of another kind', { narHash: `md5:${'a'.repeat(52)}` }],
    ['a reference that is a path', { references: ['../../x'] }],
    ['a reference with a line', { references: [`${name('a', 'one')}\nSig: a:b`] }],
    ['a reference in a list', { references: [[name('a', 'one')]] }],
    ['references that are text', { references: name('a', 'one') }],
    ['a deriver with a line', { deriver: `${name('d', 'one.drv')}\nSig: a:b` }],
    ['a deriver that is null', { deriver: null }],
    ['a content address with a line', { ca: line }],
    ['a size with a line', { narSize: line }],
    ['a size as text', { narSize: '5' }],
    ['a file size with a line', { fileSize: line }],
    ['a size below zero', { fileSize: -1 }],
    ['a size of nothing', { fileSize: 0 }],
    ['half a byte', { narSize: 1.5 }],
    ['more than there is', { narSize: 1e300 }],
    ['an offset below zero', { offset: -1 }],
    ['an offset as text', { offset: '0' }],
    ['an offset behind the file', { offset: 1e6 }],
    ['a file size beyond the file', { fileSize: 1e6 }],
    ['a time as text', { buildMs: '5' }],
    ['a time without end', { buildMs: 1e308 }],
    ['no hash', { narHash: undefined }],
    ['no references', { references: undefined }],
  ])('that says %s is refused', async (_, fields) => {
    await refusal(withPath(fields));
    // and of a layer below, but for what is in another file
    if (!('offset' in fields && fields.offset === 1e6) && fields.fileSize !== 1e6)
      await refusal(withPath(fields, 1));
  });

  test.each<[string, (manifest: ForgedManifest) => unknown]>([
    ['null', () => 'null'],
    ['a number', () => 7],
    ['a list', () => []],
    ['nothing', () => ({})],
    ['no JSON', () => '{"storeFolder":'],
    ['layers that are none', (manifest) => ({ ...manifest, layers: { 0: manifest.layers[0] } })],
    ['a layer that is null', (manifest) => ({ ...manifest, layers: [null] })],
    ['another store folder', (manifest) => ({ ...manifest, storeFolder: '/gnu/store' })],
    ['a path twice', ({ layers: [own] }) => void own?.paths.push(...own.paths)],
    ['a time that is text', ({ layers: [own] }) => void Object.assign(own ?? {}, { made: 'now' })],
    [
      'a key with a line',
      ({ layers: [, below] }) => void Object.assign(below ?? {}, { key: 'a\n::set-output' }),
    ],
    ['a key that is a list', ({ layers: [own] }) => void Object.assign(own ?? {}, { key: ['a'] })],
    [
      'a key for a whole chapter',
      ({ layers: [own] }) => void Object.assign(own ?? {}, { key: 'a'.repeat(600) }),
    ],
  ])('that says %s is refused', async (_, change) => {
    await refusal(changed(change));
  });

  test('whose manifest is larger than it may be is refused before it is read', async () => {
    const { nars, manifest } = takeApart(layers.unsigned);
    const padded = (bytes: number) => putTogether(nars, JSON.stringify(manifest).padEnd(bytes), unsigned);
    await read(padded(16 << 20));
    for (const bytes of [(16 << 20) + 1, 256 << 20])
      expect(await refusal(padded(bytes))).toBe('a layer is damaged');
    const boast = `${'nixos-anywhere-action layer 1 999999999 unsigned'.padEnd(127)}\n`;
    expect(await refusal(boast)).toBe('a layer is damaged, or has another format');
  });

  test('that says anything is refused, or harmless', async () => {
    const strange = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        -1,
        0,
        0.5,
        1e300,
        '',
        [],
        {},
        '../../x',
        'a\nSig: b',
        '/nix/store/x',
        ['a'],
      ),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(), strange, fc.boolean(), async (where, value, add) => {
        const bytes = changed((manifest) => replaceSomewhere(manifest, where, value, add));
        const manifest = await read(bytes).catch((error: unknown) => {
          expect(error).toBeInstanceOf(CacheError);
        });
        for (const stored of manifest?.layers.flatMap(({ paths }) => paths) ?? []) expectHarmless(stored);
      }),
      { numRuns: 1000 },
    );
  });

  test('of any bytes is refused', async () => {
    const { nars } = takeApart(layers.unsigned);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await refusal(bytes);
        await refusal(withManifest(nars, Buffer.from(bytes), unsigned));
        await refusal(putTogether(nars, Buffer.from(bytes).toString('latin1'), unsigned));
      }),
      { numRuns: 300 },
    );
  });
});

/** Puts a value in the place of another one, or beside it. */
function replaceSomewhere(manifest: ForgedManifest, where: number, value: unknown, add: boolean): void {
  const places: (() => void)[] = [];
  const collect = (parent: Record<string, unknown>) => {
    for (const [field, child] of Object.entries(parent)) {
      places.push(() => {
        parent[field] = value;
      });
      if (typeof child === 'object' && child !== null) collect(child as Record<string, unknown>);
    }
    if (add) places.push(() => Array.isArray(parent) && parent.push(value));
  };
  collect(manifest);
  places[where % places.length]?.();
}
