// Our archives against those of Nix itself.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { nar } from '../../src/cache/nar';
import { nixHash, toNixBase32 } from '../../src/nix/hash';
import { nixEnvironment } from '../../testbed/paths.mts';
import { test } from '../support/concurrent';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { nix, nixOf } from '../support/store';

type Tree =
  | { readonly kind: 'file'; readonly contents: Uint8Array; readonly executable: boolean }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'folder'; readonly entries: readonly (readonly [Buffer, Tree])[] };

/** Bytes but NUL and slash, with what sorts in another way as UTF-16 and what is no UTF-8 among them. */
const name = fc
  .oneof(
    fc.constantFrom('a b', 'a.b', '.hidden', '...', 'ä', '\u{ffff}', '\u{10000}', 'a', 'a-', 'A', '~', '-'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.uint8Array({ minLength: 1, maxLength: 12 }),
  )
  .map((value) => Buffer.from(value).subarray(0, 200))
  .filter((bytes) => bytes.length > 0 && !bytes.includes(0) && !bytes.includes(0x2f))
  .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));

/** Around multiples of eight bytes, and of the pieces in which files are read. */
const size = fc.oneof(
  fc.nat({ max: 40 }),
  fc.constantFrom(...[1, 2].flatMap((n) => [-1, 0, 1, 7, 8].map((more) => (n << 18) + more))),
);

const { tree } = fc.letrec<{ tree: Tree; folder: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({
      kind: fc.constant('file' as const),
      contents: size.map((bytes) => randomBytes(bytes)),
      executable: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('link' as const),
      target: fc.constantFrom('/nowhere', '.', '..', 'ä b', 'a'.repeat(300)),
    }),
    tie('folder'),
  ),
  folder: fc.record({
    kind: fc.constant('folder' as const),
    entries: fc.uniqueArray(fc.tuple(name, tie('tree')), {
      maxLength: 5,
      selector: ([each]) => each.toString('latin1'),
    }),
  }),
}));

function make(path: Buffer, made: Tree): void {
  if (made.kind === 'link') symlinkSync(made.target, path);
  else if (made.kind === 'file') {
    writeFileSync(path, made.contents);
    chmodSync(path, made.executable ? 0o744 : 0o655);
  } else {
    mkdirSync(path);
    for (const [each, child] of made.entries) make(Buffer.concat([path, Buffer.from('/'), each]), child);
  }
}

function dump(path: string): Buffer {
  const env = { ...process.env, ...nixEnvironment() };
  return execFileSync('nix-store', ['--dump', path], { env, maxBuffer: 64 << 20 });
}

describe('an archive', () => {
  test('is byte for byte what nix-store --dump gives', async () => {
    const folder = temporaryFolder('trees');
    let trees = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (made) => {
        const path = join(folder, String(++trees));
        make(Buffer.from(path), made);
        expect((await buffer(nar(path))).equals(dump(path))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('has the hash and the size that the store knows', async () => {
    const folder = temporaryFolder('trees');
    const store = { NIX_REMOTE: `local?root=${join(folder, 'root')}` };
    mkdirSync(join(folder, 'root'));
    const names = await Promise.all(
      fc.sample(tree, 20).map(async (made, n) => {
        make(Buffer.from(join(folder, `tree-${n}`)), made);
        return join(folder, `tree-${n}`);
      }),
    );
    const paths = nix('nix-store', ['--add', ...names], store).split('\n');
    const runtime = testRuntime(undefined, store);
    const infos = await nixOf(runtime).pathInfo(paths, runtime.signal);
    expect(infos.size).toBe(new Set(paths).size);
    for (const [path, { narHash, narSize }] of infos) {
      const bytes = await buffer(nar(join(folder, 'root', path)));
      const hash = toNixBase32(createHash('sha256').update(bytes).digest());
      expect([`sha256:${hash}`, bytes.length]).toEqual([narHash, narSize]);
    }
  });

  test('of a large file never lies in memory', async () => {
    const path = join(temporaryFolder('large'), 'file');
    writeFileSync(path, randomBytes(1 << 20));
    truncateSync(path, 300e6);
    const hash = createHash('sha256');
    let most = 0;
    const before = process.memoryUsage.rss();
    for await (const chunk of nar(path)) {
      hash.update(chunk);
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
    expect(toNixBase32(hash.digest())).toBe(nix('nix-hash', ['--type', 'sha256', '--base32', path]));
    expect(most).toBeLessThan(100e6);
  });

  test('is not made of what no store path has', async () => {
    const folder = join(temporaryFolder('pipe'), 'folder');
    mkdirSync(folder);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect((await failure(buffer(nar(folder)))).message).toContain(
      'is neither a file, nor a folder, nor a link',
    );
  });
});

describe('a hash', () => {
  test('is written as Nix writes it', async () => {
    const kinds = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };
    for (const [type, length] of Object.entries(kinds)) {
      const hashes = fc.sample(fc.uint8Array({ minLength: length, maxLength: length }), 50);
      const hex = hashes.map((bytes) => Buffer.from(bytes).toString('hex'));
      const expected = nix('nix-hash', ['--type', type, '--to-base32', ...hex]).split('\n');
      expect(hashes.map(toNixBase32)).toEqual(expected);
    }
  });

  test('is the same in each way in which Nix prints one of a path', async () => {
    const hashes = fc.sample(fc.uint8Array({ minLength: 32, maxLength: 32 }), 20);
    const hex = hashes.map((bytes) => Buffer.from(bytes).toString('hex'));
    const printed = (form: string) => nix('nix-hash', ['--type', 'sha256', form, ...hex]).split('\n');
    const base32 = printed('--to-base32').map((hash) => `sha256:${hash}`);
    expect(printed('--to-sri').map(nixHash)).toEqual(base32);
    expect(base32.map(nixHash)).toEqual(base32);
    expect(['sha512-AAAA', 'sha256-AAAA', 'sha1:abc', ''].map(nixHash)).toEqual(Array(4).fill(undefined));
  });
});
