import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { phasesOf, runScenario } from '../e2e/support';

beforeAll(() => ensureImages());

it('an installer is replaced by the given one where force-kexec says so', async () => {
  const machine = await Machine.start({ name: 'force-kexec', snapshot: 'installer' });
  try {
    const before = await machine.bootId();
    const result = await runScenario({
      name: 'force-kexec',
      machine,
      inputs: {
        'force-kexec': 'true',
        'kexec-extra-flags': '--no-sync',
        phases: 'kexec',
        'known-hosts': await machine.hostKeys(),
      },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
    expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight', 'build', 'kexec']);
    expect(await machine.bootId()).not.toBe(before);
  } finally {
    await machine.stop();
  }
});
