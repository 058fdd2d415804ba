// A machine that changes its identity on the way.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { kexecImage } from '../../testbed/paths.mts';
import { phasesOf, runScenario } from '../e2e/support';
import { expectFault } from '../support/fault-table';

describe('an installer that does not show the machine’s host keys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyless-image-'));
  let machine: Machine;

  /** The testbed's image, but for a kexec/run that takes no host keys along: the installer makes its own. */
  function keylessImage(): string {
    execFileSync('tar', ['-C', folder, '-xzf', kexecImage]);
    const run = join(folder, 'kexec/run');
    const text = readFileSync(run, 'utf8');
    const without = text.replace(/^for f in \/etc\/ssh\/ssh_host_\*; do\n.*\ndone$/m, ':');
    expect(without).not.toBe(text);
    writeFileSync(run, without);
    const image = join(folder, 'keyless.tar');
    execFileSync('tar', ['-C', folder, '-cf', image, 'kexec']);
    return image;
  }

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'keyless', snapshot: 'target' });
  });
  afterAll(async () => {
    await machine?.stop();
    rmSync(folder, { recursive: true });
  });

  it('gets nothing, neither login nor disko', async () => {
    const pinned = await machine.hostKeys();
    const result = await runScenario({
      name: 'keyless',
      machine,
      inputs: { kexec: keylessImage(), 'known-hosts': pinned },
    });
    expectFault('wrong host key after kexec', result);
    expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight', 'build', 'kexec']);
    expect(result.log).toContain('did not take the machine’s host keys along');
    // the installer of the testbed lets whoever has the key in, whatever host key is expected: the disk is as it was
    expect((await machine.ssh('blkid -o value -s LABEL /dev/vda2')).stdout.trim()).toBe('target-root');
  });
});
