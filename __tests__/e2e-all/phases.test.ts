// The phases one by one, and the machine that is an installer to begin with.
import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { phasesOf, runScenario, whoAreYou } from '../e2e/support';

beforeAll(() => ensureImages());

interface Step {
  readonly phases: string;
  /** What the run went through. */
  readonly names: readonly string[];
  readonly outcome: string;
  readonly state: string;
}

const steps: readonly Step[] = [
  { phases: 'kexec', names: ['build', 'kexec'], outcome: 'prepared', state: 'installer' },
  { phases: 'disko', names: ['build', 'disko'], outcome: 'prepared', state: 'partitioned' },
  { phases: 'install', names: ['build', 'install'], outcome: 'installed', state: 'installed' },
  { phases: 'reboot', names: ['build', 'reboot', 'verify'], outcome: 'prepared', state: 'booted' },
];

it('a machine is installed by four runs of one phase each', async () => {
  const machine = await Machine.start({ name: 'one-by-one', snapshot: 'target' });
  try {
    // of the old system's keys the installer has this one; the installed system shows it, too
    const pinned = await machine.hostKeys();
    for (const { phases, names, outcome, state } of steps) {
      const result = await runScenario({
        name: 'one-by-one',
        machine,
        inputs: { phases, 'known-hosts': pinned, 'copy-host-keys': 'true' },
      });
      expect(result.code, result.log).toBe(0);
      expect(result.outputs).toMatchObject({ outcome, 'target-state': state });
      expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight', ...names]);
    }
    expect((await whoAreYou(machine)).hostName).toBe('host-one-by-one');
    expect(await machine.hostKeys()).toBe(pinned);
  } finally {
    await machine.stop();
  }
});

it('a machine that is an installer already is installed without kexec', async () => {
  const machine = await Machine.start({ name: 'installer', snapshot: 'installer' });
  try {
    const before = await machine.bootId();
    const result = await runScenario({
      name: 'installer',
      machine,
      inputs: {
        'known-hosts': await machine.hostKeys(),
        // no image: none is needed
        kexec: '/dev/null',
        phases: 'disko,install,reboot',
      },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(phasesOf(result).map(({ name }) => name)).toEqual([
      'preflight',
      'build',
      'disko',
      'install',
      'reboot',
      'verify',
    ]);
    expect(await machine.bootId()).not.toBe(before);
    expect((await whoAreYou(machine)).hostName).toBe('host-installer');
  } finally {
    await machine.stop();
  }
});
