// Layers that nobody has signed, for runs that contact no machine: they can say anything, and crash nothing.

import { zstdCompressSync } from 'node:zlib';
import { expect } from 'vitest';
import { buildRun, derivationsOfFlake } from '../support/cache';
import { contentsOf, expectMiss, filledService, generateKey, mark } from '../support/cache-attack';
import { test, testEach } from '../support/concurrent';
import {
  type ForgedPath,
  hashOf,
  narOf,
  putTogether,
  signedBy,
  takeApart,
  unsigned,
  withContents,
} from '../support/forged-layer';

type Change = (bytes: Buffer) => Buffer;

/** The layer of which each path says something else. */
const withPaths =
  (change: (path: ForgedPath) => void): Change =>
  (bytes) => {
    const { nars, manifest } = takeApart(bytes);
    for (const path of manifest.layers[0]?.paths ?? []) change(path);
    return putTogether(nars, manifest, unsigned);
  };

const saying = (fields: Record<string, unknown>) => withPaths((path) => void Object.assign(path, fields));

/** The layer that has these bytes for each path, and says so. */
function withBlobs(bytes: Buffer, blob: Buffer): Buffer {
  const { manifest } = takeApart(bytes);
  for (const path of manifest.layers[0]?.paths ?? [])
    Object.assign(path, { fileHash: hashOf(blob), fileSize: blob.length, offset: 0 });
  return putTogether(blob, manifest, unsigned);
}

testEach<string, Change>([
  ['with a flipped byte in a NAR', (bytes) => Buffer.concat([Buffer.from([1]), bytes.subarray(1)])],
  ['that is cut off', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['that is empty', () => Buffer.alloc(0)],
  ['of garbage', () => Buffer.from('garbage '.repeat(500))],
  [
    'whose manifest is a bomb',
    (bytes) => putTogether(takeApart(bytes).nars, ' '.repeat(300 << 20), unsigned),
  ],
  [
    'whose manifest is nested too deep',
    (bytes) => putTogether(takeApart(bytes).nars, '['.repeat(8e6), unsigned),
  ],
  [
    'that is signed',
    (bytes) => putTogether(takeApart(bytes).nars, takeApart(bytes).manifest, signedBy(generateKey())),
  ],
  ['with a path beside the store', saying({ path: '/nix/store/../../x' })],
  ['with a line in a size', saying({ narSize: '1\nSig: a:b' })],
  ['with an offset below zero', saying({ offset: -5 })],
  ['with a deriver that is null', saying({ deriver: null })],
  [
    'that has not the NARs it names',
    withPaths((path) => void Object.assign(path, { narHash: `sha256:${hashOf(Buffer.from('x'))}` })),
  ],
  ['of NARs that are none', (bytes) => withBlobs(bytes, zstdCompressSync('no archive'))],
  ['of NARs that are not compressed', (bytes) => withBlobs(bytes, narOf(mark))],
  ['of hashes that Nix cannot read', saying({ narHash: `sha256:${'e'.repeat(52)}` })],
  ['of references that Nix cannot read', saying({ references: [`${'e'.repeat(32)}-x`] })],
])('an unsigned layer %s is a miss', async (_, change) => {
  const { service, flake, first, entry } = await filledService();
  entry.bytes = change(entry.bytes);
  expectMiss(await buildRun(service, flake), first);
});

// nobody can tell it from another one; a run that contacts a machine never looks under this key
test('a forged layer is taken by runs without a key, and not even found by those with one', async () => {
  const { service, flake, first, entry } = await filledService();
  entry.bytes = withContents(entry.bytes, mark, unsigned);
  const run = await buildRun(service, flake);
  expect([run.code, run.built]).toEqual([0, 0]);
  expect(new Set(Object.values(contentsOf(run)))).toEqual(new Set([mark]));
  const signing = await buildRun(service, flake, { 'cache-signing-key': generateKey() });
  expect(signing.built).toBe(derivationsOfFlake);
  expect(contentsOf(signing)).toEqual(contentsOf(first));
  expect(entry.key).toContain('/unsigned/');
});
