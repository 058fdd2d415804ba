// What keeps the workflow for fleets from changing a machine: a canary, reviewers, another plan, failures of others.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';
import { contactsSince, fleetOfMachines, fleetWorkflow, logOf, on, ranJobs } from '../support/workflow';

vi.setConfig({ testTimeout: 240_000 });

test('hosts that come to nothing are not all hosts', async () => {
  const { run, machines } = await fleetOfMachines(1);
  const contacts = contactsSince(machines);
  const done = await run({ inputs: { hosts: '' } });
  expect(ranJobs(done), logOf(done)).toEqual({ 'List hosts': 'failure' });
  expect(logOf(done)).toContain('The input hosts is empty. Write * for all');
  expect(contacts().join('')).not.toContain('Connection from');
});

test('a canary that fails: nobody connects to the others after their plans', async () => {
  const { run, machines, switched } = await fleetOfMachines(3, { breaks: (index) => index === 0 });
  let contacts = (): readonly string[] => ['the canary has not begun'];
  const done = await run({
    beforeJob: ({ id }) => {
      if (id === 'canary') contacts = contactsSince(machines.slice(1));
    },
  });
  expect(done.results, logOf(done)).toMatchObject({ review: 'success', canary: 'failure', rest: 'skipped' });
  expect(contacts()).toEqual(['', '']);
  expect(await switched(0)).toEqual(['web-0']);
  // that the others were left is said too
  expect(done.results.summary).toBe('failure');
  expect(done.result).toBe('failure');
});

test('reviewers decide on all plans at once, and what they refuse is not begun', async () => {
  const { run, machines } = await fleetOfMachines(2);
  for (const approved of [false, true]) {
    let contacts = (): readonly string[] => ['nobody was asked'];
    const done = await run({
      inputs: { environment: 'production' },
      environments: {
        production: {
          approve: ({ name }) => {
            expect(name).toBe('Approve plans');
            contacts = contactsSince(machines);
            return approved;
          },
        },
      },
    });
    const applied = approved ? 'success' : 'skipped';
    expect(done.results, logOf(done)).toMatchObject({
      review: 'success',
      approve: approved ? 'success' : 'failure',
      canary: applied,
      rest: applied,
    });
    expect(contacts().every((log) => log === '')).toBe(!approved);
  }
});

test('a machine that is another one than the plan was approved for is left as it is', async () => {
  const { run, machines, switched } = await fleetOfMachines(3);
  const done = await run({
    inputs: { 'max-failures': 0, 'max-parallel': 1 },
    beforeJob: async ({ name }) => {
      const [, machine] = machines;
      if (name !== 'Apply to web-1' || machine === undefined) return;
      const id = '7'.repeat(32);
      await on(machine, `echo ${id} >/run/machine-id; mount --bind /run/machine-id /etc/machine-id`);
    },
  });
  expect(ranJobs(done), logOf(done)).toMatchObject({
    'Apply to web-1': 'failure',
    'Apply to web-2': 'success',
  });
  expect(logOf(done)).toMatch(
    /the plan is not the one that was approved: its digest is sha256:\S+, and approved-plan says sha256:/,
  );
  expect([await switched(1), await switched(2)]).toEqual([[], ['web-2']]);
});

test('after max-failures no other host is begun, and those that run go on to their end', async () => {
  const { run, machines, switched } = await fleetOfMachines(5, { breaks: (index) => index === 1 });
  let contacts = (): readonly string[] => ['web-1 has not failed'];
  let running = 0;
  let most = 0;
  const done = await run({
    inputs: { 'max-failures': 1, 'max-parallel': 2 },
    beforeJob: ({ id }) => {
      if (id === 'rest') most = Math.max(most, ++running);
    },
    afterJob: ({ id, name }) => {
      if (id === 'rest') running--;
      if (name === 'Apply to web-1') contacts = contactsSince(machines.slice(3));
    },
  });
  expect(most).toBe(2);
  expect(ranJobs(done), logOf(done)).toMatchObject({
    'Apply to web-1': 'failure',
    'Apply to web-2': 'success',
    'Apply to web-3': 'failure',
    'Apply to web-4': 'failure',
  });
  expect(contacts()).toEqual(['', '']);
  expect(logOf(done)).toContain('hosts have failed, which is max-failures: this one is left as it is');
  expect(await switched(2)).toEqual(['web-2']);
});

test('without a limit all are begun; without the permission to see failures none is', async () => {
  const { run, machines } = await fleetOfMachines(4, { breaks: (index) => index === 2 });
  const file = join(temporaryFolder('without'), 'fleet.yml');
  writeFileSync(file, readFileSync(fleetWorkflow, 'utf8').replace(/^ +actions: read.*\n/m, ''));
  let contacts = (): readonly string[] => ['rest has not begun'];
  const refused = await run({
    file,
    beforeJob: ({ id }) => {
      if (id === 'canary') contacts = contactsSince(machines.slice(1));
    },
  });
  expect(refused.results, logOf(refused)).toMatchObject({ canary: 'success', rest: 'failure' });
  expect(contacts()).toEqual(['', '', '']);
  expect(logOf(refused)).toContain(
    'GitHub does not tell which hosts have failed, so this one is left as it is',
  );

  // the canary has nothing to do any more, and another host goes first
  const done = await run({ inputs: { 'max-failures': 0, 'max-parallel': 1 } });
  expect(ranJobs(done), logOf(done)).toMatchObject({
    'Canary web-1': 'success',
    'Apply to web-2': 'failure',
    'Apply to web-3': 'success',
  });
});
