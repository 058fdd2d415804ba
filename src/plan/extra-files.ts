import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { errorMessage, InputError } from '../errors';
import { digestOf } from './canonical';

/** Something of the folder of extra files. */
export interface ExtraFile {
  /** In the new system: `/etc/motd`. */
  readonly path: string;
  readonly kind: 'folder' | 'file' | 'link';
  /** Permission bits. */
  readonly mode: number;
  /** In bytes; 0 unless it is a file. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** Where a link leads; empty for anything else. */
  readonly target: string;
  /** Of a file's contents, in hexadecimal; empty for anything else. */
  readonly sha256: string;
}

/** Everything below the folder on the runner; a folder comes before what is in it. */
export interface ExtraFiles {
  readonly folder: string;
  readonly entries: readonly ExtraFile[];
}

/** So many problems are told. */
const mostProblems = 10;

/**
 * Looks at all that is below the folder, and reads every file once: what is approved shall be what is sent.
 *
 * @throws InputError naming what cannot be copied; the reason of the signal
 */
export async function listExtraFiles(folder: string, signal: AbortSignal): Promise<ExtraFiles> {
  const listing: Listing = { folder, entries: [], problems: [], signal };
  await listBelow('', listing);
  const { entries, problems } = listing;
  if (problems.length > 0) {
    const more = problems.length - mostProblems;
    throw new InputError([
      ...problems.slice(0, mostProblems).map((problem) => ({ input: 'extra-files', problem })),
      ...(more > 0 ? [{ input: 'extra-files', problem: `and ${more} more like these` }] : []),
    ]);
  }
  return { folder, entries };
}

/** SHA-256 of what the target gets: names, kinds, modes and contents, not when they were changed. */
export function digestOfFiles({ entries }: ExtraFiles): string {
  return digestOf(entries.map(({ path, kind, mode, target, sha256 }) => [path, kind, mode, target, sha256]));
}

interface Listing {
  readonly folder: string;
  readonly entries: ExtraFile[];
  readonly problems: string[];
  readonly signal: AbortSignal;
}

async function listBelow(path: string, listing: Listing): Promise<void> {
  listing.signal.throwIfAborted();
  try {
    const names = await readdir(listing.folder + path, { encoding: 'buffer' });
    // the same order everywhere: it is part of the digest
    for (const name of names.sort((a, b) => a.compare(b))) await listEntry(path, name, listing);
  } catch (error) {
    listing.signal.throwIfAborted();
    listing.problems.push(`${shown(path)} cannot be read (${reasonOf(error)})`);
  }
}

async function listEntry(above: string, bytes: Buffer, listing: Listing): Promise<void> {
  const name = textOfName(bytes);
  const path = `${above}/${name ?? bytes.toString('latin1')}`;
  if (name === undefined) {
    listing.problems.push(`${shown(path)} has a name that is not UTF-8; rename it`);
    return;
  }
  try {
    const entry = await describe(path, listing);
    if (entry === undefined) return;
    listing.entries.push(entry);
    if (entry.kind === 'folder') await listBelow(path, listing);
  } catch (error) {
    listing.signal.throwIfAborted();
    listing.problems.push(`${shown(path)} cannot be read (${reasonOf(error)})`);
  }
}

async function describe(path: string, { folder, problems, signal }: Listing): Promise<ExtraFile | undefined> {
  const found = await lstat(folder + path);
  const mode = found.mode & 0o7777;
  const common = { path, mode, modifiedMs: found.mtimeMs };
  if (found.isDirectory())
    return { ...common, mode: folderMode(path, mode), kind: 'folder', size: 0, target: '', sha256: '' };
  if (found.isSymbolicLink())
    return { ...common, kind: 'link', size: 0, target: await targetOf(folder + path), sha256: '' };
  if (found.isFile()) {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of readChunks(folder + path, signal)) {
      hash.update(chunk);
      size += chunk.length;
    }
    return { ...common, kind: 'file', size, target: '', sha256: hash.digest('hex') };
  }
  problems.push(`${shown(path)} is ${kindOf(found)}; only files, folders and symbolic links can be copied`);
  return undefined;
}

/** Folders that every system has, with the modes that it gives them. */
const systemFolders: ReadonlyMap<string, number> = new Map([
  ...['/etc', '/etc/ssh', '/home', '/nix', '/usr', '/var', '/var/lib'].map((path) => [path, 0o755] as const),
  ['/root', 0o700],
  ['/tmp', 0o1777],
]);

/**
 * A checkout's folders have the modes of somebody's umask, and sshd lets nobody in where others may write to a folder
 * above its keys. In a sticky one they cannot replace what is not theirs.
 */
function folderMode(path: string, mode: number): number {
  return systemFolders.get(path) ?? ((mode & 0o1000) === 0 ? mode & ~0o022 : mode);
}

async function targetOf(path: string): Promise<string> {
  const target = textOfName(await readlink(path, { encoding: 'buffer' }));
  if (target === undefined) throw new Error('it is a link to a name that is not UTF-8');
  return target;
}

/**
 * A file piece by piece; one that became a link meanwhile is not followed.
 *
 * @throws node's error, and the reason of the signal
 */
export async function* readChunks(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    for (;;) {
      signal.throwIfAborted();
      // a new one each time: whoever gets it may still be sending it
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file?.close();
  }
}

const chunkBytes = 256 * 1024;

function textOfName(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

function kindOf(found: Stats): string {
  if (found.isFIFO()) return 'a named pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

/** The code of node's error; its message names paths of the runner. */
function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? errorMessage(error);
}

/** A name on one line, as messages show it. */
function shown(path: string): string {
  return JSON.stringify(path === '' ? '/' : path);
}
