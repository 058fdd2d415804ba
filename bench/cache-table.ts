// The results of the cache as Markdown.
import type { CacheClosure } from './cache-closure';
import type { CacheJob } from './cache-process';
import type { CacheSample, WaySamples } from './cache-ways';
import { type Day, type Fleet, fleet, simulate } from './fleet';
import { median } from './statistics';
import { megabytes, table } from './table';

export type Measured = 'layers' | CacheJob['way'];

const what: Readonly<Record<string, string>> = {
  save: 'first run: saves all',
  restore: 'empty store, the same configuration',
  changed: 'empty store, one path changed',
  there: 'store that has all',
};

export function cacheReport(
  closure: CacheClosure,
  measured: Readonly<Record<Measured, readonly WaySamples[]>>,
  without: CacheSample,
  facts: readonly string[],
): string {
  const rounds = measured.layers.length;
  return `# The closure cache

${[...facts, ...caveats(rounds)].join('\n')}

Repeat with \`npm run bench\`, or \`sh scripts/vitest.sh run --project bench cache\` for this part alone;
\`NIXOS_ANYWHERE_BENCH_ROUNDS\` says how many rounds (3), \`NIXOS_ANYWHERE_BENCH_SCALE\` makes the closure smaller or larger.

A closure of ${closure.names.length} paths and ${megabytes(closure.bytes)} MB (${closure.title}; what is not random are
parts of a program) is saved to and restored from a stand-in for GitHub's service on loopback, by the real client. The ways
take turns within a round; rounds: ${rounds}. Seconds are medians and include what Nix takes to have the paths in its store.

- _layers_: the bundle with \`build-only\`, from the beginning of its build phase to its end; downloads in parallel blocks as at
  GitHub, from addresses of Azure's that lead to the stand-in
- _one tar_: \`saveCache\` and \`restoreCache\` of @actions/cache with the whole store folder, database included; one stream down
- _one entry a path_: each path a layer of its own, eight at a time. GitHub lets a repository upload 200 entries a minute:
  that wait is calculated, nobody waited

${costTable(measured)}

A store that holds more than what was built here (all that came from cache.nixos.org) makes the tar larger and the layers not.

## Memory of the action's processes

${memoryTable(measured.layers, without)}

Peaks over all rounds, as Linux counts them (VmHWM; together: what both held at the same moment, looked at every 20 ms). Nix is
not counted.

## The hosts of one flake

Calculated by the code that decides what goes into a layer, against a model of GitHub's cache (10 GB, the entry that was asked
for longest ago goes first). **The sizes are made up**: ${fleet.hosts} hosts, ${megabytes(fleet.shared.bytes)} MB that all share and
${megabytes(fleet.own.bytes)} MB of each one's own, compressed; then ${fleet.days} days of one commit each that changes ${100 * fleet.changes} %, but all on day
${fleet.allNew}. \`__tests__/unit/cache-fleet.test.ts\` holds the bounds.

Jobs that run at once look before the first of them saves, and save one after another, each after another look. If all uploads
overlapped, so that no job saw another's, the full build would be ${((fleet.hosts * (fleet.shared.bytes + fleet.own.bytes)) / 1e9).toFixed(1)} GB in as many uploads.

${fleetTable()}

Built again: what an earlier run had built and this one could not get any more. Down: what the jobs of the hosts have downloaded, and
what they needed of it. One that builds for all hosts takes from more layers than any of theirs.
`;
}

/** The load of a machine that others use changes between the ways of a single round. */
function caveats(rounds: number): readonly string[] {
  return rounds < 3
    ? [`- **${rounds} of 3 rounds: neither the seconds nor their ratios say much; requests and bytes do**`]
    : [];
}

function costTable(measured: Readonly<Record<Measured, readonly WaySamples[]>>): string {
  const rows = Object.entries(measured).flatMap(([way, rounds]) =>
    Object.entries(what).flatMap(([name, title]) => {
      const samples = rounds.flatMap((round) => round[name] ?? []);
      return samples.length === 0 ? [] : [[title, way, ...costs(samples)]];
    }),
  );
  const order = Object.values(what);
  rows.sort((a, b) => order.indexOf(a[0] ?? '') - order.indexOf(b[0] ?? ''));
  return table(
    ['What', 'Way', 'Seconds', 'from – to', 'Wait for the limit', 'Requests', 'MB up', 'MB down', 'Built'],
    rows,
  );
}

function costs(samples: readonly CacheSample[]): string[] {
  const seconds = samples.map((sample) => sample.seconds);
  const middle = (value: (sample: CacheSample) => number) => median(samples.map(value));
  const wait = middle(({ waitSeconds }) => waitSeconds);
  return [
    median(seconds).toFixed(1),
    [Math.min(...seconds), Math.max(...seconds)].map((value) => value.toFixed(1)).join(' – '),
    wait === 0 ? '' : `${wait} s`,
    String(middle(({ requests }) => requests)),
    megabytes(middle(({ bytesUp }) => bytesUp)),
    megabytes(middle(({ bytesDown }) => bytesDown)),
    samples[0]?.built === undefined ? '' : String(middle(({ built = 0 }) => built)),
  ];
}

function memoryTable(rounds: readonly WaySamples[], without: CacheSample): string {
  const all = { '`cache: false`': [without], ...Object.fromEntries(memoryRows(rounds)) };
  const rows = Object.entries(all).map(([title, samples]) => {
    const peak = (part: 'main' | 'client' | 'together') =>
      megabytes(Math.max(...samples.map(({ memory }) => memory?.[part] ?? Number.NaN)));
    return [title, peak('main'), peak('client'), peak('together')];
  });
  return table(['Run', 'Action (MB)', 'Client of the cache (MB)', 'Together (MB)'], rows);
}

function memoryRows(rounds: readonly WaySamples[]): (readonly [string, readonly CacheSample[]])[] {
  return Object.entries(what).map(([name, title]) => [title, rounds.flatMap((round) => round[name] ?? [])]);
}

function fleetTable(): string {
  const ways: readonly (readonly [string, Pick<Fleet, 'atOnce' | 'first' | 'undivided'>])[] = [
    ['one after another', { atOnce: 1, first: 'nothing' }],
    ['20 at once', { atOnce: 20, first: 'nothing' }],
    ['one builds what is shared, then all at once', { atOnce: fleet.hosts, first: 'shared' }],
    ['one builds all, as one layer', { atOnce: fleet.hosts, first: 'all', undivided: true }],
    ['one builds all (`hosts`)', { atOnce: fleet.hosts, first: 'all' }],
  ];
  const rows = ways.flatMap(([title, jobs]) => {
    const [full, ...later] = simulate({ ...fleet, ...jobs });
    const days = later.filter((_, day) => day + 1 !== fleet.allNew);
    return [
      [title, 'full build', ...fleetRow(full === undefined ? [] : [full])],
      ['', `day ${fleet.allNew}, all new`, ...fleetRow(later.slice(fleet.allNew - 1, fleet.allNew))],
      ['', `the other ${days.length} days together`, ...fleetRow(days)],
    ];
  });
  const titles = [
    'Jobs',
    'When',
    'Uploads',
    'GB up',
    'GB up, worst day',
    'GB stored, most',
    'Evicted',
    'Layers a run takes from',
    'GB down, all hosts',
    'Needed',
  ];
  return table([...titles, 'GB built again'], rows);
}

function fleetRow(days: readonly Day[]): string[] {
  const sum = (value: (day: Day) => number) => days.reduce((all, day) => all + value(day), 0);
  const most = (value: (day: Day) => number) => Math.max(...days.map(value));
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
  return [
    String(sum(({ uploads }) => uploads)),
    gigabytes(sum(({ bytes }) => bytes)),
    gigabytes(most(({ bytes }) => bytes)),
    gigabytes(most(({ stored }) => stored)),
    String(sum(({ evicted }) => evicted)),
    String(most(({ spanned }) => spanned)),
    gigabytes(sum(({ downloaded }) => downloaded)),
    gigabytes(sum(({ needed }) => needed)),
    gigabytes(sum(({ again }) => again)),
  ];
}
