// Whoever can write the repository's cache gets nothing installed: a layer that was taken out of the service, changed and put
// back is passed over, or what it has is refused, and all is built anew.
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { buildRun } from '../support/cache';
import { contentsOf, expectMiss, filledService, generateKey, mark } from '../support/cache-attack';
import { test, testEach } from '../support/concurrent';
import {
  placesIn,
  putTogether,
  type Signing,
  signedBy,
  takeApart,
  unsigned,
  withContents,
} from '../support/forged-layer';

const [ours, theirs] = [generateKey(), generateKey()];

type Change = (bytes: Buffer) => Buffer;

/** Changes one bit. */
const flipped =
  (place: (bytes: Buffer) => number): Change =>
  (bytes) => {
    const copy = Buffer.from(bytes);
    const at = place(copy);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
const garbage = Buffer.from('garbage '.repeat(500));

/** What is done to a layer, whoever it is for. */
const damages: readonly (readonly [string, Change])[] = [
  ['with a flipped byte in its first NAR', flipped(() => 30)],
  ['with a flipped byte in its last NAR', flipped((bytes) => placesIn(bytes).manifest - 5)],
  ['with a flipped byte in the manifest', flipped((bytes) => placesIn(bytes).manifest + 20)],
  ['with a flipped byte in its length', flipped((bytes) => placesIn(bytes).footer + 31)],
  ['with a flipped byte in the last line’s padding', flipped((bytes) => bytes.length - 3)],
  ['that is cut off', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['that is empty', () => Buffer.alloc(0)],
  ['of one byte', () => Buffer.from('x')],
  ['of garbage', () => garbage],
];

const forged =
  (signing: Signing): Change =>
  (bytes) =>
    withContents(bytes, mark, signing);

testEach<string, Change>([
  ...damages,
  ['with a flipped byte in the signature', flipped((bytes) => placesIn(bytes).footer + 50)],
  ['that is forged and not signed', forged(unsigned)],
  ['that is forged and signed by another key', forged(signedBy(theirs))],
  ['that is forged under the old signature', (bytes) => forged(() => takeApart(bytes).signature)(bytes)],
  [
    'that is genuine, but not signed',
    (bytes) => putTogether(takeApart(bytes).nars, takeApart(bytes).manifest, unsigned),
  ],
])('a signed layer %s is a miss', async (_, change) => {
  const { service, flake, inputs, first, entry } = await filledService(ours);
  entry.bytes = change(entry.bytes);
  expectMiss(await buildRun(service, flake, inputs), first);
});

test('a layer forged by somebody who has the key is taken', async () => {
  const { service, flake, inputs, first, entry } = await filledService(ours);
  entry.bytes = withContents(entry.bytes, mark, signedBy(ours));
  const run = await buildRun(service, flake, inputs);
  expect(run.built, run.log).toBe(0);
  expect(Object.keys(contentsOf(run)).length).toBeGreaterThan(1);
  expect(new Set(Object.values(contentsOf(run)))).toEqual(new Set([mark]));
  expect(() => expectMiss(run, first)).toThrow();
});

// a runner that takes what is not signed from its substituters
test('a forged layer is a miss where nix.conf says require-sigs = false, too', async () => {
  const { service, flake, inputs, first, entry } = await filledService(ours);
  entry.bytes = withContents(entry.bytes, mark, unsigned);
  const env = { NIX_CONFIG: `${nixEnvironment().NIX_CONFIG}\nrequire-sigs = false` };
  expectMiss(await buildRun(service, flake, inputs, { env }), first);
});
