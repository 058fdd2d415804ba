import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { GuardError } from '../errors';
import { type ExtraFile, type ExtraFiles, readChunks } from '../plan/extra-files';
import { bytesOf, withProgressLines } from '../progress-lines';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';
import { endOfTar, padding, tarHeader } from './tar';

/**
 * Copies the extra files below /mnt, streamed, never held in memory. What is there keeps its place only where it is a
 * folder: its mode and owner are not touched. A copy that breaks with the connection begins anew.
 */
export async function copyExtraFiles(context: PhaseContext): Promise<void> {
  const { extraFiles, target, runtime, progress } = context;
  if (extraFiles === undefined) return;
  const start = runtime.clock.now();
  const files = extraFiles.entries.filter(({ kind }) => kind !== 'folder');
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  await target.run(scripts.newFolders, extraFiles.entries.flatMap(folderArguments), { privileged: true });
  await progress.activity('extra-files', () =>
    target.survivingDrops('copying the extra files', () => unpack(context, extraFiles, bytes)),
  );
  runtime.log.info(
    `copied ${files.length} extra files: ${(bytes / 1e6).toFixed(1)} MB in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s`,
  );
}

/** As new-folders.sh takes them. */
function folderArguments({ kind, mode, path }: ExtraFile): [string, string] {
  return [kind === 'folder' ? mode.toString(8) : '-', path];
}

/** @param total bytes of all files */
async function unpack({ target, runtime }: PhaseContext, files: ExtraFiles, total: number): Promise<void> {
  const broken = new AbortController();
  const signal = AbortSignal.any([runtime.signal, broken.signal]);
  let bytes = 0;
  const counted = async function* () {
    for await (const chunk of archiveOf(files, signal)) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  const archive = Readable.from(counted(), { objectMode: false });
  // without a listener node would end the process, and the machine would wait for the rest
  archive.on('error', (error) => broken.abort(error));
  // the archive is a little more than what is in it
  const read = () => ({ done: bytesOf(Math.min(bytes, total), total), bytes });
  const onErrorLine = (line: string) => runtime.log.foreign('tar', line);
  try {
    await withProgressLines(runtime, 'copying the extra files', read, () =>
      target.run(scripts.unpackFiles, [], { privileged: true, stdin: archive, signal, onErrorLine }),
    );
  } finally {
    archive.destroy();
  }
}

/** Files and links as one tar archive. @throws GuardError where a file is no longer what the plan says */
export async function* archiveOf(
  { folder, entries }: ExtraFiles,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if (entry.kind === 'folder') continue;
    const { kind, path } = entry;
    yield tarHeader({ ...entry, kind, name: path.slice(1) });
    if (kind === 'link') continue;
    yield* contentsOf(folder, entry, signal);
    if (entry.size > 0) yield padding(entry.size);
  }
  yield endOfTar;
}

async function* contentsOf(folder: string, entry: ExtraFile, signal: AbortSignal): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let left = entry.size;
  for await (const chunk of readChunks(folder + entry.path, signal)) {
    left -= chunk.length;
    // a byte too many would be taken for the next header
    if (left < 0) break;
    hash.update(chunk);
    yield chunk;
  }
  if (left !== 0 || hash.digest('hex') !== entry.sha256)
    throw new GuardError(
      `${JSON.stringify(entry.path)} of extra-files was changed while this run was at work`,
      { hint: 'run again when nothing writes into that folder' },
    );
}
