import { posix } from 'node:path';
import type { Parsed } from './parsers';

/** What a line means, or what is wrong with it. */
export type LineParser<T> = (line: string) => T | string;

/**
 * One entry a line; blank lines are passed over.
 *
 * @param nameOf what no two lines may have alike
 * @param nothing the problem where there is no line
 */
export function parseLines<T extends object>(
  text: string,
  parseLine: LineParser<T>,
  nameOf: (entry: T) => string,
  nothing: string,
): Parsed<readonly T[]> {
  const entries = new Map<string, T>();
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (line.trim() === '') continue;
    const entry = parseLine(line.trim());
    if (typeof entry === 'string') return { problem: `line ${index + 1} ${entry}` };
    const name = nameOf(entry);
    if (entries.has(name)) return { problem: `line ${index + 1} names ${name} a second time` };
    entries.set(name, entry);
  }
  return entries.size === 0 ? { problem: nothing } : { ok: [...entries.values()] };
}

/**
 * Splits a line behind its first word, which is a path. A path with blanks or quotes in it stands in double quotes, where
 * \" and \\ are a quote and a backslash.
 */
export function splitPath(line: string): { readonly path: string; readonly rest: string } | undefined {
  const match = /^(?:"((?:[^"\\]|\\["\\])+)"|([^\s"]+))(?:\s+(\S.*))?$/.exec(line);
  const path = match?.[1]?.replace(/\\(["\\])/g, '$1') ?? match?.[2];
  return path === undefined ? undefined : { path, rest: match?.[3] ?? '' };
}

/**
 * What is wrong with a path that shall name a file on the target.
 *
 * @param example how a line should look
 */
export function problemOfPath(path: string, example: string): string | undefined {
  if (!path.startsWith('/')) return `begins with no absolute path; write ${example}`;
  if (/\p{Cc}/u.test(path)) return 'has a control character in the path';
  const parts = path.split('/');
  if (path.endsWith('/') || parts.includes('.') || parts.includes('..'))
    return `has ${path}, which is no path of a file; write it without . and .. and without a / at the end`;
  return undefined;
}

/** The folder of these that the path is, or lies below. */
export function folderAbove(path: string, folders: readonly string[]): string | undefined {
  const clean = posix.normalize(path);
  return folders.find((folder) => clean === folder || clean.startsWith(`${folder}/`));
}
