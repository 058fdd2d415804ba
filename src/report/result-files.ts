import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, InputError } from '../errors';
import type { FileProblem } from './result';

/** A result has some kB; with hundreds of disks some hundred. */
const largestFile = 8 * 1024 * 1024;
/** Artifacts lie in a folder each. */
const deepest = 8;
/** Far more than hundreds of hosts leave, and soon looked through. */
const mostEntries = 20_000;

export interface FoundFiles {
  /** By their paths in the folder, in the order of these. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
  /** Links, and what is no file. */
  readonly skipped: number;
  readonly problems: readonly FileProblem[];
}

/**
 * Reads the JSON files of a folder. Other jobs have filled it: no link is followed, which could lead anywhere on the
 * runner, and what is too large or too deep for results is told.
 *
 * @throws InputError where there is no such folder, and where it holds so much that another one must be meant
 */
export function readJsonFiles(folder: string): FoundFiles {
  const texts: { file: string; text: string }[] = [];
  const problems: FileProblem[] = [];
  let skipped = 0;
  let entries = 0;
  const queue = [{ path: '', depth: 0 }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const entry of entriesOf(folder, next.path)) {
      const path = join(next.path, entry.name);
      entries += 1;
      if (entries > mostEntries) throw tooMany(folder);
      if (entry.isDirectory()) {
        if (next.depth < deepest) queue.push({ path, depth: next.depth + 1 });
        else
          problems.push({
            file: path,
            problem: `lies deeper than ${deepest} folders, and was not looked into`,
          });
      } else if (!entry.isFile()) skipped += 1;
      else if (entry.name.endsWith('.json')) {
        const read = readFile(join(folder, path));
        if ('text' in read) texts.push({ file: path, text: read.text });
        else problems.push({ file: path, problem: read.problem });
      }
    }
  }
  return { texts: texts.toSorted((a, b) => (a.file < b.file ? -1 : 1)), skipped, problems };
}

function entriesOf(folder: string, path: string) {
  try {
    return readdirSync(join(folder, path), { withFileTypes: true });
  } catch (error) {
    throw new InputError([
      {
        input: 'fleet-results',
        problem: `is ${JSON.stringify(folder)}, which cannot be read (${errorMessage(error)}); give the folder that the result files were put into`,
      },
    ]);
  }
}

function tooMany(folder: string): InputError {
  return new InputError([
    {
      input: 'fleet-results',
      problem: `is ${JSON.stringify(folder)}, which holds more than ${mostEntries} files; give a folder that holds nothing but the result files`,
    },
  ]);
}

function readFile(path: string): { readonly text: string } | { readonly problem: string } {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(file);
    if (!stat.isFile()) return { problem: 'is no file' };
    if (stat.size > largestFile) return { problem: 'is larger than 8 MiB, which no result is' };
    return { text: readFileSync(file, 'utf8') };
  } catch (error) {
    return { problem: `cannot be read: ${errorMessage(error)}` };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
