import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActionResult } from '../../testbed/action.mts';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { phasesOf, runScenario, whoAreYou } from '../e2e/support';

const resultOf = (result: ActionResult) =>
  JSON.parse(readFileSync(result.outputs['result-file'] ?? '', 'utf8'));
const namesOf = (result: ActionResult) => phasesOf(result).map(({ name }) => name);

describe('a machine that is installed once and then kept up to date', () => {
  let machine: Machine;
  let bootId: string;

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'update', snapshot: 'installer' });
  });
  afterAll(() => machine?.stop());

  interface Change {
    readonly configuration?: string;
    readonly hostName?: string;
    readonly inputs?: Record<string, string>;
  }

  async function converge(name: string, { inputs, ...rest }: Change = {}): Promise<ActionResult> {
    return runScenario({
      name,
      machine,
      ...rest,
      inputs: {
        'known-hosts': await machine.hostKeys(),
        'on-installed': 'converge',
        'install-id': 'a',
        ...inputs,
      },
    });
  }

  const recordedId = async () => (await machine.ssh('cat /nix/var/nixos-anywhere/install-id')).stdout.trim();

  it('is installed under an id, which is recorded', async () => {
    const result = await converge('converge-install', { hostName: 'first' });
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(await recordedId()).toBe('a');
    expect((await machine.ssh('stat -c %a /nix/var/nixos-anywhere/install-id')).stdout.trim()).toBe('644');
    bootId = await machine.bootId();
  });

  it('is switched to a changed configuration without a reboot', async () => {
    const result = await converge('converge-update', { hostName: 'second' });
    expect(result.outputs).toMatchObject({
      outcome: 'updated',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(result.code).toBe(0);
    expect(namesOf(result)).toEqual(['preflight', 'build', 'update', 'verify']);
    expect(await machine.bootId()).toBe(bootId);
    expect(await whoAreYou(machine)).toMatchObject({
      hostName: 'second',
      system: result.outputs['system-path'],
    });
    // it boots next
    const entry = await machine.ssh('cat /boot/loader/entries/*; readlink -f /nix/var/nix/profiles/system');
    expect(entry.stdout).toContain(`init=${result.outputs['system-path']}/init`);
    expect(entry.stdout.trim().split('\n').at(-1)).toBe(result.outputs['system-path']);
    expect(result.summary).toContain('NixOS updated');
  });

  it('is left alone when it runs that already', async () => {
    const result = await converge('converge-nothing', { hostName: 'second' });
    expect(result.outputs).toMatchObject({
      outcome: 'unchanged',
      'target-state': 'booted',
      verified: 'system',
      'system-path': (await whoAreYou(machine)).system,
    });
    expect(result.code).toBe(0);
    expect(namesOf(result)).toEqual(['preflight', 'verify']);
    expect(await machine.bootId()).toBe(bootId);
    expect(result.summary).toContain('Nothing to do');
    expect(result.summary).toContain('the machine was installed as a; it runs');
  });

  it('is skipped when that is asked for', async () => {
    const result = await converge('skip', { hostName: 'third', inputs: { 'on-installed': 'skip' } });
    expect(result.outputs).toMatchObject({
      outcome: 'unchanged',
      'target-state': 'untouched',
      verified: 'none',
    });
    expect(result.code).toBe(0);
    expect(namesOf(result)).toEqual(['preflight']);
    expect((await whoAreYou(machine)).hostName).toBe('second');
  });

  it('is updated, with a warning, when units fail in the switch', async () => {
    const result = await converge('units-fail', { configuration: 'units-fail', hostName: 'third' });
    expect(result.outputs).toMatchObject({
      outcome: 'updated',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(result.code).toBe(0);
    expect(result.log).toMatch(/^::warning::.*units failed.*demo-one\.service, demo-two\.mount/m);
    expect(resultOf(result)).toMatchObject({ failedUnits: ['demo-one.service', 'demo-two.mount'] });
    expect(result.summary).toContain('demo-one.service');
    expect((await whoAreYou(machine)).hostName).toBe('third');
  });

  it('says which switch was refused, and how to go back', async () => {
    const before = (await whoAreYou(machine)).system;
    const result = await converge('refuses', { configuration: 'refuses', hostName: 'fourth' });
    expect(result.outputs).toMatchObject({
      outcome: 'failed',
      'target-state': 'installed',
      verified: 'none',
    });
    expect(result.code).toBe(1);
    expect(result.log).toContain('Pre-switch checks failed');
    expect(result.log).toContain(`--set ${before}`);
    expect(result.summary).toContain('Update failed');
    expect(await whoAreYou(machine)).toMatchObject({ hostName: 'third', system: before });
  });

  it.each(['kills-sshd', 'cuts-network'])('survives a switch that %s', async (configuration) => {
    const result = await converge(configuration, { configuration, hostName: configuration });
    expect(result.outputs).toMatchObject({
      outcome: 'updated',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(result.code).toBe(0);
    expect(result.log).toMatch(/^::warning::the connection .* was lost during switch/m);
    expect((await whoAreYou(machine)).hostName).toBe(configuration);
    expect(await machine.bootId()).toBe(bootId);
  });

  it('is installed anew under another id', async () => {
    const result = await converge('converge-again', { hostName: 'fifth', inputs: { 'install-id': 'b' } });
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(namesOf(result)).toContain('disko');
    expect(await machine.bootId()).not.toBe(bootId);
    expect(await recordedId()).toBe('b');
    expect((await whoAreYou(machine)).hostName).toBe('fifth');
  });

  it('is said to have locked us out when it does not come back from a switch', async () => {
    const result = await converge('locks-out', {
      configuration: 'locks-out',
      inputs: { 'install-id': 'b', 'connect-timeout': '20s' },
    });
    expect(result.code).toBe(1);
    expect(result.outputs).toMatchObject({
      outcome: 'failed',
      'target-state': 'installed',
      verified: 'none',
    });
    expect(result.log).toContain('has locked this run out');
    expect(result.log).toContain('look at the machine’s console');
  });
});
