import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Place } from '../errors';

/** A place as Nix names it: in the store, on the runner, or in a source that was not copied (`«git+file:///…»/…`). */
export interface NamedPlace {
  readonly file: string;
  /** Undefined where only the file is named. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** The line itself, where Nix shows it. */
  readonly text: string | undefined;
}

/**
 * The places that an error of Nix names, those first that are nearest to what is wrong. What the error itself names comes
 * before its trace, and that ends with its innermost step.
 */
export function placesIn(message: string): readonly NamedPlace[] {
  const lines = message.split('\n');
  const last = lines.findLastIndex((line) => /^\s*error:/.test(line));
  const error = lines.slice(Math.max(last, 0));
  // what is wrong is what the assertions say; where they are checked is not where one mends it
  if (/^\s*error:\s*Failed assertions:/.test(error.join('\n'))) return [];
  const named = error.flatMap((_, at) => placesAt(error, at));
  const withLine = named.filter(({ line }) => line !== undefined);
  const trace = lines.slice(0, Math.max(last, 0));
  return [
    ...withLine,
    ...named.filter((place) => !withLine.includes(place)),
    ...trace.flatMap((_, at) => placesAt(trace, at)).toReversed(),
  ];
}

/**
 * The message without its trace, but for the step that is nearest to what is wrong: in the user's own files, where one is.
 *
 * @param folder see placesOnRunner
 */
export function withoutTrace(message: string, folder: string | undefined): string {
  const lines = message.split('\n');
  const last = lines.findLastIndex((line) => /^\s*error:/.test(line));
  const starts = lines.slice(0, Math.max(last, 0)).flatMap((line, at) => (/^\s*… /.test(line) ? [at] : []));
  const steps = starts.map((start, at) => lines.slice(start, starts[at + 1] ?? last));
  const sourceOf = sourcesOnRunner(folder);
  const isOwn = (step: readonly string[]) =>
    placesOnRunner(placesIn(step.join('\n')), folder, sourceOf).length > 0;
  const nearest = steps.findLast(isOwn) ?? steps.at(-1);
  return nearest === undefined ? message : ['error:', ...nearest, ...lines.slice(last)].join('\n');
}

/** How far below a place its line stands, with the line before it. Older versions have an empty line between. */
const shownBelow = 3;

function placesAt(lines: readonly string[], at: number): readonly NamedPlace[] {
  const text = lines[at] ?? '';
  const [, file, line, column] = /^\s*at (\S.*?):(\d+)(?::(\d+))?:?$/.exec(text) ?? [];
  if (file === undefined) {
    // the module system names the modules that have defined something, without a line
    return [...text.matchAll(/`([/«][^`']*)'/g)].map(([, module = '']) => ({
      file: module.split(', via ')[0] ?? '',
      line: undefined,
      column: undefined,
      text: undefined,
    }));
  }
  const shown = lines
    .slice(at + 1, at + 1 + shownBelow)
    .map((below) => /^\s*(\d+)\|(.*)$/.exec(below))
    .find((match) => match?.[1] === line);
  return [
    { file, line: Number(line), column: column === undefined ? undefined : Number(column), text: shown?.[2] },
  ];
}

/**
 * Those of the places that are in files of the runner, and in these still.
 *
 * @param folder where the flake's files come from; undefined for one from elsewhere, and where there is no flake
 */
export function placesOnRunner(
  named: readonly NamedPlace[],
  folder: string | undefined,
  sourceOf = sourcesOnRunner(folder),
): readonly Place[] {
  return named.flatMap((place) => {
    const source = sourceOf(place.file);
    if (source === undefined || !shows(source, place)) return [];
    const { line, column } = place;
    return [{ file: source.file, line, column }];
  });
}

interface Source {
  readonly file: string;
  readonly lines: readonly string[];
}

/** Finds what a name of Nix stands for, and reads it once: a long trace names the same files again and again. */
function sourcesOnRunner(folder: string | undefined): (named: string) => Source | undefined {
  const known = new Map<string, Source | undefined>();
  return (named) => {
    if (!known.has(named)) known.set(named, readSource(named, folder));
    return known.get(named);
  };
}

/** Nobody writes such a file by hand. */
const largestFile = 4 * 1024 * 1024;

/** What looks like a place may be any text: one that can be no path, such as a very long one, is none. */
function readSource(named: string, folder: string | undefined): Source | undefined {
  try {
    const file = fileOnRunner(named, folder);
    if (file === undefined) return undefined;
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > largestFile) return undefined;
    return { file, lines: readFileSync(file, 'utf8').split('\n') };
  } catch {
    return undefined;
  }
}

/** Of the store only the user's own flake is told from others: by its files. */
function fileOnRunner(file: string, folder: string | undefined): string | undefined {
  const below = /^(?:.*\/[0-9a-z]{32}-[^/]+|«[^»]*»)\/(.*)$/.exec(file)?.[1];
  if (below === undefined) return file.startsWith('/') ? asModule(file) : undefined;
  return folder === undefined ? undefined : asModule(join(folder, below));
}

/** A folder stands for the module in it. */
function asModule(path: string): string {
  return statSync(path).isDirectory() ? join(path, 'default.nix') : path;
}

/** Whether the file has what Nix has seen there: another flake may have a file of the same name. */
function shows({ lines }: Source, { line, text }: NamedPlace): boolean {
  if (line === undefined) return true;
  const found = lines[line - 1];
  return found !== undefined && (text === undefined || squeezed(found) === squeezed(text));
}

/** Nix shows blanks for tabs. */
const squeezed = (text: string) => text.replaceAll(/\s+/g, '');

/**
 * The folder that the files of a flake on the runner come from: of a git checkout all of it. Nix is not asked, which may
 * just have failed to read the flake.
 *
 * @param uri as Nix takes it
 * @returns undefined for a flake from elsewhere
 */
export function flakeFolder(uri: string): string | undefined {
  const [, scheme, place = ''] = /^(path:|git\+file:)?(?:\/\/(?=\/))?([^?#]*)/.exec(uri) ?? [];
  if (scheme !== undefined) return resolve(decoded(place));
  if (!/^[./]/.test(place)) return undefined;
  const flake = upwards(resolve(place), 'flake.nix') ?? resolve(place);
  return upwards(flake, '.git') ?? flake;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The nearest folder, from this one up, that holds this. */
function upwards(folder: string, entry: string): string | undefined {
  if (existsSync(join(folder, entry))) return folder;
  const above = dirname(folder);
  return above === folder ? undefined : upwards(above, entry);
}
