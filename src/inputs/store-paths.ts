import { accessSync, constants, existsSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { StorePaths } from './settings';

/**
 * Reads one or two paths, separated by blanks or line ends. They come in any order, since the tools that make them
 * do not agree on one: a system is known by what lies in it, a disko script is a file that can be executed.
 *
 * @param mayBeAbsent whether a path that is not here can be fetched
 * @param store the store's folder on this machine
 * @returns the store paths, or what is wrong with the text
 */
export function parseStorePaths(
  text: string,
  { mayBeAbsent = false, store = storeFolder() } = {},
): StorePaths | string {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length > 2) return `has ${words.length} paths; give a disko script and a system, or one of them`;
  const found = words.map((word) => recognise(word, mayBeAbsent, store));
  const problems = found.filter((each) => typeof each === 'string');
  if (problems.length > 0) return problems.join('; ');
  const of = (kind: Recognised['kind']) =>
    found.flatMap((each) => (typeof each !== 'string' && each.kind === kind ? [each.path] : []));
  const [systems, scripts] = [of('system'), of('diskoScript')];
  if (systems.length > 1) return `has two systems and no disko script: ${systems.join(' and ')}`;
  if (scripts.length > 1) return `has two disko scripts and no system: ${scripts.join(' and ')}`;
  return { system: systems[0], diskoScript: scripts[0], absent: of('absent') };
}

function storeFolder(): string {
  return process.env.NIX_STORE_DIR || '/nix/store';
}

type Recognised = { readonly kind: 'system' | 'diskoScript' | 'absent'; readonly path: string };

const marksOfSystem = ['init', 'nixos-version', 'bin/switch-to-configuration'];

function recognise(word: string, mayBeAbsent: boolean, store: string): Recognised | string {
  const path = inStore(word, store);
  if (path === undefined && mayBeAbsent && isStorePath(word, store)) return { kind: 'absent', path: word };
  if (path === undefined) return `${word} does not exist, or does not lead into ${store}`;
  // a system is what the running machine will say it is: where all links end
  const end = realpathSync(path);
  if (marksOfSystem.every((mark) => isThere(`${end}/${mark}`)))
    return isStorePath(end, store) ? { kind: 'system', path: end } : insideOf(end, store);
  if (!isStorePath(path, store)) return insideOf(path, store);
  if (isExecutableFile(end)) return { kind: 'diskoScript', path };
  return `${path} is neither a system (it has no ${marksOfSystem.join(', ')}) nor a disko script (an executable file)`;
}

/** Follows links until the path lies in the store, as Nix does: what lies there may be a link itself. */
function inStore(word: string, store: string): string | undefined {
  const isInStore = (path: string) => path.startsWith(`${store}/`);
  try {
    let path = resolve(word);
    // the kernel gives up on longer chains
    for (let links = 0; links < 40 && !isInStore(path); links++) {
      const real = join(realpathSync(dirname(path)), basename(path));
      path = isInStore(real) ? real : resolve(dirname(real), readlinkSync(real));
    }
    return isInStore(path) && existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function isStorePath(path: string, store: string): boolean {
  return dirname(path) === store && /^[0-9a-z]{32}-./.test(basename(path));
}

function insideOf(path: string, store: string): string {
  return `${path} is no store path itself: give the whole of one, ${store}/HASH-NAME`;
}

/** Links out of the path count: `init` may be one, and may lead to what only the machine has. */
function isThere(path: string): boolean {
  try {
    readlinkSync(path);
    return true;
  } catch {
    return existsSync(path);
  }
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
