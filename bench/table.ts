// The results as Markdown.
import type { Closure } from './closures';
import type { ColdStart } from './cold-start';
import { bridge, type Sample, type Way } from './copy';
import { median } from './statistics';

/** The samples of one way under the same conditions, by the round they were taken in. */
export interface Series {
  readonly closure: Closure;
  readonly roundTripMs: number;
  readonly way: Way;
  readonly samples: readonly Sample[];
}

const titles = [
  'Closure',
  'Round trip',
  'Copied with',
  'Rounds',
  'Seconds (median)',
  'from – to',
  'Against the bridge',
  'MB sent',
  'kB received',
  'Round trips waited for',
];

export function copyTable(all: readonly Series[]): string {
  return table(
    titles,
    all.map((series) => copyRow(series, all)),
  );
}

function copyRow(series: Series, all: readonly Series[]): string[] {
  const { closure, roundTripMs, way, samples } = series;
  const seconds = samples.map(({ ms }) => ms / 1000);
  const times = [Math.min(...seconds), Math.max(...seconds)].map((value) => value.toFixed(2));
  return [
    closure.shape.title,
    `${roundTripMs} ms`,
    way.title,
    String(samples.length),
    median(seconds).toFixed(2),
    samples.length === 1 ? '' : times.join(' – '),
    way === bridge ? '' : `${againstBridge(series, all).toFixed(1)} ×`,
    megabytes(median(samples.map(({ bytesToTarget }) => bytesToTarget))),
    (median(samples.map(({ bytesFromTarget }) => bytesFromTarget)) / 1e3).toFixed(0),
    waitedFor(series, all),
  ];
}

function find(all: readonly Series[], closure: Closure, roundTripMs: number, way: Way): Series | undefined {
  return all.find(
    (other) => other.closure === closure && other.roundTripMs === roundTripMs && other.way === way,
  );
}

/** The median of each round's own ratio: what disturbed the machine disturbed the neighbours too. */
function againstBridge({ closure, roundTripMs, samples }: Series, all: readonly Series[]): number {
  const rival = find(all, closure, roundTripMs, bridge)?.samples ?? [];
  return median(samples.map(({ ms }, round) => ms / (rival[round]?.ms ?? Number.NaN)));
}

/**
 * By how many round trips the copy took longer than without a delay. The fastest copies are compared: noise only ever
 * adds time.
 */
function waitedFor({ closure, roundTripMs, way, samples }: Series, all: readonly Series[]): string {
  const undelayed = find(all, closure, 0, way)?.samples;
  if (roundTripMs === 0 || undelayed === undefined) return '';
  return Math.round((fastest(samples) - fastest(undelayed)) / roundTripMs).toString();
}

function fastest(samples: readonly Sample[]): number {
  return Math.min(...samples.map(({ ms }) => ms));
}

/** What the bridge costs the process of the action. */
export function processTable(all: readonly Series[]): string {
  const rows = all
    .filter(({ way }) => way === bridge)
    .map(({ closure, roundTripMs, samples }) => [
      closure.shape.title,
      `${roundTripMs} ms`,
      (median(samples.map(({ loginMs }) => loginMs)) / 1000).toFixed(2),
      (median(samples.map(({ cpuMs }) => cpuMs)) / 1000).toFixed(2),
      megabytes(median(samples.map(({ idleBytes }) => idleBytes))),
      megabytes(Math.max(...samples.map(({ peakBytes }) => peakBytes))),
    ]);
  return table(
    ['Closure', 'Round trip', 'Login (s)', 'Processor (s)', 'Memory before (MB)', 'Memory, peak (MB)'],
    rows,
  );
}

export function coldStartTable(start: ColdStart): string {
  return table(
    ['What', 'Value'],
    [
      ['`dist/index.js`', `${megabytes(start.bundleBytes)} MB (${megabytes(start.gzippedBytes)} MB gzipped)`],
      ['start without inputs to the end, median of 5', `${start.bundleMs.toFixed(0)} ms`],
      ['of that Node itself (an empty program)', `${start.nodeMs.toFixed(0)} ms`],
    ],
  );
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
