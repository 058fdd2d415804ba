// Closures that need no build and are the same bytes every time, in a store made for the benchmark.
import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface ClosureShape {
  /** For the table. */
  readonly title: string;
  readonly name: string;
  readonly count: number;
  /** Bytes of the path with this number. */
  readonly size: (index: number) => number;
}

export interface Closure {
  readonly shape: ClosureShape;
  /** The store path whose closure all of them are. */
  readonly top: string;
  readonly bytes: number;
}

/** Half of it random, half of it text. */
function contents(name: string, size: number): Buffer {
  const block = 4096;
  const bytes = Buffer.alloc(size, `${name} says the same thing over and over again.\n`);
  const key = createHash('sha256').update(name).digest().subarray(0, 16);
  const random = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
  for (let at = 0; at < size; at += 2 * block) random.copy(bytes, at, at, Math.min(at + block, size));
  return bytes;
}

function storePath(name: string): string {
  const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';
  const digest = createHash('sha512').update(name).digest().subarray(0, 32);
  return `/nix/store/${[...digest].map((byte) => alphabet[byte % 32]).join('')}-${name}`;
}

/**
 * What a path refers to: few things that many need, as with a C library. The last one refers to all that nobody else
 * does, so that the closure has one top.
 */
function references(index: number, count: number): number[] {
  const divided = [2, 3, 7].map((divisor) => Math.floor(index / divisor));
  const rest = Array.from({ length: count - 1 }, (_, other) => other).slice(Math.floor((count - 1) / 2));
  const all = index === count - 1 ? [...divided, ...rest] : divided;
  return [...new Set(all)].filter((other) => other < index);
}

/** A NAR's integers (64 bits, little endian). */
function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A NAR's strings: length, bytes, zeros up to a multiple of 8. */
function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

const strings = (...values: (string | Buffer)[]) => Buffer.concat(values.map(string));

/** The archive (Dolstra's thesis, figure 5.2) of a folder of regular files, their names in order. */
function archive(files: readonly (readonly [string, string | Buffer])[]): Buffer {
  const entries = files.map(([name, bytes]) => [
    strings('entry', '(', 'name', name, 'node', '(', 'type', 'regular', 'contents', bytes, ')', ')'),
  ]);
  return Buffer.concat([strings('nix-archive-1', '(', 'type', 'directory'), ...entries.flat(), strings(')')]);
}

/** What `nix-store --export` writes: each path after those that it refers to. */
function* exported(paths: readonly string[], shape: ClosureShape): Generator<Buffer> {
  for (const [index, path] of paths.entries()) {
    const refers = references(index, paths.length).map((other) => paths[other] ?? '');
    yield number(1);
    yield archive([
      ['data', contents(path, shape.size(index))],
      ['references', `${refers.join('\n')}\n`],
    ]);
    const noDeriver = '';
    yield Buffer.concat([number(0x4558494e), string(path), number(refers.length), strings(...refers)]);
    yield Buffer.concat([string(noDeriver), number(0)]);
  }
  yield number(0);
}

/** Puts the closure into the store that the environment's NIX_REMOTE names. */
export async function makeClosure(shape: ClosureShape, environment: NodeJS.ProcessEnv): Promise<Closure> {
  const paths = Array.from({ length: shape.count }, (_, index) => storePath(`${shape.name}-${index}`));
  const child = spawn('nix-store', ['--import'], { env: environment, stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  await pipeline(Readable.from(exported(paths, shape)), child.stdin);
  const code = await ended;
  if (code !== 0) throw new Error(`nix-store --import ended with exit code ${code}`);
  const bytes = paths.reduce((sum, _, index) => sum + shape.size(index), 0);
  return { shape, top: paths.at(-1) ?? '', bytes };
}
