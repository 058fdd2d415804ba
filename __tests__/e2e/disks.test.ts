// Which disks are lost: what the plan says, against what really dies.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Content, type DiskPlan, diskPlans } from '../../src/plan/disks/fates';
import { parseInventory } from '../../src/plan/disks/inventory';
import { quote } from '../../src/ssh/quote';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { expectFault } from '../support/fault-table';
import { runScenario } from './support';

/** Four disks; WIPE-1 is the one that the configuration wants wiped. What is on them hangs together in every way. */
const layout = `
set -eu
table() { printf 'label: gpt\\n%s\\n' "$2" | sfdisk -q "$1"; }
one=/dev/disk/by-id/virtio-WIPE-1 two=/dev/disk/by-id/virtio-PV-2 three=/dev/disk/by-id/virtio-RAID-3
four=$(ls /dev/disk/by-id/nvme-*DATA-4* | head -n 1)
table $one 'size=100M, name="boot area"
size=200M
size=200M
size=200M'
table $two 'size=200M
size=100M, name=disk-main-nixos'
table $three 'size=200M
size=100M
size=200M'
table $four 'size=100M
size=200M'
udevadm settle
part() { printf '%s-part%s' "$1" "$2"; }
mkfs.ext4 -q -L 'two words' $(part $one 1)
mkfs.ext4 -q -L kept-on-2 $(part $two 2)
mkfs.ext4 -q -L kept-on-3 $(part $three 2)
mkfs.ext4 -q -L data $(part $four 1)
pvcreate -q $(part $one 2) $(part $two 1) $(part $four 2)
vgcreate -q my-vg $(part $one 2) $(part $two 1)
lvcreate -q -y -W n -n root -L 100M my-vg $(part $one 2)
lvcreate -q -y -W n -n secret -L 100M my-vg $(part $two 1)
vgcreate -q other $(part $four 2)
lvcreate -q -y -W n -n sleeps -L 100M other
udevadm settle
mkfs.ext4 -q -L lv-root /dev/my-vg/root
mkfs.ext4 -q -L sleeping /dev/other/sleeps
printf key | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/my-vg/secret -
printf key | cryptsetup open --key-file - /dev/my-vg/secret opened
mkfs.ext4 -q -L in-luks /dev/mapper/opened
mdadm --create /dev/md0 --quiet --run --level 1 --metadata 1.2 --raid-devices 2 $(part $one 3) $(part $three 1)
mkfs.ext4 -q -L on-raid /dev/md0
mkfs.btrfs -q -L two-disks -d single -m raid1 $(part $one 4) $(part $three 3)
udevadm settle
`;

/** Writes, or reads, the marker of one file system: the device's own path, in a file. */
const marker = `
write_marker() {
  mkdir -p /tmp/at && mount "$1" /tmp/at && printf '%s' "$1" >/tmp/at/marker && umount /tmp/at
}
reads_marker() {
  mkdir -p /tmp/at
  mount "$1" /tmp/at 2>/dev/null || { echo "gone $1"; return; }
  if [ "$(cat /tmp/at/marker 2>/dev/null)" = "$1" ]; then echo "there $1"; else echo "gone $1"; fi
  umount /tmp/at
}
`;

/** What disko's deactivation does to a disk, from the innermost outwards: without asking whose else it is. */
const deactivate = `
disk=$(readlink -f /dev/disk/by-id/virtio-WIPE-1)
cryptsetup close opened
vgchange -q -an my-vg && vgremove -q -f -y my-vg
mdadm --stop /dev/md0
for part in "$disk"?*; do wipefs -q -a -f "$part"; done
wipefs -q -a -f "$disk"
dd if=/dev/zero of="$disk" bs=440 count=1 2>/dev/null
printf 'label: gpt\\ntype=linux\\n' | sfdisk -q --wipe always "$disk"
udevadm settle
`;

/** disks.sh where there is nothing but BusyBox. */
function busyboxAlone(paths: readonly string[]): string {
  const text = readFileSync(new URL('../../src/scripts/disks.sh', import.meta.url), 'utf8');
  const install = 'mkdir -p /tmp/busybox && busybox --install -s /tmp/busybox';
  return `${install} && PATH=/tmp/busybox exec busybox sh -c ${quote(text)} disks.sh ${paths.map(quote).join(' ')}`;
}

interface OnlineDisks {
  readonly online: {
    readonly disks: readonly DiskPlan[];
    readonly observed: { readonly uses: Record<string, readonly string[]> };
  };
}

function all(contents: readonly Content[]): readonly Content[] {
  return contents.flatMap((content) => [content, ...all(content.contains)]);
}

/** Whether each thing on each disk is lost. */
function lossOf(disks: readonly DiskPlan[]): Record<string, readonly string[]> {
  return Object.fromEntries(
    disks.map(({ device, fate, contents }) => [
      `${device} ${fate}`,
      all(contents).map((content) => `${content.device} ${content.lost ? 'lost' : 'kept'}`),
    ]),
  );
}

/** Whether each file system of the plan is lost, by the path of its device. */
function fileSystems({ online }: OnlineDisks): Map<string, boolean> {
  const found = online.disks.flatMap(({ contents }) => all(contents));
  const isFileSystem = ({ type, kind }: Content) =>
    ['ext4', 'btrfs', 'vfat'].includes(type) || kind === 'volume, not active';
  return new Map(found.filter(isFileSystem).map(({ device, lost }) => [device, lost]));
}

describe('a machine with four more disks, a volume group, LUKS, RAID and btrfs over two of them', () => {
  let machine: Machine;
  const must = async (command: string, seconds = 240) => {
    const { code, stdout, stderr } = await machine.ssh(command, { seconds });
    expect(code, `${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  const plan = (name: string, inputs: Record<string, string>) =>
    runScenario({
      name,
      machine,
      disk: '/dev/disk/by-id/virtio-WIPE-1',
      inputs: { plan: 'true', ...inputs },
    });

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({
      name: 'disks',
      extraDisks: [
        { kind: 'virtio', serial: 'WIPE-1', mebibytes: 1024 },
        { kind: 'virtio', serial: 'PV-2', mebibytes: 1024 },
        { kind: 'virtio', serial: 'RAID-3', mebibytes: 1024 },
        { kind: 'nvme', serial: 'DATA-4', mebibytes: 1024 },
      ],
    });
    await must(layout);
  });
  afterAll(() => machine?.stop());

  it('is not touched while more would be lost than was said: with disk, reason and the line to add', async () => {
    const result = await plan('disks-refused', {});
    expectFault('more would be lost than was named', result);
    expect(result.log).toMatch(
      /\/dev\/vdc \(1\.1 GB, serial PV-2\): \/dev\/vdc1 LVM2_member would be lost, because/,
    );
    expect(result.log).toContain('volume group my-vg has a member on /dev/vdb');
    expect(result.log).toContain('/dev/disk/by-id/virtio-RAID-3');
    expectFault('disk outside wipe-disks', await plan('disks-outside', { 'wipe-disks': 'WIPE-1\nPV-2' }));
    const typo = await plan('disks-typo', { 'wipe-disks': 'WIPE-1\nPV-2\nRAID-33' });
    expect(typo.code).toBe(1);
    expect(typo.log).toMatch(/names RAID-33, and the machine has no such disk; it has .*DATA-4.*RAID-3/);
  });

  it('loses exactly what the plan says when a disk is deactivated as disko does it', async () => {
    // as a machine is found: one group is not active, one disk is in use
    await must(
      'vgchange -q -an other; mkdir -p /srv/data /srv/two; mount LABEL=data /srv/data; mount LABEL=two-disks /srv/two',
    );
    const result = await plan('disks-plan', { 'wipe-disks': 'WIPE-1\nPV-2\nRAID-3' });
    expect(result.code, result.log).toBe(0);
    const found = JSON.parse(result.outputs.plan ?? '') as OnlineDisks;
    const fates = Object.fromEntries(found.online.disks.map(({ device, fate }) => [device, fate]));
    expect(fates).toEqual({
      '/dev/vdb': 'wiped',
      '/dev/vdc': 'collateral',
      '/dev/vdd': 'collateral',
      '/dev/vda': 'untouched',
      '/dev/nvme0n1': 'untouched',
    });
    const lost = fileSystems(found);
    expect(lost).toEqual(
      new Map([
        ['/dev/vdb1', true],
        ['/dev/mapper/my--vg-root', true],
        ['/dev/mapper/opened', true],
        ['/dev/md0', true],
        ['/dev/vdb4', true],
        ['/dev/vdd3', true],
        ['/dev/vdc2', false],
        ['/dev/vdd2', false],
        ['/dev/vda1', false],
        ['/dev/vda2', false],
        ['/dev/nvme0n1p1', false],
        ['/dev/mapper/other-sleeps', false],
      ]),
    );
    // BusyBox alone sees the same of what is active
    const listed = parseInventory(await must(busyboxAlone(['/dev/vdb'])), ['/dev/vdb']);
    expect(listed.complete).toBe(false);
    const work = { mode: 'disko' as const, disks: [{ device: '/dev/vdb', destroy: true }], unknown: false };
    expect(lossOf(diskPlans(listed, work))).toEqual(lossOf(found.online.disks));
    expect(found.online.observed.uses).toMatchObject({
      '/dev/nvme0n1p1': ['/srv/data'],
      '/dev/vdd3': ['/srv/two'],
      '/dev/vda2': ['/'],
    });

    // the second device of the btrfs shows the same files as the first
    const devices = [...lost.keys()].filter((device) => device !== '/dev/vdd3');
    await must('vgchange -q -ay other; udevadm settle; umount /srv/data /srv/two');
    await must(`${marker}\n${devices.map((device) => `write_marker ${device}`).join('\n')}`);
    const reading = `${marker}\n${devices.map((device) => `reads_marker ${device}`).join('\n')}`;
    expect((await must(reading)).trim().split('\n')).toEqual(devices.map((device) => `there ${device}`));
    await must(deactivate);
    expect((await must(reading)).trim().split('\n')).toEqual(
      devices.map((device) => `${lost.get(device) === true ? 'gone' : 'there'} ${device}`),
    );
    // and the other half of the btrfs
    expect((await must(`${marker}\nreads_marker /dev/vdd3`)).trim()).toBe('gone /dev/vdd3');
  });
});
