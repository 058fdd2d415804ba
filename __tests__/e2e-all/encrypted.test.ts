import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { runScenario, whoAreYou } from '../e2e/support';

beforeAll(() => ensureImages());

it('an encrypted root is made with a key of disk-encryption-keys, and boots', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'disk-key-'));
  const key = join(folder, 'key');
  // whatever is done to line ends or NULs, the root would not open
  writeFileSync(key, Buffer.concat([randomBytes(32), Buffer.from([13, 0, 10])]));
  const machine = await Machine.start({ name: 'unattended', snapshot: 'installer' });
  try {
    const result = await runScenario({
      name: 'unattended',
      machine,
      configuration: 'unattended',
      inputs: {
        'known-hosts': await machine.hostKeys(),
        'disk-encryption-keys': `/tmp/disk.key ${key}`,
      },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect((await whoAreYou(machine)).hostName).toBe('host-unattended');
    const { stdout } = await machine.ssh('cat /sys/block/dm-0/dm/uuid; grep " / " /proc/mounts');
    expect(stdout).toMatch(/^CRYPT-LUKS2-\S+-root\n\/dev\/dm-0 \/ ext4 /);
  } finally {
    await machine.stop();
    rmSync(folder, { recursive: true });
  }
});
