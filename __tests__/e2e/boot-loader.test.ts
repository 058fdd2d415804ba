import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { expectFault } from '../support/fault-table';
import { phasesOf, runScenario } from './support';

describe('a system that would not boot, or does not', () => {
  let machine: Machine;
  let bootId: string;

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'boot-loader', snapshot: 'installer' });
    bootId = await machine.bootId();
  });
  afterAll(() => machine?.stop());

  it.each([
    ['broken-loader', 'boot loader script fails', /could not write to the EFI partition/],
    [
      'no-entry',
      'no boot entry',
      /no boot entry in \/mnt\/boot\/loader\/entries starts \/nix\/store\/\S+-nixos-system/,
    ],
  ] as const)('stops before the reboot: %s', async (configuration, fault, message) => {
    const result = await runScenario({
      name: configuration,
      machine,
      configuration,
      inputs: { phases: 'disko,install,reboot' },
    });
    expectFault(fault, result);
    expect(phasesOf(result).at(-1)).toMatchObject({ name: 'install', outcome: 'failure' });
    expect(result.log).toMatch(message);
    expect(result.log).toContain('the machine was not rebooted');
    expect(await machine.bootId()).toBe(bootId);
  });

  it('is missed after the reboot: never-boots', async () => {
    const result = await runScenario({
      name: 'never-boots',
      machine,
      configuration: 'never-boots',
      inputs: { phases: 'disko,install,reboot', 'reboot-timeout': '60s' },
    });
    expectFault('installed system never boots', result);
    expect(result.outputs.verified).toBe('none');
    expect(result.log).toMatch(/the reboot into the new system did not finish within .* last seen: /);
    expect(result.log).toContain('the new system does not answer: look at its console');
    // who finds it booted later can tell it by these
    expect(result.outputs['host-keys']).toMatch(/^\[127\.0\.0\.1\]:\d+ ssh-ed25519 AAAA/);
    expect(result.outputs['age-public-keys']).toMatch(/^age1[a-z0-9]{58}$/);
  });
});
