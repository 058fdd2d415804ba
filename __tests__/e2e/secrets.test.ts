import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { expectNoLeak, LeakWatch, tracesOnTarget } from '../support/leak';
import { phasesOf, runScenario, scenarioFolder } from './support';

describe('an encrypted root', () => {
  beforeAll(() => ensureImages());

  it('opens with the key of disk-encryption-keys, byte for byte, and the key is nowhere afterwards', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'disk-key-'));
    const file = (name: string, contents: string | Buffer) => {
      writeFileSync(join(folder, name), contents);
      return join(folder, name);
    };
    const marker = `marker ${randomUUID()}`;
    const key = Buffer.concat([
      Buffer.from(marker),
      Buffer.from([0, 10]),
      randomBytes(30),
      Buffer.from([10]),
    ]);
    const machine = await Machine.start({ name: 'encrypted', snapshot: 'installer' });
    try {
      const watch = new LeakWatch(scenarioFolder('encrypted'), [marker]);
      const result = await runScenario({
        name: 'encrypted',
        machine,
        configuration: 'encrypted',
        inputs: {
          phases: 'disko,install',
          'known-hosts': await machine.hostKeys(),
          'disk-encryption-keys': `/tmp/disk.key ${file('key', key)}`,
        },
        onStart: watch.onStart,
        onLine: watch.onLine,
      });
      watch.stop();
      expect(result.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
      expect(phasesOf(result).map(({ name }) => name)).toEqual(['preflight', 'build', 'disko', 'install']);

      const opens = async (name: string, contents: Buffer) => {
        const command = 'cryptsetup open --test-passphrase --key-file - /dev/vda2';
        return (await machine.ssh(command, { stdinFile: file(name, contents) })).code === 0;
      };
      expect(await opens('same', key)).toBe(true);
      expect(await opens('longer', Buffer.concat([key, Buffer.from('\n')]))).toBe(false);
      expect(await opens('shorter', key.subarray(0, -1))).toBe(false);

      expectNoLeak({ ...result, watch }, [marker], [folder]);
      const onTarget = async (command: string, input: string) =>
        (await machine.ssh(command, { stdinFile: file('needles', input) })).stdout;
      const mounted = ['/mnt/etc', '/mnt/root', '/mnt/boot', '/mnt/tmp', '/mnt/var'];
      const folders = ['/run', '/root', '/tmp', '/var', '/etc', '/home', ...mounted];
      expect(await tracesOnTarget(onTarget, [marker], folders)).toEqual([]);
      expect((await machine.ssh('ls -A /tmp/disk.key /run/nixos-anywhere/secrets')).code).not.toBe(0);
      // the control: it would have been found
      await machine.ssh('cat >/root/control', { stdinFile: join(folder, 'key') });
      expect(await tracesOnTarget(onTarget, [marker], folders)).toEqual(['/root/control']);
    } finally {
      await machine.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
