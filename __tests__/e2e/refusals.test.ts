import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { expectFault } from '../support/fault-table';
import { phasesOf, runScenario } from './support';

const scratch = mkdtempSync(join(tmpdir(), 'kexec-images-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A kexec image whose kexec/run is this shell text; its other files are empty. */
function imageThatRuns(name: string, run: string, files = ['kexec', 'ip', 'bzImage', 'initrd']): string {
  const folder = join(scratch, name, 'kexec');
  mkdirSync(folder, { recursive: true });
  for (const file of files) writeFileSync(join(folder, file), '');
  writeFileSync(join(folder, 'run'), `#!/bin/sh\n${run}\n`);
  chmodSync(join(folder, 'run'), 0o755);
  const tarball = join(scratch, `${name}.tar.gz`);
  execFileSync('tar', ['-C', join(scratch, name), '-czf', tarball, 'kexec']);
  return tarball;
}

describe('a machine that cannot be installed is left as it is', () => {
  let machine: Machine;
  let bootId: string;

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'refusals', snapshot: 'target' });
    bootId = await machine.bootId();
  });
  afterAll(() => machine?.stop());

  async function refused(scenario: {
    name: string;
    configuration?: string;
    inputs?: Record<string, string>;
  }) {
    const result = await runScenario({ ...scenario, machine });
    expect(result.code).toBe(1);
    expect(result.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
    expect(result.summary).toContain('untouched');
    expect(await machine.bootId()).toBe(bootId);
    return result;
  }

  it('when the build fails: with its last log lines, and no jump', async () => {
    const result = await refused({ name: 'broken-build', configuration: 'broken-build' });
    expect(phasesOf(result).at(-1)).toMatchObject({ name: 'build', outcome: 'failure' });
    // the builder prints 30 numbered lines
    expect(result.summary).toMatch(/^line 30 of a build that fails$/m);
    expect(result.log).toContain('failed in phase build');
  });

  it('when the configuration names a disk that is not there: with the disks that are', async () => {
    const result = await refused({ name: 'missing-disk', configuration: 'missing-disk' });
    expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight']);
    expect(result.log).toContain('/dev/vdz');
    expect(result.log).toContain('/dev/vda');
  });

  it('when tools are missing that kexec needs', async () => {
    await machine.ssh('mv /usr/bin/cpio /usr/bin/cpio.away');
    const result = await refused({ name: 'no-cpio' });
    expect(result.log).toContain('lacks cpio');
    await machine.ssh('mv /usr/bin/cpio.away /usr/bin/cpio');
  });

  it('when the kexec image has another layout', async () => {
    const image = imageThatRuns('wrong-layout', 'exit 0', ['kexec', 'ip', 'bzImage']);
    const result = await refused({ name: 'wrong-layout', inputs: { kexec: image } });
    expect(result.log).toContain('no kexec/initrd');
    expect(result.log).toContain('laid out as those of nixos-images');
  });

  it('when disko is asked for without an installer', async () => {
    const result = await refused({ name: 'no-installer', inputs: { phases: 'disko,install' } });
    expect(result.log).toContain('need a NixOS installer');
  });

  it('when kexec/run fails: with what it said, and our key taken away again', async () => {
    const image = imageThatRuns('run-fails', 'echo "kexec_load failed: Operation not permitted" >&2; exit 1');
    await machine.ssh('cp -a /root/.ssh/authorized_keys /root/keys');
    const result = await refused({ name: 'run-fails', inputs: { kexec: image } });
    expect(result.log).toContain('kexec_load failed: Operation not permitted');
    expect(result.log).toContain('switch off Secure Boot');
    expect((await machine.ssh('cmp /root/keys /root/.ssh/authorized_keys')).code).toBe(0);
  });

  it('when kexec says that it will jump and does not', async () => {
    const image = imageThatRuns('no-jump', 'echo "machine will boot into nixos in 6s..."');
    const result = await runScenario({
      name: 'no-jump',
      machine,
      inputs: { kexec: image, 'kexec-timeout': '15s' },
    });
    expect(result.code).toBe(1);
    expect(result.log).toContain('still the old boot');
    expect(result.log).toContain('kexec did not jump');
  });

  it('when kexec falls back to the old system', async () => {
    const image = imageThatRuns('falls-back', 'nohup sh -c "sleep 2; reboot" >/dev/null 2>&1 </dev/null &');
    const result = await runScenario({ name: 'falls-back', machine, inputs: { kexec: image } });
    expectFault('old system answers after kexec', result);
    expect(result.log).toContain('came back with Debian GNU/Linux 12 (bookworm) instead of the installer');
    expect(result.outputs['target-state']).toBe('untouched');
  });
});

it('refuses a machine with too little memory before anything is built', async () => {
  const machine = await Machine.start({ name: 'small', memoryMiB: 800 });
  try {
    const result = await runScenario({ name: 'small', machine });
    expect(result.code).toBe(1);
    expect(result.log).toMatch(/has \d+ MiB of memory; the installer needs 1\.5 GB/);
    expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight']);
  } finally {
    await machine.stop();
  }
});
