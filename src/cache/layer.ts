import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { toNixBase32 } from '../nix/hash';
import type { PathInfo } from '../nix/path-info';
import type { LayerKey } from './layer-key';
import { parseManifest } from './manifest';
import { nar } from './nar';
import { CacheError } from './service';

/** A store path in a layer. */
export interface StoredPath extends Pick<PathInfo, 'path' | 'narHash' | 'narSize' | 'ca'> {
  /** Names without their folder, like the deriver. */
  readonly references: readonly string[];
  /** Empty where it is not known. */
  readonly deriver: string;
  /** SHA-256 of the compressed NAR, in Nix's base 32. */
  readonly fileHash: string;
  readonly fileSize: number;
  /** Where in the layer's file the compressed NAR begins. */
  readonly offset: number;
  /** How long its derivation took to build. */
  readonly buildMs: number;
}

/** What is known of a layer without its contents. */
export interface LayerEntry {
  /** Of the cache service's entry. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly made: number;
  readonly paths: readonly StoredPath[];
}

/** What a layer says of itself, and of those that it builds upon. */
export interface Manifest {
  readonly storeFolder: string;
  /** Itself first. */
  readonly layers: readonly LayerEntry[];
}

/** A path that goes into a layer. */
export interface PathToStore extends Omit<StoredPath, 'fileHash' | 'fileSize' | 'offset'> {
  /** Where its contents are on this computer. */
  readonly file: string;
}

/*
 * The file: the compressed NARs one after another; the manifest as JSON, compressed; a line of `footerBytes` with the manifest's
 * length and signature. At the end, because it says what was written before; and signed as a whole, so that nobody who can
 * write the repository's cache can say anything about any path.
 */
const footerBytes = 128;
const format = 'nixos-anywhere-action layer 1';
const largestManifest = 256 << 20;
/** JSON that is made for it takes thirty times its size in memory, and half a minute. */
const largestUnsigned = 16 << 20;
/** bench/results.md's closure of 1 GB at levels 1, 3, 6, 9: 629, 596, 579, 571 MB in 8, 9, 16, 22 s of processor time. */
const compressionLevel = 3;

export interface WrittenLayer {
  readonly entry: LayerEntry;
  /** Paths that the store describes in another way than they are now, or that cannot be read. */
  readonly damaged: readonly string[];
  /** Paths that would have made it too large. */
  readonly leftOut: readonly string[];
}

/**
 * Writes a layer.
 *
 * @param limit bytes that the compressed NARs have together at most
 * @param key undefined: unsigned
 * @throws node's error where the file cannot be written
 */
export async function writeLayer(
  file: string,
  layer: { readonly key: string; readonly made: number; readonly storeFolder: string },
  paths: readonly PathToStore[],
  below: readonly LayerEntry[],
  {
    key,
    limit,
    signal,
  }: { readonly key: LayerKey | undefined; readonly limit: number; readonly signal: AbortSignal },
): Promise<WrittenLayer> {
  const stored: StoredPath[] = [];
  const damaged: string[] = [];
  const leftOut: string[] = [];
  let offset = 0;
  for (const { file: contents, ...path } of paths) {
    const blob = await writeBlob(file, offset, contents, limit - offset, signal);
    if (blob === 'too large') leftOut.push(path.path);
    else if (blob === 'unreadable' || blob.narHash !== path.narHash) damaged.push(path.path);
    else {
      stored.push({ ...path, fileHash: blob.fileHash, fileSize: blob.fileSize, offset });
      offset += blob.fileSize;
    }
  }
  const entry: LayerEntry = { key: layer.key, made: layer.made, paths: stored };
  await writeManifest(file, offset, { storeFolder: layer.storeFolder, layers: [entry, ...below] }, key);
  return { entry, damaged, leftOut };
}

interface Blob {
  readonly narHash: string;
  readonly fileHash: string;
  readonly fileSize: number;
}

/** What was written there before, of a damaged path or one that is too large, is overwritten. */
async function writeBlob(
  file: string,
  start: number,
  contents: string,
  room: number,
  signal: AbortSignal,
): Promise<Blob | 'too large' | 'unreadable'> {
  const narHash = new Hashing();
  const fileHash = new Hashing(room);
  try {
    await pipeline(
      Readable.from(readable(contents)),
      narHash,
      createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: compressionLevel } }),
      fileHash,
      createWriteStream(file, { start, flags: start === 0 ? 'w' : 'r+', mode: 0o600 }),
      { signal },
    );
  } catch (error) {
    if (fileHash.isFull) return 'too large';
    if (error instanceof UnreadableError) return 'unreadable';
    throw error;
  }
  return { narHash: `sha256:${narHash.digest()}`, fileHash: fileHash.digest(), fileSize: fileHash.bytes };
}

class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/** The path's NAR; what fails in reading it can be told from what fails in writing. */
async function* readable(path: string): AsyncGenerator<Buffer> {
  const chunks = nar(path);
  try {
    for (;;) {
      const next = await chunks.next().catch((cause: unknown) => {
        throw new UnreadableError(`${path} cannot be read`, { cause });
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** Passes on what it gets up to some bytes, and hashes it. */
class Hashing extends Transform {
  bytes = 0;
  readonly #limit: number;
  readonly #hash = createHash('sha256');

  constructor(limit = Number.POSITIVE_INFINITY) {
    super();
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.bytes > this.#limit;
  }

  override _transform(
    chunk: Buffer,
    _: BufferEncoding,
    done: (error: Error | null, chunk?: Buffer) => void,
  ): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    if (this.isFull) done(new Error('it is too large'));
    else done(null, chunk);
  }

  digest(): string {
    return toNixBase32(this.#hash.digest());
  }
}

async function writeManifest(
  file: string,
  offset: number,
  manifest: Manifest,
  key: LayerKey | undefined,
): Promise<void> {
  const bytes = zstdCompressSync(JSON.stringify(manifest));
  const signature = key === undefined ? 'unsigned' : key.sign(signed(bytes)).toString('base64');
  const footer = `${format} ${bytes.length} ${signature}`.padEnd(footerBytes - 1);
  const handle = await open(file, offset === 0 ? 'w' : 'r+', 0o600);
  try {
    await handle.truncate(offset);
    await handle.write(Buffer.concat([bytes, Buffer.from(`${footer}\n`)]), 0, undefined, offset);
  } finally {
    await handle.close();
  }
}

function signed(manifest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${format}\n`), manifest]);
}

/**
 * Reads what a layer says, once it is known that the owner of the key has said it.
 *
 * @param key undefined: an unsigned one is expected
 * @throws CacheError where it is damaged, or not signed by that key
 */
export async function readManifest(
  file: string,
  storeFolder: string,
  key: LayerKey | undefined,
): Promise<Manifest> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const footer = (await readAt(handle, size - footerBytes, footerBytes)).toString('latin1');
    const [, length = '', signature = ''] = footerPattern.exec(footer) ?? [];
    if (length === '') throw new CacheError('a layer is damaged, or has another format');
    const start = size - footerBytes - Number(length);
    const bytes = await readAt(handle, start, Number(length));
    if (key === undefined ? signature !== 'unsigned' : !isSignature(signature, bytes, key))
      throw new CacheError(
        signature === 'unsigned' ? 'a layer is not signed' : 'a layer is not signed by the key of this run',
      );
    // what is signed is ours, however large
    const maxOutputLength = key === undefined ? largestUnsigned : largestManifest;
    const json = zstdDecompressSync(bytes, { maxOutputLength }).toString('utf8');
    const manifest = parseManifest(json, storeFolder);
    // those of other layers are in other files
    if (manifest.layers[0]?.paths.some(({ offset, fileSize }) => offset + fileSize > start))
      throw new CacheError('a layer names more than it has');
    return manifest;
  } catch (error) {
    throw error instanceof CacheError ? error : new CacheError('a layer is damaged', { cause: error });
  } finally {
    await handle.close();
  }
}

/** In the one way to write it. */
function isSignature(text: string, manifest: Uint8Array, key: LayerKey): boolean {
  const signature = Buffer.from(text, 'base64');
  return signature.toString('base64') === text && key.verifies(signed(manifest), signature);
}

/** The length with as many digits as memory is worth that is taken before anything is proven. */
const footerPattern = new RegExp(`^${format} (\\d{1,8}) (\\S+) *\\n$`);

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(position < 0 ? 0 : length);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, Math.max(position, 0));
  if (bytesRead !== length) throw new CacheError('a layer is not complete');
  return bytes;
}

/**
 * Takes a compressed NAR out of a layer's file.
 *
 * @throws CacheError where it is not the one that the manifest names, and node's error where it cannot be written
 */
export async function extract(
  file: string,
  stored: StoredPath,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const { offset, fileSize, fileHash, path } = stored;
  const hashing = new Hashing();
  const part = createReadStream(file, { start: offset, end: offset + fileSize - 1 });
  await pipeline(part, hashing, createWriteStream(to, { mode: 0o644 }), { signal });
  if (hashing.digest() !== fileHash) throw new CacheError(`a layer is damaged: ${path}`);
}
