// What it takes to list 30 hosts, and to find those that have changed. No time is demanded; counts and memory are.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nixEnvironment } from '../testbed/paths.mts';
import { type FleetShape, type ListingSample, makeCheckout, measureEvaluation, measureList } from './listing';
import { listingReport } from './listing-table';
import { describeMachine, fromEnvironment } from './machine-facts';
import { writeResults } from './results';

const rounds = fromEnvironment('NIXOS_ANYWHERE_BENCH_ROUNDS', 3);
/** Of each host; results of another size than 1 are printed and not kept. */
const scale = fromEnvironment('NIXOS_ANYWHERE_BENCH_SCALE', 1);
/** Bytes, of the action's own process. */
const mostMemory = 150e6;

const shapes = {
  light: { hosts: 30, modules: 1, values: 1 },
  heavy: { hosts: 30, modules: 200, values: Math.round(800e3 * scale) },
} as const satisfies Record<string, FleetShape>;
/** For one process, in bytes. */
const limits = {
  'all in one': 100e9,
  'at most 0.75 GB each': 0.75e9,
  'one host each': 1,
};

const facts = describeMachine(nixEnvironment());
const lists: Record<string, ListingSample[]> = {};
const evaluations: Record<string, ListingSample[]> = {};
let folder = '';
const checkouts = { light: '', heavy: '' };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-listing-'));
  for (const name of ['light', 'heavy'] as const)
    checkouts[name] = makeCheckout(join(folder, name), shapes[name]);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (Object.keys(evaluations).length === 0) return;
  const text = listingReport({ rounds, lists, evaluations, facts: facts() });
  console.log(text);
  if (scale === 1) writeResults('listing.bench.ts', text);
});

/** In a folder that is gone afterwards: each run begins with an empty store. */
async function inFolder(measure: (dir: string) => Promise<ListingSample>): Promise<ListingSample> {
  const dir = mkdtempSync(join(folder, 'run-'));
  try {
    return await measure(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function keep(samples: Record<string, ListingSample[]>, name: string, sample: ListingSample): void {
  console.log(name, JSON.stringify(sample));
  samples[name] = [...(samples[name] ?? []), sample];
}

const cases = [
  { title: 'no changed-since', branch: 'main', since: undefined, jobs: 30, evaluations: 0 },
  { title: 'the same commit', branch: 'main', since: 'main', jobs: 0, evaluations: 0 },
  { title: 'another file changed', branch: 'none', since: 'main', jobs: 0, evaluations: 2 },
  { title: 'one host changed', branch: 'one', since: 'main', jobs: 1, evaluations: 2 },
  { title: 'all hosts changed', branch: 'all', since: 'main', jobs: 30, evaluations: 2 },
];

test('the bundle', async () => {
  // A B C A B C …, so that a machine that is busy for a while slows all ways alike
  for (let round = 0; round < rounds; round++)
    for (const shape of ['light', 'heavy'] as const)
      for (const { title, branch, since, ...expected } of cases) {
        const sample = await inFolder((dir) => measureList(checkouts[shape], dir, branch, since));
        expect(sample.jobs).toBe(expected.jobs);
        // with less memory there are more
        expect(sample.evaluations).toBeGreaterThanOrEqual(expected.evaluations);
        expect(sample.action).toBeLessThan(mostMemory);
        keep(lists, `${shape}: ${title}`, sample);
      }
});

test('one process or several', async () => {
  for (let round = 0; round < rounds; round++)
    for (const [title, memory] of Object.entries(limits)) {
      const sample = await inFolder((dir) => measureEvaluation(checkouts.heavy, dir, 30, memory));
      expect(sample.jobs).toBe(30);
      keep(evaluations, title, sample);
    }
});
