import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { runScenario, whoAreYou } from '../e2e/support';

beforeAll(() => ensureImages());

it('a system that is built on the machine is never in the store of the runner', async () => {
  // in no store from an earlier run
  const hostName = `host-${randomUUID().slice(0, 8)}`;
  const machine = await Machine.start({ name: 'remote-build', snapshot: 'target' });
  try {
    const result = await runScenario({
      name: 'remote-build',
      machine,
      hostName,
      inputs: { 'build-on': 'remote', 'known-hosts': await machine.hostKeys() },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    const { 'system-path': system = '' } = result.outputs;
    expect(await whoAreYou(machine)).toMatchObject({ hostName, system });
    expect(existsSync(system)).toBe(false);
  } finally {
    await machine.stop();
  }
});
