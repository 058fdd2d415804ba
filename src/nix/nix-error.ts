import { NixError, NixKilledError } from '../errors';
import type { BuildLogs } from './log';
import { placesIn, placesOnRunner, withoutTrace } from './places';

export interface NixErrorOptions {
  /** Where the files of the flake come from that was evaluated, if it lies on the runner. */
  readonly folder?: string | undefined;
  /** Whether the last lines are to have the whole trace. */
  readonly showTrace?: boolean | undefined;
  /** What Nix said before, and what may be the reason. */
  readonly remarks?: readonly string[];
}

/** Of a Nix that has failed: what it said, or that it was killed. */
export function nixError(
  ran: string,
  code: number | null,
  messages: readonly string[],
  logs: BuildLogs,
  { folder, showTrace = false, remarks = [] }: NixErrorOptions = {},
): NixError {
  const failedBuild = messages.find((message) => /builder for '|Cannot build '/.test(message));
  const shown = (message: string) => (showTrace ? message : withoutTrace(message, folder));
  const lines = (failedBuild === undefined ? messages.map(shown).join('\n') : shown(failedBuild)).split('\n');
  const { said, place } = innermostError(lines);
  // of what stands beside the word the first line says it all
  const why = said[0] === 'error:' ? `error: ${said.slice(1).join('\n')}` : (said[0] ?? '');
  const reason = said.join('\n').replace(/^error:\s*/, '');
  const isKilled = code === null || code > shellKilled;
  const withoutWords = isKilled
    ? ': Nix was killed, most likely for lack of memory'
    : ` with exit code ${code}`;
  return new (isKilled ? NixKilledError : NixError)(
    `${ran} failed${why === '' ? withoutWords : `: ${why}`}`,
    {
      ran,
      messages: messages.map((text) => ({ text, buildLog: logs.lastLinesOf(text) })),
      places: placesOnRunner(messages.flatMap(placesIn), folder),
      ...(why === ''
        ? {}
        : { reason: place === undefined ? reason : `${reason} (at ${withoutStore(place)})` }),
      lastLines:
        failedBuild === undefined
          ? [...new Set(remarks), ...lines.slice(-40)]
          : [...logs.lastLinesOf(failedBuild), ...lines],
    },
  );
}

/** Of a flake's file the part that its author knows. */
function withoutStore(place: string): string {
  return place.replace(/^\S*\/[a-z0-9]{32}-source\//, '');
}

/** What a shell that wraps Nix adds the signal's number to. */
const shellKilled = 128;
/** Of a throw that says very much, such as the failed assertions of a configuration. */
const mostLines = 12;

/**
 * What Nix says of the failure, and where that is. The innermost error stands last: what comes before it is the trace that
 * leads there. A text that begins with a line end stands below the word.
 */
function innermostError(lines: readonly string[]): {
  readonly said: readonly string[];
  readonly place: string | undefined;
} {
  const at = lines.findLastIndex((line) => /^\s*error:/.test(line));
  // what it only warns of, such as of a group that is missing, comes as an error too
  const from = at < 0 ? lines.findIndex((line) => !/^\s*(warning:|$)/.test(line)) : at;
  if (from < 0) return { said: [], place: undefined };
  const below = lines.slice(from).map((line) => line.trim());
  const isPlace = (line: string) => /^at (\S.*?:\d+(?::\d+)?):?$/.exec(line)?.[1];
  const end = below.findIndex((line, index) => index > 0 && (line === '' || isPlace(line) !== undefined));
  const said = below.slice(0, end < 0 ? mostLines : Math.min(end, mostLines));
  return {
    said,
    place: end < 0 ? undefined : isPlace(below[end] ?? ''),
  };
}
