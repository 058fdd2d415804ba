// The results of listing hosts as Markdown.
import type { ListingSample } from './listing';
import { median } from './statistics';
import { megabytes, table } from './table';

type Samples = Readonly<Record<string, readonly ListingSample[]>>;

export function listingReport({
  rounds,
  lists,
  evaluations,
  facts,
}: {
  rounds: number;
  lists: Samples;
  evaluations: Samples;
  facts: readonly string[];
}): string {
  const listRow = ([name, samples]: [string, readonly ListingSample[]]) => {
    const [shape = '', title = ''] = name.split(': ');
    return [shape, title, ...numbers(samples, ['action', 'nix', 'together'])];
  };
  return `# Listing 30 hosts

${facts.join('\n')}

Repeat with \`npm run bench\`, or \`sh scripts/vitest.sh run --project bench listing\` for this part alone;
\`NIXOS_ANYWHERE_BENCH_ROUNDS\` says how many rounds (3), \`NIXOS_ANYWHERE_BENCH_SCALE\` makes the hosts lighter or heavier.

**The evaluation of a real NixOS was not measured**: there is no nixpkgs here. A _light_ host is one set of 40 options, a
_heavy_ one 200 sets that look at each other, merged as modules are, and 800000 values that are kept: about 50 MB each. Where all of a NixOS is looked at, hosts
have much in common in one process, which these have not: there several processes cost more than here.

The bundle with \`list-hosts\`, from its start to its end, each time with an empty store; the ways take turns within a round,
rounds: ${rounds}. Seconds are medians, memory is the most of all rounds. _Nix at once_: what all its processes had at the same moment.

${table(
  [
    'Hosts',
    'changed-since',
    'Jobs',
    'Evaluations',
    'Seconds',
    'from – to',
    'Action (MB)',
    'Largest Nix (MB)',
    'Nix at once (MB)',
  ],
  Object.entries(lists).map(listRow),
)}

## One process or several

The 30 heavy hosts of one commit, in processes that follow each other: a new one begins when one host more would be too much
for the one before.

${table(
  ['Processes', 'Hosts', 'Evaluations', 'Seconds', 'from – to', 'Largest Nix (MB)'],
  Object.entries(evaluations).map(([title, samples]) => [title, ...numbers(samples, ['nix'])]),
)}
`;
}

function numbers(
  samples: readonly ListingSample[],
  memory: readonly ('action' | 'nix' | 'together')[],
): string[] {
  const seconds = samples.map((sample) => sample.seconds);
  return [
    [...new Set(samples.map(({ jobs }) => jobs))].join(', '),
    [...new Set(samples.map((sample) => sample.evaluations))].join(', '),
    median(seconds).toFixed(1),
    `${Math.min(...seconds).toFixed(1)} – ${Math.max(...seconds).toFixed(1)}`,
    ...memory.map((name) => megabytes(Math.max(...samples.map((sample) => sample[name])))),
  ];
}
