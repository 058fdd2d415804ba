// Disks that change their names between the plan and disko.
import { describe, expect, it } from 'vitest';
import { changesSince, lossesOf } from '../../src/plan/disks/identity';
import type { Plan } from '../../src/plan/plan';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { phasesOf, runScenario } from '../e2e/support';
import { expectFault } from '../support/fault-table';

describe('two disks that swap their names', () => {
  const groups = `
set -eu
for serial in FIRST SECOND; do
  disk=/dev/disk/by-id/virtio-$serial
  printf 'label: gpt\\nsize=100M\\nsize=100M\\nsize=100M\\n' | sfdisk -q $disk
  udevadm settle
  mkfs.ext4 -q -L $serial $disk-part3
  mount $disk-part3 /mnt && printf %s $serial >/mnt/marker && umount /mnt
done
one=/dev/disk/by-id/virtio-FIRST two=/dev/disk/by-id/virtio-SECOND
pvcreate -q $one-part1 $two-part1 && vgcreate -q shared $one-part1 $two-part1
lvcreate -q -y -W n -n data -L 40M shared $two-part1
mdadm --create /dev/md0 --quiet --run --level 1 --metadata 1.2 --raid-devices 2 $one-part2 $two-part2
udevadm settle
`;
  const swap = `
driver=/sys/bus/virtio/drivers/virtio_blk
one=$(basename "$(readlink -f /sys/block/vdb/device)") two=$(basename "$(readlink -f /sys/block/vdc/device)")
for each in $one $two; do echo "$each" >$driver/unbind; done
for each in $two $one; do echo "$each" >$driver/bind; done
udevadm settle
`;
  /** Of each disk, in the order of their names: serial number, what its partitions are, and a file of the third. */
  const look = `
mkdir -p /tmp/at
for disk in vdb vdc; do
  cat /sys/block/$disk/serial
  for part in 1 2 3; do printf ' %s' "$(blkid -p -o value -s TYPE /dev/$disk$part)"; done
  mount -o ro /dev/\${disk}3 /tmp/at && printf ' %s\\n' "$(cat /tmp/at/marker)" && umount /tmp/at || echo ' none'
done`;
  const intact = (serial: string) => `${serial} LVM2_member linux_raid_member ext4 ${serial}`;

  it('after the kexec: disko does not run, both are as they were; and a new run goes by what is there', async () => {
    await ensureImages();
    const machine = await Machine.start({
      name: 'swap',
      extraDisks: [
        { kind: 'virtio', serial: 'FIRST', mebibytes: 512 },
        { kind: 'virtio', serial: 'SECOND', mebibytes: 512 },
      ],
    });
    const seen = async () => (await machine.ssh(look)).stdout.trim().split('\n');
    const scenario = {
      name: 'swap',
      machine,
      disk: '/dev/vdb',
      inputs: { 'wipe-disks': 'FIRST\nSECOND', phases: 'kexec,disko' },
    };
    try {
      const laid = await machine.ssh(groups, { seconds: 240 });
      expect(laid.code, laid.stderr).toBe(0);
      let swapped: Promise<unknown> | undefined;
      const stopped = await runScenario({
        ...scenario,
        onLine: (line) => {
          if (line === '::group::disko') swapped = machine.ssh(swap);
        },
      });
      await swapped;
      expectFault('disks swap their names across kexec', stopped);
      expect(phasesOf(stopped).at(-1)).toMatchObject({ name: 'disko', outcome: 'failure' });
      expect(await seen()).toEqual([intact('SECOND'), intact('FIRST')]);

      // no kexec this time: what the installer sees, without the tools of LVM and RAID, is what Debian saw
      await machine.ssh(swap);
      const done = await runScenario(scenario);
      expect(done.code, done.log).toBe(0);
      expect(done.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'partitioned' });
      expect(phasesOf(done).map(({ name }) => name)).toEqual(['preflight', 'build', 'disko']);
      const [before, after] = [stopped, done].map(({ outputs }) => JSON.parse(outputs.plan ?? '') as Plan);
      if (before === undefined || after === undefined) throw new Error('both runs have a plan');
      const planned = ({ online }: Plan) => ({ bindings: online.bindings, losses: lossesOf(online.disks) });
      expect(changesSince(planned(before), after.online)).toEqual([]);
      expect(changesSince(planned(after), before.online)).toEqual([]);
      const [first, second] = await seen();
      expect(first).toMatch(/^FIRST vfat ext4/);
      expect(second).toBe(intact('SECOND'));
    } finally {
      await machine.stop();
    }
  });
});
