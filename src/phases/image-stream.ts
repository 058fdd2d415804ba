import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { pipeline, Readable, Transform, type TransformCallback, type Writable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ConnectionError, errorMessage, GuardError } from '../errors';
import { type LocatedImage, nameImage } from '../plan/kexec-image';
import type { Runtime } from '../runtime';

/** A kexec image on its way through this process, of which only a moment's bytes are here. */
export interface ImageStream {
  readonly stream: Readable;
  /** SHA-256 of the file as it was fetched; undefined as long as it was not read to its end. */
  readonly sha256: () => string | undefined;
  /** How much of it was read. */
  readonly bytes: () => number;
  /** How much there is of it, as far as that is known before its end. */
  readonly total: number | undefined;
}

export interface ImageOptions {
  /** Whether its compression is undone here, for a machine that lacks the program for it. */
  readonly unpacked?: boolean;
  /** A file that becomes a copy of it, as it was fetched; it is not whole where it cannot be written. */
  readonly copyTo?: string;
}

/** @throws ConnectionError when it cannot be fetched, GuardError when it cannot be read */
export async function openImage(
  image: LocatedImage,
  { unpacked, copyTo }: ImageOptions,
  { processes }: Runtime,
  signal: AbortSignal,
): Promise<ImageStream> {
  const { source, total } = image.kind === 'path' ? await readFile(image) : await download(image, signal);
  const hashing = new Hashing(copyTo === undefined ? undefined : await newFile(copyTo));
  pipeline(source, hashing, ignore);
  const broken = (error: NodeJS.ErrnoException) => Promise.reject(readError(image, error));
  const stream = unpacked === true ? await decompressed(hashing, processes).catch(broken) : hashing;
  return { stream, sha256: () => hashing.sha256, bytes: () => hashing.bytes, total };
}

/** Errors show at the last stream of a pipeline, where somebody listens. */
const ignore = () => undefined;

/** Not the one of an earlier attempt, to which something may still be on its way. */
async function newFile(path: string): Promise<Writable> {
  await rm(path, { force: true }).catch(ignore);
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  // each write says whether it failed
  return file.on('error', ignore);
}

/** Passes on what it gets, and knows its hash in the end. */
class Hashing extends Transform {
  sha256: string | undefined;
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #copy: Writable | undefined;

  /** @param copy gets the same; when it takes nothing more, that is nobody's loss */
  constructor(copy: Writable | undefined) {
    super();
    this.#copy = copy;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    if (this.#copy === undefined) done(null, chunk);
    else this.#copy.write(chunk, () => done(null, chunk));
  }

  override _flush(done: TransformCallback): void {
    this.sha256 = this.#hash.digest('hex');
    if (this.#copy === undefined) done();
    else this.#copy.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#copy?.destroy();
    done(error);
  }
}

/** Told by the first bytes, as stage.sh does. */
async function decompressed(packed: Readable, processes: Runtime['processes']): Promise<Readable> {
  const head = await firstBytes(packed, 6);
  const begins = (hex: string) => head.toString('hex').startsWith(hex);
  if (begins('1f8b')) return pipeline(packed, createGunzip(), ignore);
  if (begins('28b52ffd')) return pipeline(packed, createZstdDecompress(), ignore);
  return begins('fd377a585a00') ? processes.filter('xz', ['-dc'], packed) : packed;
}

/** Without taking them out of the stream; fewer where it ends before. */
async function firstBytes(stream: Readable, count: number): Promise<Buffer> {
  for (;;) {
    const head: Buffer | null = stream.read(count);
    if (head !== null) {
      stream.unshift(head);
      return head;
    }
    if (stream.readableEnded) return Buffer.alloc(0);
    await Promise.race([once(stream, 'readable'), once(stream, 'end')]);
  }
}

/** An image before anything of it was read. */
interface Source {
  readonly source: Readable;
  readonly total: number | undefined;
}

/** What cannot be read says so when it is. */
async function readFile({ path }: LocatedImage & { kind: 'path' }): Promise<Source> {
  const total = await stat(path).then(
    (file) => file.size,
    () => undefined,
  );
  return { source: createReadStream(path), total };
}

async function download(image: LocatedImage & { kind: 'url' }, signal: AbortSignal): Promise<Source> {
  // its tokens, if it has any, are for no message
  const name = nameImage(image);
  const response = await fetch(image.url, { signal }).catch((error: unknown) => {
    throw new ConnectionError(
      'unreachable',
      `fetching the kexec image ${name} failed: ${reasonOf(error).replaceAll(image.url, name)}`,
      { cause: error },
    );
  });
  if (!response.ok || response.body === null) {
    throw new ConnectionError(
      'unreachable',
      `fetching the kexec image ${name} failed: HTTP ${response.status} ${response.statusText}`,
      { hint: 'check the input kexec' },
    );
  }
  const length = Number(response.headers.get('content-length') ?? '');
  // what is unpacked on the way is more than that
  const isWhole = length > 0 && !response.headers.has('content-encoding');
  return { source: Readable.fromWeb(response.body as ReadableStream), total: isWhole ? length : undefined };
}

/** Of a fetch that fails the error says no more than that; why is told by its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${errorMessage(error)}${cause}`;
}

/** Why the image ended before its end. */
export function readError(image: LocatedImage, error: NodeJS.ErrnoException): ConnectionError | GuardError {
  const name = nameImage(image);
  if (error.syscall?.startsWith('spawn') === true && error.code === 'ENOENT')
    return new GuardError(
      `neither the machine nor this runner has ${error.path}, which the kexec image ${name} is packed with`,
      {
        hint: 'install it on one of them, or give an image that is packed with gzip',
        cause: error,
      },
    );
  return image.kind === 'url'
    ? new ConnectionError('unreachable', `fetching the kexec image ${name} broke off: ${error.message}`, {
        cause: error,
      })
    : new GuardError(`the kexec image ${name} could not be read: ${error.message}`, { cause: error });
}
