// The workflow for fleets, from the list of hosts to the summary, carried out here against machines on loopback.
import { expect, vi } from 'vitest';
import { test } from '../support/concurrent';
import { expectShown } from '../support/documents';
import { git } from '../support/fleet';
import { configurationOf, fleetOfMachines, logOf, ranJobs } from '../support/workflow';

// of a whole run, with a Nix for each job
vi.setConfig({ testTimeout: 240_000 });

const changeNothing = ['List hosts', 'Build', 'Plan web-0', 'Plan web-1', 'Review plans', 'Summary'];
const all = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'success']));

test('hosts get what their flake says; again nothing; then the one that has changed, by what is said of it', async () => {
  const { folder, change, run, switched } = await fleetOfMachines(2);
  const first = await run();
  expect(ranJobs(first), logOf(first)).toEqual(all([...changeNothing, 'Canary web-0', 'Apply to web-1']));
  expect(first.result).toBe('success');
  expectShown(logOf(first), 'docs/fleets.md', 'Begin');
  const order = first.jobs.map(({ name }) => name);
  expect(order.indexOf('Canary web-0')).toBeLessThan(order.indexOf('Apply to web-1'));
  expect([await switched(0), await switched(1)]).toEqual([['web-0'], ['web-1']]);

  const second = await run();
  expect(ranJobs(second), logOf(second)).toEqual(all(changeNothing));
  const none = await run({ inputs: { 'changed-since': 'HEAD' } });
  expect(ranJobs(none), logOf(none)).toEqual(all(['List hosts']));

  change('web-1', { configuration: configurationOf('web-1', 'echo again >>/run/switched') });
  git(folder, 'commit', '-qam', 'second');
  const third = await run({ inputs: { 'changed-since': 'HEAD^' } });
  expect(ranJobs(third), logOf(third)).toEqual(
    all(['List hosts', 'Build', 'Plan web-1', 'Review plans', 'Canary web-1', 'Summary']),
  );
  expect([await switched(0), await switched(1)]).toEqual([['web-0'], ['web-1', 'web-1', 'again']]);
});

test('plan-only: all is planned, and nothing changed', async () => {
  const { run, switched } = await fleetOfMachines(2);
  const asked = vi.fn(() => true);
  const done = await run({
    inputs: { 'plan-only': true, environment: 'production' },
    environments: { production: { approve: asked } },
  });
  expect(ranJobs(done), logOf(done)).toEqual(all(changeNothing));
  expect(asked).not.toHaveBeenCalled();
  // where nobody is asked, nobody’s answer is waited for either
  const unasked = await run({ inputs: { 'plan-only': true } });
  expect(ranJobs(unasked), logOf(unasked)).toEqual(all(changeNothing));
  expect([await switched(0), await switched(1)]).toEqual([[], []]);
});

test('hosts that cannot be built or planned are left out and told, and the others go on', async () => {
  const { change, folder, run, machines, switched } = await fleetOfMachines(4);
  change('web-1', { configuration: `throw "no such package"` });
  const otherKey = machines[3]
    ?.hostKeyLine('ed25519')
    .replace(`:${machines[3].port}`, `:${machines[2]?.port}`);
  change('web-2', { data: { 'known-hosts': otherKey } });
  git(folder, 'commit', '-qam', 'second');
  const done = await run();
  expect(ranJobs(done), logOf(done)).toEqual({
    'List hosts': 'success',
    Build: 'failure',
    'Plan web-0': 'success',
    'Plan web-2': 'failure',
    'Plan web-3': 'success',
    'Review plans': 'success',
    'Canary web-0': 'success',
    'Apply to web-3': 'success',
    Summary: 'success',
  });
  expect(done.result).toBe('failure');
  expect([await switched(0), await switched(3)]).toEqual([['web-0'], ['web-3']]);

  const since = await run({ inputs: { 'changed-since': 'HEAD^' } });
  expect(ranJobs(since), logOf(since)).toMatchObject({ 'List hosts': 'success', Summary: 'failure' });
  expect(logOf(since)).toContain('Hosts that cannot be evaluated, of which nothing was done: ["web-1"]');
});

test('the environment and the secrets are those of the host, and the group is its own', async () => {
  const { run, machines } = await fleetOfMachines(3, {
    data: (index) => (index === 2 ? { environment: 'web', secrets: { SSH_PRIVATE_KEY: 'WEB_KEY' } } : {}),
  });
  const key = (index: number) => machines[index]?.clientKey.private ?? '';
  const done = await run({ secrets: { KEY_0: key(0), KEY_1: key(1), WEB_KEY: key(2) } });
  expect(done.result, logOf(done)).toBe('success');
  const applied = done.jobs.filter(({ id }) => id === 'canary' || id === 'rest');
  expect(
    Object.fromEntries(
      applied.map(({ name, environment, concurrency }) => [name, [environment, concurrency]]),
    ),
  ).toEqual({
    'Apply to web-1': ['', 'nixos-anywhere-web-1'],
    'Apply to web-2': ['web', 'nixos-anywhere-web-2'],
    'Canary web-0': ['', 'nixos-anywhere-web-0'],
  });
});
