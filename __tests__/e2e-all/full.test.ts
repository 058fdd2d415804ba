// Places that fill up in the middle of an install.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { phasesOf, runScenario } from '../e2e/support';
import { expectFault } from '../support/fault-table';

describe('an installer in which there is no room', () => {
  let machine: Machine;

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'full', snapshot: 'installer' });
  });
  afterAll(() => machine?.stop());

  it('says that its memory is full before the disks are touched, and goes on when there is room again', async () => {
    await machine.ssh('dd if=/dev/zero of=/root/filler bs=1M 2>/dev/null');
    const result = await runScenario({
      name: 'memory-full',
      machine,
      inputs: { phases: 'disko,install' },
    });
    await machine.ssh('rm /root/filler');
    expectFault('installer’s memory full', result);
    // a table that somebody had written would be gone
    expect((await machine.ssh('sfdisk --dump /dev/vda | grep -c ^/dev/vda')).stdout.trim()).toBe('2');
    const again = await runScenario({ name: 'memory-free', machine, inputs: { phases: 'disko' } });
    expect(again.outputs.outcome, again.log).toBe('prepared');
  });

  it('says that the disk is full while the closure is copied, and stays reachable', async () => {
    const bootId = await machine.bootId();
    const result = await runScenario({
      name: 'disk-full',
      machine,
      configuration: 'too-large',
      inputs: { phases: 'disko,install,reboot' },
    });
    expectFault('target disk full', result);
    expect(phasesOf(result).at(-1)).toMatchObject({ name: 'install', outcome: 'failure' });
    expect(await machine.bootId()).toBe(bootId);
  });
});
