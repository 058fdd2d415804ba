// How fast closures get to a target, and what else a run pays. No time is demanded: machines differ, figures are read.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nixEnvironment } from '../testbed/paths.mts';
import { type Closure, type ClosureShape, makeClosure } from './closures';
import { type ColdStart, measureColdStart } from './cold-start';
import { measureCopy, type Sample, type Way, ways } from './copy';
import { describeMachine, fromEnvironment } from './machine-facts';
import { writeResults } from './results';
import { coldStartTable, copyTable, megabytes, processTable, type Series } from './table';

const rounds = fromEnvironment('NIXOS_ANYWHERE_BENCH_ROUNDS', 3);
/** Of the closures; results of another size than 1 are printed and not kept. */
const scale = fromEnvironment('NIXOS_ANYWHERE_BENCH_SCALE', 1);
/** In each direction, in milliseconds. */
const delays = [0, 25];
/** A way that waits for each path takes minutes for more paths than these. */
const manyPaths = 500;

const kibibyte = 1024;
const smallPaths = Math.ceil(1000 * scale);
const largeBytes = Math.ceil(64 * kibibyte * kibibyte * scale);
const shapes: readonly ClosureShape[] = [
  {
    title: `${smallPaths} paths of 2 to 100 KiB`,
    name: 'small',
    count: smallPaths,
    // spread evenly over the orders of magnitude, in no order
    size: (index) => Math.round(2 * kibibyte * 50 ** ((index * 0.618034) % 1)),
  },
  {
    title: `4 paths of ${(largeBytes / kibibyte ** 2).toFixed(0)} MiB`,
    name: 'large',
    count: 4,
    size: () => largeBytes,
  },
];

const all: Series[] = [];
const machine = describeMachine(nixEnvironment());
let folder = '';
let environment: NodeJS.ProcessEnv = {};
let start: ColdStart | undefined;
let closures: readonly Closure[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bench-'));
  environment = { ...process.env, ...nixEnvironment(), NIX_REMOTE: `local?root=${folder}` };
  closures = await Promise.all(shapes.map((shape) => makeClosure(shape, environment)));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (start === undefined) return;
  const text = report(start);
  console.log(text);
  if (scale === 1 && all.length === shapes.length * delays.length * ways.length)
    writeResults('store-bridge.bench.ts', text);
});

test('cold start', async () => {
  start = await measureColdStart();
  expect(start.bundleMs).toBeGreaterThan(0);
});

test.each(shapes.flatMap((shape) => delays.map((delayMs) => ({ shape, delayMs, name: shape.name }))))(
  '$name paths, delayed by $delayMs ms',
  async ({ shape, delayMs }) => {
    const closure = closures.find((made) => made.shape === shape);
    if (closure === undefined) throw new Error('no such closure');
    const series = await interleaved(closure, delayMs);
    expect(series.every(({ samples }) => samples.length > 0)).toBe(true);
    all.push(...series);
  },
);

/** A B C A B C …, so that a machine that is busy for a while slows all ways alike. */
async function interleaved(closure: Closure, delayMs: number): Promise<Series[]> {
  const taken = new Map<Way, Sample[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [way, samples] of taken) {
      if (round > 0 && isSlow(way, closure, delayMs)) continue;
      const sample = await measureCopy(closure, way, delayMs, environment);
      console.log(`${closure.shape.name}, ${2 * delayMs} ms, ${way.title}: ${sample.ms.toFixed(0)} ms`);
      samples.push(sample);
    }
  }
  return [...taken].map(([way, samples]) => ({ closure, roundTripMs: 2 * delayMs, way, samples }));
}

function isSlow(way: Way, { shape }: Closure, delayMs: number): boolean {
  return way.waitsPerPath && delayMs > 0 && shape.count > manyPaths;
}

function report(coldStart: ColdStart): string {
  const sizes = closures.map(({ shape, bytes }) => `${shape.title}: ${megabytes(bytes)} MB`).join('; ');
  return `# The store bridge against \`nix copy --to ssh://\`

${facts().join('\n')}

Repeat with \`npm run bench\`; \`NIXOS_ANYWHERE_BENCH_ROUNDS\` says how many rounds (3),
\`NIXOS_ANYWHERE_BENCH_SCALE\` makes the closures smaller or larger (1; only that size is kept).

Each copy goes from a store on disk over a real sshd on loopback into an empty \`local?root=/mnt\` in memory, through a
proxy that counts and delays, the SSH login included. The ways take turns within a round. Afterwards every path is
there and its contents have the right hash. Closures (${sizes}) are half random, half text.
What would take minutes a copy has one round.

## Copies

${copyTable(all)}

Against the bridge: how many times as long it took, the median over the rounds. Round trips waited for: by how many
round trips the fastest copy took longer than the fastest at 0 ms.

## What the bridge costs the process of the action

${processTable(all)}

Of the Node process alone, without Nix. The login is counted above, though an install logs in once for all it does.
The memory before the copy is that of sources which Node compiled itself; the bundle needs less.

## Start of the action

${coldStartTable(coldStart)}
`;
}

function facts(): readonly string[] {
  const sshd = execFileSync('sh', ['-c', 'ssh -V 2>&1'], { encoding: 'utf8' }).trim();
  return [...machine(), `- ${sshd}`];
}
