import { posix } from 'node:path';
import type { Parser } from './parsers';
import { folderAbove, parseLines, problemOfPath, splitPath } from './path-lines';
import { parseSecretSource, type SecretSource } from './secret-source';

/** A file that disko finds in the installer, and what it holds. */
export interface KeyFile {
  readonly remotePath: string;
  readonly source: SecretSource;
}

/** What no key may lie below: gone or hidden when disko mounts, not a file system for files, or the installer's own. */
const reserved = ['/mnt', '/proc', '/sys', '/dev', '/nix', '/run/nixos-anywhere', '/root/.ssh', '/etc/ssh'];

/** One `REMOTE_PATH SOURCE` a line; the source is the rest of the line. */
export const keyFiles: Parser<readonly KeyFile[]> = (text) =>
  parseLines(text, parseLine, ({ remotePath }) => remotePath, 'names no key');

/** Never shows what is after the path: somebody may have written the key itself there. */
function parseLine(line: string): KeyFile | string {
  const split = splitPath(line);
  if (split === undefined)
    return 'begins with no path; write REMOTE_PATH SOURCE, a path with blanks or quotes in double quotes';
  const { path, rest } = split;
  const wrong = whatIsWrongWith(path);
  if (wrong !== undefined) return wrong;
  if (rest === '')
    return `has no source for ${path}; write a path on the runner, env:NAME or exec:COMMAND after it`;
  const source = parseSecretSource(rest);
  return 'ok' in source ? { remotePath: posix.normalize(path), source: source.ok } : source.problem;
}

function whatIsWrongWith(path: string): string | undefined {
  const wrong = problemOfPath(path, 'REMOTE_PATH SOURCE, as in /tmp/disk.key env:DISK_KEY');
  if (wrong !== undefined) return wrong;
  const parent = folderAbove(path, reserved);
  return parent === undefined
    ? undefined
    : `has ${posix.normalize(path)}; a key cannot lie below ${parent}: write a path such as /tmp/disk.key`;
}
