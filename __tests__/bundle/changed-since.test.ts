// Which hosts of a flake have changed, and what that takes: 30 of them, some of which cannot be evaluated.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Matrix } from '../../src/inputs/matrix';
import { type BundleRun, runBundle } from '../support/bundle';
import { test, testEach } from '../support/concurrent';
import { type FleetHost, git, makeFleet } from '../support/fleet';
import { temporaryFolder } from '../support/runtime';

const none = '{"include":[]}';

const listChanged = (folder: string, inputs: Record<string, string> = {}) =>
  runBundle({ inputs: { flake: folder, 'list-hosts': 'true', 'changed-since': 'HEAD', ...inputs } });

/** The hosts with a job, and why. */
function jobsOf(run: BundleRun): Record<string, string> {
  expect(run.code, run.log).toBe(0);
  const { include } = JSON.parse(run.outputs.matrix ?? '') as Matrix;
  expect(run.outputs.count).toBe(String(include.length));
  return Object.fromEntries(include.map(({ host, reason }) => [host, reason]));
}

const commit = (folder: string) => git(folder, 'commit', '-qam', 'another');
const failing: FleetHost = { configuration: '{ config.system.build.toplevel = throw "no such disk"; }' };

testEach<string, FleetHost>([
  ['system', { text: 'other' }],
  ['disko script', { disk: 'other' }],
  ['install-id', { data: { 'install-id': 'second' } }],
])('of 30 hosts the one whose %s has changed, by two evaluations', async (what, to) => {
  const { folder, change } = makeFleet({
    count: 30,
    hosts: { 'web-7': { data: { 'install-id': 'first' } } },
  });
  change('web-7', to);
  commit(folder);
  const run = await listChanged(folder, { 'changed-since': 'HEAD~1' });
  expect(jobsOf(run)).toEqual({ 'web-7': `changed: ${what}` });
  expect(run.result.fleet).toMatchObject({ selected: 30, evaluations: 2, failed: [] });
  expect(run.outputs.canary).toBe(run.outputs.matrix);
  expect(run.outputs.rest).toBe('{"include":[]}');
});

test('other host data changes no host: there is no job, after two evaluations', async () => {
  const { folder, change } = makeFleet({ count: 30 });
  change('web-7', { data: { 'target-host': 'root@192.0.2.99', tags: ['moved'] } });
  const run = await listChanged(folder);
  expect(jobsOf(run)).toEqual({});
  expect(run.outputs).toMatchObject({ count: '0', canary: none, rest: none, 'failed-hosts': '[]' });
  expect(run.result.fleet).toMatchObject({ selected: 30, evaluations: 2 });
});

test('hosts that are new, gone and renamed', async () => {
  const { folder, change, remove } = makeFleet({ count: 4 });
  change('db-0', { data: { 'target-host': 'root@192.0.2.50' } });
  remove('web-1');
  remove('web-2');
  change('www-2', { data: { 'target-host': 'root@192.0.2.3' } });
  expect(jobsOf(await listChanged(folder))).toEqual({ 'db-0': 'new', 'www-2': 'new' });
});

test('all zeros, as before the first push of a branch: all hosts, without an evaluation', async () => {
  const { folder } = makeFleet({ count: 2 });
  const run = await listChanged(folder, { 'changed-since': '0'.repeat(40) });
  expect(jobsOf(run)).toEqual({
    'web-0': 'there was no commit before this one',
    'web-1': 'there was no commit before this one',
  });
  expect(run.result.fleet?.evaluations).toBe(0);
});

test('a host that cannot be evaluated is told, and the others stay', async () => {
  const { folder, change } = makeFleet({ count: 6 });
  change('web-1', failing);
  change('web-4', failing);
  change('web-5', { text: 'other' });
  const run = await listChanged(folder);
  expect(jobsOf(run)).toEqual({ 'web-5': 'changed: system' });
  expect(run.outputs['failed-hosts']).toBe('["web-1","web-4"]');
  // one more for each that has failed
  expect(run.result.fleet).toMatchObject({ evaluations: 4 });
  expect(run.warnings).toEqual([
    'web-1 cannot be evaluated, and is left out: no such disk',
    'web-4 cannot be evaluated, and is left out: no such disk',
  ]);
  expect(run.summary.indexOf('web-4')).toBeGreaterThan(0);
  expect(run.summary.indexOf('web-4')).toBeLessThan(run.summary.indexOf('web-5'));
});

test('a host that could not be evaluated before has changed', async () => {
  const { folder, change } = makeFleet({ count: 3, hosts: { 'web-1': failing } });
  change('web-1', { configuration: undefined });
  const run = await listChanged(folder);
  expect(jobsOf(run)).toEqual({ 'web-1': 'could not be evaluated before' });
  expect(run.outputs['failed-hosts']).toBe('[]');
  expect(run.log).toContain('web-1 as it was at HEAD cannot be evaluated: no such disk');
});

testEach<string, string>([
  ['it has an error', '{ outputs = _: { nixosAnywhere = throw "unfinished"; }; }'],
  ['nothing is a configuration', '{ outputs = _: { nixosAnywhere.web-0 = { }; }; }'],
  ['it is not even Nix', '{ outputs = '],
])('a flake that was broken before: all hosts have changed: %s', async (_, flake) => {
  const { folder, change } = makeFleet({ count: 2 });
  writeFileSync(join(folder, 'flake.nix'), flake);
  commit(folder);
  change('web-0', {});
  const run = await listChanged(folder);
  const jobs = jobsOf(run);
  expect(Object.keys(jobs)).toEqual(['web-0', 'web-1']);
  expect(jobs['web-0']).toBe('could not be evaluated before');
  expect(run.warnings).toEqual([expect.stringMatching(/^The flake as it was at HEAD cannot be evaluated/)]);
});

test('before there was a fleet, or a flake, all hosts are new', async () => {
  const { folder, change } = makeFleet({ count: 2 });
  writeFileSync(join(folder, 'flake.nix'), '{ outputs = _: { }; }');
  commit(folder);
  rmSync(join(folder, 'flake.nix'));
  commit(folder);
  change('web-0', {});
  git(folder, 'add', '.');
  expect(jobsOf(await listChanged(folder, { 'changed-since': 'HEAD~1' }))).toEqual({
    'web-0': 'new',
    'web-1': 'new',
  });
  expect(Object.keys(jobsOf(await listChanged(folder)))).toEqual(['web-0', 'web-1']);
});

test('all hosts fail for the same reason: one error', async () => {
  const { folder, change } = makeFleet({ count: 30 });
  for (let n = 0; n < 30; n++) change(`web-${n}`, failing);
  const run = await listChanged(folder);
  expect(run.code).toBe(1);
  expect(run.errors).toEqual([
    expect.stringMatching(
      /^the first 8 of 30 hosts .* fail, .* for the same reason: no such disk\nWhat to do: /,
    ),
  ]);
  expect(run.warnings).toEqual([]);
});

test('a configuration that uses the commit changes with each', async () => {
  const uses = 'uses self.rev';
  const { folder } = makeFleet({
    count: 2,
    hosts: {
      'web-1': { configuration: '{ config.system.build.toplevel = drv "t" (self.rev or "dirty"); }' },
    },
  });
  git(folder, 'commit', '--allow-empty', '-qm', uses);
  expect(jobsOf(await listChanged(folder, { 'changed-since': 'HEAD~1' }))).toEqual({
    'web-1': 'changed: system',
  });
});

test('256 hosts are a matrix, and 257 are refused with what to do', async () => {
  const { folder } = makeFleet({ count: 257 });
  const inputs = { flake: folder, 'list-hosts': 'true' };
  const fits = await runBundle({ inputs: { ...inputs, hosts: '* !web-256' } });
  expect(Object.keys(jobsOf(fits))).toHaveLength(256);
  const refused = await runBundle({ inputs });
  expect(refused.code).toBe(1);
  expect(refused.errors[0]).toMatch(
    /^input hosts: leads to 257 hosts, and GitHub starts 256 jobs .* choose fewer/,
  );
  expect(refused.outputs.matrix).toBe('');
});

test('a matrix that is too long to be handed on is refused', async () => {
  const long = {
    data: {
      tags: Array.from({ length: 700 }, (_, index) => `${index}${'x'.repeat(97 - String(index).length)}`),
    },
  };
  const { folder } = makeFleet({ count: 2, hosts: { 'web-0': long, 'web-1': long } });
  const inputs = { flake: folder, 'list-hosts': 'true' };
  const refused = await runBundle({ inputs });
  expect(refused.errors[0]).toMatch(/^input hosts: leads to 2 hosts, and their matrix takes 14\d{4} bytes/);
  const fits = await runBundle({ inputs: { ...inputs, hosts: 'web-0' } });
  const gathered = await runBundle({
    inputs: { 'fleet-results': temporaryFolder('results'), matrix: fits.outputs.matrix ?? '' },
  });
  // it has come there, and is read
  expect(gathered.errors[0]).toMatch(/holds no result file of the (1 )?host/);
});
