import { posix } from 'node:path';
import type { Parsed, Parser } from './parsers';
import { folderAbove, parseLines, problemOfPath, splitPath } from './path-lines';

/** Each a number or a name; no group: that of the path stays. */
export interface OwnerName {
  readonly user: string;
  readonly group: string | undefined;
}

/** A path of the new system, and whose it and all below it shall be. */
export interface Ownership {
  readonly path: string;
  readonly owner: OwnerName;
}

const example = 'PATH OWNER, as in /home/alice 1000:100';

/** One `PATH OWNER` a line. */
export const ownerships: Parser<readonly Ownership[]> = (text) =>
  parseLines(text, parseLine, ({ path }) => path, 'names no path');

function parseLine(line: string): Ownership | string {
  const split = splitPath(line);
  if (split === undefined)
    return `begins with no path; write ${example}, a path with blanks or quotes in double quotes`;
  const { path, rest } = split;
  const wrong = problemOfPath(path === '/' ? path : path.replace(/\/+$/, ''), example);
  if (wrong !== undefined)
    return path === '/' ? 'has /, which would change the owner of the whole system; name a folder' : wrong;
  // recursive, so that /nix is the store as well
  const store = path.replace(/\/+$/, '') === '/nix' ? '/nix' : folderAbove(path, ['/nix/store', '/nix/var']);
  if (store !== undefined) return `has ${path}; what lies in ${store} is root's and Nix's`;
  if (rest === '') return `has no owner for ${path}; write ${example}`;
  const owner = parseOwner(rest);
  return 'ok' in owner ? { path: posix.normalize(path).replace(/\/+$/, ''), owner: owner.ok } : owner.problem;
}

/** What useradd and systemd take for a name, or a number; `4294967295` means "none" to the kernel. */
const part = /^(?:[a-z_][a-z0-9_-]{0,30}\$?|\d{1,9}|[1-3]\d{9})$/i;

/** `USER`, `USER:GROUP`: numbers or names. */
export function parseOwner(text: string): Parsed<OwnerName> {
  const [user = '', group, ...more] = text.split(':');
  const parts = group === undefined ? [user] : [user, group];
  return more.length === 0 && parts.every((each) => part.test(each))
    ? { ok: { user, group } }
    : { problem: 'has an owner that is none; write UID:GID, or names, as in 1000:100 or alice:users' };
}

/** Whether it says the same on every machine. */
export function isNumeric({ user, group = '0' }: OwnerName): boolean {
  return /^\d+$/.test(user) && /^\d+$/.test(group);
}

/** As chown takes it. */
export function formatOwner({ user, group }: OwnerName): string {
  return group === undefined ? user : `${user}:${group}`;
}
