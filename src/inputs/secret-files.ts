import { posix } from 'node:path';
import { type OwnerName, parseOwner } from './chown';
import type { Parser } from './parsers';
import { folderAbove, parseLines, problemOfPath, splitPath } from './path-lines';
import { parseSecretSource, type SecretSource } from './secret-source';

/** A file of the new system, and where its contents come from. */
export interface SecretFileLine {
  /** In the new system. */
  readonly path: string;
  /** Octal, as chmod takes it. */
  readonly mode: string;
  /** Undefined: root. */
  readonly owner: OwnerName | undefined;
  readonly source: SecretSource;
}

/** What no file may lie below: gone or hidden when the new system boots, or readable by all and collected as garbage. */
const reserved = ['/proc', '/sys', '/dev', '/run', '/nix/store'];
const form = 'PATH [mode=MODE] [owner=OWNER] SOURCE';

/**
 * One `PATH [mode=MODE] [owner=OWNER] SOURCE` a line; the source is the rest of the line, and one that begins with
 * mode= or owner= is written with ./ before it.
 */
export const secretFiles: Parser<readonly SecretFileLine[]> = (text) =>
  parseLines(text, parseLine, ({ path }) => path, 'names no file');

/** Never shows what is after the options: somebody may have written the secret itself there. */
function parseLine(line: string): SecretFileLine | string {
  const split = splitPath(line);
  if (split === undefined)
    return `begins with no path; write ${form}, a path with blanks or quotes in double quotes`;
  const { path, rest } = split;
  const wrong = problemOfPath(path, `${form}, as in /etc/ssh/ssh_host_ed25519_key env:HOST_KEY`);
  if (wrong !== undefined) return wrong;
  const parent = folderAbove(path, reserved);
  if (parent !== undefined) return `has ${path}; nothing can be put below ${parent} for the new system`;
  const options = parseOptions(rest);
  if (typeof options === 'string') return options;
  if (options.rest === '')
    return `has no source for ${path}; write a path on the runner, env:NAME or exec:COMMAND after it`;
  const source = parseSecretSource(options.rest);
  if ('problem' in source) return source.problem;
  return { path: posix.normalize(path), mode: options.mode, owner: options.owner, source: source.ok };
}

interface Options {
  readonly mode: string;
  readonly owner: OwnerName | undefined;
  readonly rest: string;
}

function parseOptions(text: string): Options | string {
  let mode = '0600';
  let owner: OwnerName | undefined;
  let rest = text;
  for (;;) {
    const [whole, name, value = ''] = /^(mode|owner)=(\S*)(?:\s+|$)/.exec(rest) ?? [];
    if (whole === undefined) return { mode, owner, rest };
    if (name === 'mode') {
      if (!/^0?[0-7]{3}$/.test(value))
        return 'has a mode that is not three octal digits; write it as in mode=0640';
      mode = value.padStart(4, '0');
    } else {
      const parsed = parseOwner(value);
      if ('problem' in parsed) return parsed.problem;
      owner = parsed.ok;
    }
    rest = rest.slice(whole.length);
  }
}
