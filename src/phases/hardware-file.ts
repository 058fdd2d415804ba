import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errorMessage, GuardError } from '../errors';
import type { Runtime } from '../runtime';

/**
 * Puts the text into a file of the runner as a whole or not at all: into one beside it first, which then takes its
 * place. Folders are made, a symbolic link stays one, and modes are kept.
 *
 * @returns whether anything has changed
 * @throws GuardError where it cannot be written
 */
export async function writeWhole(path: string, text: string): Promise<boolean> {
  try {
    const file = existsSync(path) ? await realpath(path) : resolve(path);
    const before = await readFile(file, 'utf8').catch(() => undefined);
    if (before === text) return false;
    await mkdir(dirname(file), { recursive: true });
    await replace(file, text);
    return true;
  } catch (error) {
    throw new GuardError(`the hardware configuration could not be written: ${errorMessage(error)}`, {
      cause: error,
      hint: 'give a path that this job may write as generate-hardware-config',
    });
  }
}

async function replace(file: string, text: string): Promise<void> {
  const beside = join(dirname(file), `.${basename(file)}.${process.pid}`);
  try {
    await writeFile(beside, text, { flag: 'wx' });
    const mode = await stat(file).then(
      (existing) => existing.mode,
      () => undefined,
    );
    if (mode !== undefined) await chmod(beside, mode & 0o7777);
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** How long git may be silent. */
const gitMs = 60_000;

/**
 * Makes a new file known to git where it lies in a work tree: Nix sees no others in a flake. Nothing is committed, and
 * of a file that is ignored git is told all the same. Without git this is a warning.
 */
export async function tellGit(path: string, { processes, log, signal }: Runtime): Promise<void> {
  const folder = dirname(resolve(path));
  if (!isInRepository(folder)) return;
  const args = ['-C', folder, 'add', '--intent-to-add', '--force', '--', basename(path)];
  const why = await processes.run('git', args, { signal, idleMs: gitMs }).then(
    ({ code, errorLines }) => (code === 0 ? '' : (errorLines.at(-1) ?? `exit code ${code}`)),
    (error: unknown) => errorMessage(error),
  );
  signal.throwIfAborted();
  if (why !== '') log.warning(`git could not be told of ${path}, and does not know it yet: ${why}`);
}

function isInRepository(folder: string): boolean {
  if (existsSync(join(folder, '.git'))) return true;
  return dirname(folder) !== folder && isInRepository(dirname(folder));
}
