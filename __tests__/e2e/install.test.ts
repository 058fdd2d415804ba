import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { kexecImage } from '../../testbed/paths.mts';
import { expectFault } from '../support/fault-table';
import { phasesOf, runScenario, whoAreYou } from './support';

const allPhases = ['preflight', 'build', 'kexec', 'disko', 'install', 'reboot', 'verify'];

describe('a Debian machine becomes NixOS, and the same machine again', () => {
  let machine: Machine;
  let pinned: string;
  const served = mkdtempSync(join(tmpdir(), 'kexec-image-'));

  beforeAll(async () => {
    await ensureImages();
    symlinkSync(kexecImage, join(served, 'installer.tar.gz'));
    machine = await Machine.start({ name: 'install', snapshot: 'target', guestHttp: served });
    pinned = await machine.hostKeys();
  });
  afterAll(async () => {
    await machine?.stop();
    rmSync(served, { recursive: true });
  });

  it('installs as a sudo user, with the image by URL and the old host keys copied', async () => {
    const result = await runScenario({
      name: 'copied-keys',
      machine,
      inputs: {
        'target-host': 'debian@127.0.0.1',
        'known-hosts': pinned,
        kexec: 'http://10.0.2.100/installer.tar.gz?an=answer',
        'copy-host-keys': 'true',
        verify: 'system',
      },
    });
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(result.code).toBe(0);
    expect(phasesOf(result).map(({ name }) => name)).toEqual(allPhases);
    expect(await machine.hostKeys()).toBe(pinned);
    expect(result.outputs['host-keys']).toContain(pinned);
    expect(await whoAreYou(machine)).toMatchObject({
      hostName: 'host-copied-keys',
      system: result.outputs['system-path'],
    });
    expect(result.summary).toContain('NixOS installed');
    expect(existsSync(result.outputs['result-file'] ?? '')).toBe(true);
  });

  it('does not wipe a machine that runs NixOS unless it is told to', async () => {
    const before = await machine.bootId();
    const result = await runScenario({ name: 'on-installed', machine, inputs: { 'known-hosts': pinned } });
    expect(result.code).toBe(1);
    expect(result.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
    expect(result.log).toContain('or reinstall if this machine and all that is on its disks may be wiped');
    expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight']);
    expect(await machine.bootId()).toBe(before);
  });

  it('reinstalls it, with host keys that are made before the reboot and then expected', async () => {
    const result = await runScenario({
      name: 'fresh-keys',
      machine,
      inputs: { 'known-hosts': pinned, 'on-installed': 'reinstall' },
    });
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    const fresh = await machine.hostKeys();
    expect(fresh).not.toBe(pinned);
    expect(result.outputs['host-keys']).toBe(fresh);
    expect((await whoAreYou(machine)).hostName).toBe('host-fresh-keys');
    const file = JSON.parse(readFileSync(result.outputs['result-file'] ?? '', 'utf8'));
    expect(file).toMatchObject({
      version: 1,
      outcome: 'installed',
      failure: null,
      plan: { action: 'install' },
    });
  });
});

describe('what verify finds out', () => {
  it('fails when the new system shows another host key than the one made for it', async () => {
    const machine = await Machine.start({ name: 'rekeyed', snapshot: 'installer' });
    try {
      const result = await runScenario({
        name: 'rekeyed',
        machine,
        configuration: 'rekeyed',
        inputs: { 'known-hosts': await machine.hostKeys() },
      });
      expectFault('wrong host key after the reboot', result);
      expect(result.log).toContain('does not show the host key that was put on its disk');
      expect(result.log).toContain('failed in phase verify');
    } finally {
      await machine.stop();
    }
  });

  it('is content with the host key where nobody may log in', async () => {
    const machine = await Machine.start({ name: 'closed', snapshot: 'installer' });
    try {
      const result = await runScenario({
        name: 'closed',
        machine,
        configuration: 'closed',
        inputs: { 'allow-lockout': 'true' },
      });
      expect(result.outputs).toMatchObject({
        outcome: 'installed',
        'target-state': 'booted',
        verified: 'host-key',
      });
      expect(result.code).toBe(0);
      expect(result.log).toContain('Verified by host key only');
      // no known-hosts were given: the run says which line would pin the machine
      expect(result.log).toContain('To pin it');
    } finally {
      await machine.stop();
    }
  });
});
