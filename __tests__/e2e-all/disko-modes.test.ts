// What disko's other modes keep: a file that an install must not lose.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActionResult } from '../../testbed/action.mts';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { runScenario, whoAreYou } from '../e2e/support';

describe('a machine whose disk is not wiped', () => {
  let machine: Machine;

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'modes', snapshot: 'installer' });
  });
  afterAll(() => machine?.stop());

  async function must(command: string): Promise<string> {
    const { code, stdout, stderr } = await machine.ssh(command);
    expect(code, `${command}: ${stderr}`).toBe(0);
    return stdout.trim();
  }

  async function install(hostName: string, inputs: Record<string, string>): Promise<ActionResult> {
    const result = await runScenario({
      name: hostName,
      machine,
      hostName,
      inputs: { 'known-hosts': await machine.hostKeys(), ...inputs },
    });
    expect(result.code, result.log).toBe(0);
    return result;
  }

  it('gets its layout from mode format when it is empty, and keeps it in the next run', async () => {
    await must('wipefs -qaf /dev/vda2 /dev/vda1 && wipefs -qaf /dev/vda && blockdev --rereadpt /dev/vda');
    const made = await install('formatted', { 'disko-mode': 'format', phases: 'disko' });
    expect(made.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'partitioned' });
    await must('mkdir /mnt/srv && echo kept >/mnt/srv/marker && umount /mnt/boot /mnt');
    const uuid = await must('blkid -o value -s UUID /dev/vda2');

    const again = await install('formatted', { 'disko-mode': 'format', phases: 'disko,install,reboot' });
    expect(again.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'booted' });
    expect((await whoAreYou(machine)).hostName).toBe('formatted');
    expect(await must('cat /srv/marker; blkid -o value -s UUID /dev/vda2')).toBe(`kept\n${uuid}`);
  });

  it('is reinstalled in mode mount, and keeps its files', async () => {
    const uuid = await must('blkid -o value -s UUID /dev/vda2');
    const before = await machine.hostKeys();
    const result = await install('mounted', { 'disko-mode': 'mount', 'on-installed': 'reinstall' });
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(await whoAreYou(machine)).toMatchObject({
      hostName: 'mounted',
      system: result.outputs['system-path'],
    });
    expect(await must('cat /srv/marker; blkid -o value -s UUID /dev/vda2')).toBe(`kept\n${uuid}`);
    // nor is a host key that is there replaced
    expect(await machine.hostKeys()).toBe(before);
  });
});
