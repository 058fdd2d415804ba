// A list of hosts is for the jobs that follow, with this repository's secrets: what it takes from a flake, and from whom.
import { expect } from 'vitest';
import { runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { git, makeFleet } from '../support/fleet';

const list = (flake: string) => runBundle({ inputs: { flake, 'list-hosts': 'true' } });

test('a flake from elsewhere names no secrets of this repository', async () => {
  const secrets = { FLEET_SECRET_HOST_KEY: 'PYPI_TOKEN' };
  const { folder } = makeFleet({ count: 2, hosts: { 'web-0': { data: { secrets } } } });
  const here = await list(folder);
  expect(here.code, here.log).toBe(0);
  expect(here.outputs.matrix).toContain('PYPI_TOKEN');
  // what is not checked out is from elsewhere
  const elsewhere = await list(`git+file://${folder}?ref=main`);
  expect(elsewhere.errors[0]).toMatch(
    /^input secrets \(nixosAnywhere\.web-0 of the flake\): names secrets of the repository, which only a flake in a folder of the runner may; check it out/,
  );
  expect(elsewhere.outputs.matrix).not.toContain('PYPI_TOKEN');
});

test('a name that is too long for a job is told', async () => {
  const { folder, change } = makeFleet({ count: 1 });
  for (const length of [100, 101]) change('x'.repeat(length), { data: { 'target-host': '192.0.2.1' } });
  git(folder, 'commit', '-qam', 'second');
  const run = await list(folder);
  expect(run.errors[0]).toMatch(/^input flake: has the host "x{101}"; names of hosts .* up to 100 letters/);
});
