import { posix } from 'node:path';
import type { Parser } from './parsers';
import { parseSecretSource, type SecretSource } from './secret-source';

/** A file that disko finds in the installer, and what it holds. */
export interface KeyFile {
  readonly remotePath: string;
  readonly source: SecretSource;
}

/** What no key may lie below: gone or hidden when disko mounts, not a file system for files, or the installer's own. */
const reserved = ['/mnt', '/proc', '/sys', '/dev', '/nix', '/run/nixos-anywhere', '/root/.ssh', '/etc/ssh'];

/**
 * One `REMOTE_PATH SOURCE` a line. A path with blanks or quotes in it stands in double quotes, where \" and \\ are a
 * quote and a backslash. The source is the rest of the line.
 */
export const keyFiles: Parser<readonly KeyFile[]> = (text) => {
  const files: KeyFile[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (line.trim() === '') continue;
    const file = parseLine(line.trim());
    const problem =
      typeof file === 'string'
        ? file
        : files.some(({ remotePath }) => remotePath === file.remotePath)
          ? `names ${file.remotePath} a second time`
          : undefined;
    if (problem !== undefined) return { problem: `line ${index + 1} ${problem}` };
    if (typeof file !== 'string') files.push(file);
  }
  return files.length === 0 ? { problem: 'names no key' } : { ok: files };
};

/** Never shows what is after the path: somebody may have written the key itself there. */
function parseLine(line: string): KeyFile | string {
  const match = /^(?:"((?:[^"\\]|\\["\\])+)"|([^\s"]+))(?:\s+(\S.*))?$/.exec(line);
  const written = match?.[1]?.replace(/\\(["\\])/g, '$1') ?? match?.[2];
  if (match === null || written === undefined)
    return 'begins with no path; write REMOTE_PATH SOURCE, a path with blanks or quotes in double quotes';
  const wrong = whatIsWrongWith(written);
  if (wrong !== undefined) return wrong;
  if (match[3] === undefined)
    return `has no source for ${written}; write a path on the runner, env:NAME or exec:COMMAND after it`;
  const source = parseSecretSource(match[3]);
  return 'ok' in source ? { remotePath: posix.normalize(written), source: source.ok } : source.problem;
}

function whatIsWrongWith(path: string): string | undefined {
  if (!path.startsWith('/'))
    return 'begins with no absolute path; write REMOTE_PATH SOURCE, as in /tmp/disk.key env:DISK_KEY';
  if (/\p{Cc}/u.test(path)) return 'has a control character in the path';
  const parts = path.split('/');
  if (path.endsWith('/') || parts.includes('.') || parts.includes('..'))
    return `has ${path}, which is no path of a file; write it without . and .. and without a / at the end`;
  const clean = posix.normalize(path);
  const parent = reserved.find((folder) => clean === folder || clean.startsWith(`${folder}/`));
  return parent === undefined
    ? undefined
    : `has ${clean}; a key cannot lie below ${parent}: write a path such as /tmp/disk.key`;
}
