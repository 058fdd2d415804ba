// Runs over many hosts: which there are, which have changed, and what came of their runs.
import { expect } from 'vitest';
import type { Matrix } from '../../src/inputs/matrix';
import { planDigest } from '../../src/plan/plan';
import { type BundleRun, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { git, makeFleet } from '../support/fleet';
import { leave, resultOf, updatePlan } from '../support/results';
import { temporaryFolder } from '../support/runtime';

const hostsIn = (run: BundleRun) => {
  expect(run.code, run.log).toBe(0);
  const { include } = JSON.parse(run.outputs.matrix ?? '') as Matrix;
  expect(run.outputs.count).toBe(String(include.length));
  return include.map(({ host }) => host);
};

test('list-hosts: all hosts that the flake describes, without a secret', async () => {
  const { folder } = makeFleet({ count: 3 });
  const run = await runBundle({ inputs: { flake: folder, 'list-hosts': 'true' } });
  expect(hostsIn(run)).toEqual(['web-0', 'web-1', 'web-2']);
  expect(run.outputs).toMatchObject({ outcome: 'listed', 'target-state': 'untouched', 'failed-hosts': '[]' });
  expect(run.result.fleet).toMatchObject({ selected: 3, evaluations: 0 });
});

test('hosts: names, globs and tags, and what they leave out', async () => {
  const { folder } = makeFleet({ count: 12 });
  const listed = async (hosts: string) =>
    hostsIn(await runBundle({ inputs: { flake: folder, 'list-hosts': 'true', hosts } }));
  expect(await listed('web-1*, !web-11')).toEqual(['web-1', 'web-10']);
  expect(await listed('tag:even !tag:canary')).toEqual(
    ['web-2', 'web-4', 'web-6', 'web-8', 'web-10'].toSorted(),
  );
});

test('changed-since: of 30 hosts the one that has changed, by two evaluations', async () => {
  const { folder, change } = makeFleet({ count: 30 });
  change('web-7', { text: 'other' });
  const inputs = { flake: folder, 'list-hosts': 'true', 'changed-since': 'HEAD' };
  const run = await runBundle({ inputs });
  expect(hostsIn(run)).toEqual(['web-7']);
  expect(run.result.fleet).toMatchObject({ selected: 30, evaluations: 2 });
  git(folder, 'commit', '-qam', 'second');
  const none = await runBundle({ inputs });
  expect(hostsIn(none)).toEqual([]);
  expect(none.result.fleet).toMatchObject({ selected: 30, evaluations: 0 });
});

test('fleet-results: the hosts with something to do, with the plan that is to be approved', async () => {
  const folder = temporaryFolder('results');
  leave(folder, 'web-0/result.json', resultOf('web-0'));
  const run = await runBundle({ inputs: { 'fleet-results': folder } });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs.outcome).toBe('gathered');
  expect(run.result.fleet?.results).toMatchObject([
    { host: 'web-0', outcome: 'planned', plan: { action: 'update', digest: planDigest(updatePlan) } },
  ]);
});

test('matrix: hosts without a result are told, and those with a plan are a job', async () => {
  const { folder } = makeFleet({ count: 2 });
  const listed = await runBundle({ inputs: { flake: folder, 'list-hosts': 'true' } });
  const results = temporaryFolder('results');
  leave(results, 'web-0/result.json', resultOf('web-0'));
  const run = await runBundle({
    inputs: { 'fleet-results': results, matrix: listed.outputs.matrix ?? '' },
  });
  expect(hostsIn(run)).toEqual(['web-0']);
  expect(run.result.fleet?.results).toMatchObject([{ host: 'web-0' }, { host: 'web-1', outcome: 'missing' }]);
});
