// A network that dies exactly when a phase begins, at every phase of one install.
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { FaultProxy } from '../../testbed/proxy.mts';
import { phasesOf, runScenario, whoAreYou } from '../e2e/support';

const phases = ['build', 'kexec', 'disko', 'install', 'reboot', 'verify'];

describe('an install through a network that breaks whenever a phase begins', () => {
  beforeAll(() => ensureImages());

  it.each(['cut', 'blackhole'] as const)('is completed: %s', async (fault) => {
    const machine = await Machine.start({ name: `boundaries-${fault}`, snapshot: 'target' });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: machine.port });
    const broken: string[] = [];
    try {
      const port = String(proxy.port);
      const result = await runScenario({
        name: `boundaries-${fault}`,
        machine,
        inputs: { 'ssh-port': port, 'post-kexec-ssh-port': port },
        onLine: (line) => {
          const phase = /^::group::(\S+)$/.exec(line)?.[1] ?? '';
          if (!phases.includes(phase)) return;
          broken.push(phase);
          proxy[fault]();
        },
      });
      expect(broken).toEqual(phases);
      expect(result.outputs, result.log).toMatchObject({
        outcome: 'installed',
        'target-state': 'booted',
        verified: 'system',
      });
      expect(result.code).toBe(0);
      expect(phasesOf(result).every(({ outcome }) => outcome === 'success')).toBe(true);
      expect((await whoAreYou(machine)).system).toBe(result.outputs['system-path']);
    } finally {
      await proxy.close();
      await machine.stop();
    }
  });
});
