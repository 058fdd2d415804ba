// The workflow for fleets, from the list of hosts to the summary, carried out here against machines on loopback.
import { expect } from 'vitest';
import { test } from '../support/concurrent';
import { fleetOfMachines, logOf, ranJobs } from '../support/workflow';

test('list, plan, review, canary, the others', async () => {
  const { run } = await fleetOfMachines(2);
  const done = await run({ inputs: { 'max-failures': 0 } });
  expect(ranJobs(done), logOf(done)).toEqual({
    'List hosts': 'success',
    'Plan web-0': 'success',
    'Plan web-1': 'success',
    'Review plans': 'success',
    'Canary web-0': 'success',
    'Apply to web-1': 'success',
    Summary: 'success',
  });
  expect(done.result).toBe('success');
});
