import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';

/**
 * A path as a NAR, Nix's archive format (libutil/archive.cc): the same bytes as `nix-store --dump`, without a process for
 * each path. Whoever calls it compares the hash with the store's.
 *
 * @throws node's error where it cannot be read, and an Error where there is something that a store path has not
 */
export async function* nar(path: string): AsyncGenerator<Buffer> {
  yield strings('nix-archive-1');
  yield* node(Buffer.from(path));
}

/** With names as bytes: there are sources with names that are no UTF-8. */
async function* node(path: Buffer): AsyncGenerator<Buffer> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) {
    const target = await readlink(path, { encoding: 'buffer' });
    yield strings('(', 'type', 'symlink', 'target', target, ')');
  } else if (found.isFile()) {
    const executable = (found.mode & 0o100) === 0 ? [] : ['executable', ''];
    yield strings('(', 'type', 'regular', ...executable, 'contents');
    yield* contents(path, found.size);
    yield strings(')');
  } else if (found.isDirectory()) {
    yield strings('(', 'type', 'directory');
    for (const name of await sortedNames(path)) {
      yield strings('entry', '(', 'name', name, 'node');
      yield* node(Buffer.concat([path, Buffer.from('/'), name]));
      yield strings(')');
    }
    yield strings(')');
  } else throw new Error(`${path.toString()} is neither a file, nor a folder, nor a link`);
}

async function* contents(path: Buffer, size: number): AsyncGenerator<Buffer> {
  yield length(size);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== size) throw new Error(`${path.toString()} changed while it was read`);
  yield padding(size);
}

/** As Nix sorts them. */
async function sortedNames(path: Buffer): Promise<Buffer[]> {
  const names = await readdir(path, { encoding: 'buffer' });
  return names.sort((a, b) => a.compare(b));
}

/** Each as its length in 64 bits, itself, and zeros to a multiple of eight bytes. */
function strings(...values: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = Buffer.from(value);
      return [length(bytes.length), bytes, padding(bytes.length)];
    }),
  );
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function padding(size: number): Buffer {
  return Buffer.alloc((8 - (size % 8)) % 8);
}
