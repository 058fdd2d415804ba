import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DiskoMode, WipeAllowance } from '../../../src/inputs/settings';
import { type Content, type DiskPlan, diskPlans } from '../../../src/plan/disks/fates';
import { checkDisks, type DiskSituation, diskWarnings } from '../../../src/plan/disks/guards';
import { bind, changesSince, lossesOf } from '../../../src/plan/disks/identity';
import { parseInventory } from '../../../src/plan/disks/inventory';
import { parseLvmMetadata } from '../../../src/plan/disks/lvm-metadata';
import { nastyText } from '../support';
import {
  fourDisks,
  fs,
  lvmText,
  type MachineDevice,
  type MachineText,
  machineText,
  pvProps,
} from './inventories';

interface Configured {
  readonly paths?: readonly string[];
  readonly mode?: DiskoMode;
  readonly destroy?: boolean;
  readonly allowed?: WipeAllowance;
  readonly groups?: DiskSituation['groups'];
}

/** The machine, with the paths and wipe-disks entries that lead to devices of these names: `/dev/NAME`. */
function situation(
  machine: MachineText,
  { paths, mode = 'disko', destroy = true, allowed, groups = [] }: Configured = {},
): DiskSituation {
  const configured = paths ?? machine.paths ?? [];
  const asked = [
    ...configured,
    ...(Array.isArray(allowed) ? (allowed as string[]).filter((e) => e.startsWith('/')) : []),
  ];
  const flat = machine.devices.flatMap((device) => [device, ...(device.partitions ?? [])]);
  const leadsTo = {
    ...Object.fromEntries(flat.map(({ name }) => [`/dev/${name}`, name])),
    ...machine.links,
    ...machine.leadsTo,
  };
  const inventory = parseInventory(machineText({ ...machine, paths: asked, leadsTo }), asked);
  const work = { mode, disks: configured.map((device) => ({ device, destroy })), unknown: false };
  return {
    inventory,
    work,
    disks: diskPlans(inventory, work),
    configured,
    groups,
    allowed,
    hostName: 'demo',
  };
}

const fatesOf = (disks: readonly DiskPlan[]) =>
  Object.fromEntries(disks.map(({ device, fate }) => [device, fate]));
const all = (contents: readonly Content[]): Content[] =>
  contents.flatMap((content) => [content, ...all(content.contains)]);
const lostOf = (disks: readonly DiskPlan[]) =>
  [
    ...new Set(
      disks
        .flatMap(({ contents }) => all(contents))
        .filter(({ lost }) => lost)
        .map(({ device }) => device),
    ),
  ].toSorted();

function messageOf(work: () => void): string {
  try {
    work();
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    expect(error).toMatchObject({ kind: 'guard' });
    return `${message}\n${hint}`;
  }
  return '';
}

describe('an inventory', () => {
  const { inventory } = situation(fourDisks);
  const device = (name: string) => inventory.devices.find((each) => each.name === name);

  test('has names with blanks, padding taken off, and WWNs as udev writes them', () => {
    expect(device('sda')).toMatchObject({
      model: 'Samsung SSD 870',
      serial: 'S5Y 1NF0',
      wwn: '0x5002538f3110a1b2',
      bytes: 1_024_000_000,
    });
    expect(device('sda1')).toMatchObject({
      label: 'EFI boot',
      partitionLabel: 'EFI system',
      partition: 1,
      disk: 'sda',
    });
    expect(device('nvme0n1')?.wwn).toBe('eui.00253857');
    expect(device('dm-0')?.path).toBe('/dev/mapper/my--vg-root');
  });

  test('knows where things are mounted: by number, and btrfs, which has one of its own, by name', () => {
    expect(device('nvme0n1p1')?.mounts).toEqual([]);
    // of a btrfs all members
    expect([device('sda4'), device('sdc3')].map((each) => each?.mounts)).toEqual([
      ['/srv/two'],
      ['/srv/two'],
    ]);
    const mounted = { ...fourDisks, more: ['mount\t25 1 253:1 / /boot\\040dir rw - vfat /dev/root rw'] };
    expect(situation(mounted).inventory.devices.find(({ name }) => name === 'sda1')?.mounts).toEqual([
      '/boot dir',
    ]);
  });

  test('takes any text for text: tabs, line ends and backslashes in labels make no devices', () => {
    const label = nastyText.map((text) => text.replaceAll(/[\n\r]/g, ' '));
    fc.assert(
      fc.property(label, label, (model, name) => {
        const machine = {
          devices: [
            {
              name: 'sda',
              props: { model, serial: 'one' },
              partitions: [{ name: 'sda1', props: { ID_FS_LABEL: name } }],
            },
          ],
        };
        const { devices } = parseInventory(machineText(machine), []);
        expect(devices.map((each) => each.name)).toEqual(['sda', 'sda1']);
        expect(devices[0]?.serial).toBe('one');
      }),
    );
  });

  test('parses anything', () => {
    fc.assert(
      fc.property(fc.oneof(nastyText, fc.string()), (text) => {
        for (const kind of [
          '',
          'device\t',
          'prop\tsda\tlvm\t',
          'mount\t',
          'link\t',
          'asked\t',
          'zpool\t',
          'swap\t',
        ])
          expect(parseInventory(kind + text, ['/dev/sda']).devices.length).toBeLessThanOrEqual(
            text.split('\n').length,
          );
      }),
    );
  });

  test('reads what BusyBox’s blkid says, and tells that it looked less closely', () => {
    const machine: MachineText = {
      blkid: 'busybox',
      devices: [
        { name: 'sda', props: { 'busybox-blkid': '/dev/sda: LABEL="a "b" c" UUID="u-1" TYPE="ext4"' } },
        { name: 'sdb', props: { pv: 'x', lvm: '' } },
        { name: 'sdc', props: { 'md-array': 'aa:bb' } },
      ],
    };
    const parsed = parseInventory(machineText(machine), []);
    expect(parsed.complete).toBe(false);
    expect(parsed.devices.map(({ type, label, uuid }) => [type, label, uuid])).toEqual([
      ['ext4', 'a "b" c', 'u-1'],
      ['LVM2_member', '', ''],
      ['linux_raid_member', '', 'aa:bb'],
    ]);
  });

  test('reads the members of pools that zpool tells of', () => {
    const more = ['  pool: tank', ' state: ONLINE', 'config:', '\t  /dev/sda1  ONLINE  0 0 0'].map(
      (line) => `zpool\t${line}`,
    );
    expect(situation({ ...fourDisks, more }).inventory.pools).toEqual([['tank', 'sda1']]);
  });
});

describe('the metadata of a volume group', () => {
  test('tells its volumes and on which members they lie, through volumes inside others', () => {
    const text = lvmText('vg', 'id', ['a', 'b'], { root: [0], both: [0, 1] }).replace(
      'logical_volumes {',
      'logical_volumes {\tmirror {\tid = "m-1"\tstatus = ["READ", "VISIBLE"]\tsegment1 {\textent_count = 3\ttype = "raid1"\traids = [\t"part", "mirror"\t]\t}\t}\tpart {\tid = "p-1"\tstatus = ["READ"]\tsegment1 {\textent_count = 3\tstripes = ["pv1", 0]\t}\t}',
    );
    const parsed = parseLvmMetadata(text);
    expect(parsed).toMatchObject({ name: 'vg', id: 'id'.padEnd(32, '0') });
    const pvs = ['a', 'b'].map((id) => id.padEnd(32, '0'));
    expect(parsed?.volumes.map(({ name, on, visible }) => [name, on, visible])).toEqual([
      ['mirror', [pvs[1]], true],
      ['part', [pvs[1]], false],
      ['root', [pvs[0]], true],
      ['both', pvs, true],
    ]);
    expect(parsed?.volumes.find(({ name }) => name === 'both')?.bytes).toBe(2 * 25 * 8192 * 512);
  });

  test('comes to an end with any text, whatever its brackets', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '=',
      '"',
      'a',
      'id',
      '"x"',
      '#',
      '\t',
      ' ',
      ',',
      '7',
      '__proto__',
      'physical_volumes',
      'logical_volumes',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (words) => {
        parseLvmMetadata(words.join(' '));
      }),
    );
    expect(() => parseLvmMetadata('a {'.repeat(100_000))).not.toThrow();
  });
});

describe('the fates of disks', () => {
  test('collateral is transitive, and what merely lies on the same disk is kept', () => {
    const { disks } = situation(fourDisks);
    expect(fatesOf(disks)).toEqual({
      '/dev/sda': 'wiped',
      '/dev/sdb': 'collateral',
      '/dev/sdc': 'collateral',
      '/dev/nvme0n1': 'untouched',
    });
    expect(lostOf(disks)).toEqual([
      '/dev/mapper/my--vg-root',
      '/dev/mapper/my--vg-secret',
      '/dev/mapper/opened',
      '/dev/md127',
      '/dev/sda1',
      '/dev/sda2',
      '/dev/sda3',
      '/dev/sda4',
      '/dev/sdb1',
      '/dev/sdc1',
      '/dev/sdc3',
    ]);
    const [, sdb] = disks;
    expect(sdb?.contents).toMatchObject([
      {
        device: '/dev/sdb1',
        memberOf: ['volume group my-vg'],
        lost: true,
        because: 'volume group my-vg has a member on /dev/sda',
        contains: [
          {
            device: '/dev/mapper/my--vg-secret',
            contains: [{ device: '/dev/mapper/opened', label: 'inside' }],
          },
        ],
      },
      { device: '/dev/sdb2', label: 'nixos', partitionLabel: 'disk-main-root', lost: false, because: '' },
    ]);
  });

  test('a volume that is not active is seen in the metadata of its group', () => {
    const { disks } = situation(fourDisks, { paths: ['/dev/nvme0n1'] });
    expect(fatesOf(disks)).toMatchObject({ '/dev/nvme0n1': 'wiped', '/dev/sda': 'untouched' });
    expect(lostOf(disks)).toContain('/dev/mapper/other-sleeps');
  });

  test.each<[string, Configured, Record<string, string>]>([
    ['mount', { mode: 'mount' }, { '/dev/sda': 'untouched', '/dev/sdb': 'untouched' }],
    ['format', { mode: 'format' }, { '/dev/sda': 'changed', '/dev/sdb': 'untouched' }],
    ['disko with destroy = false', { destroy: false }, { '/dev/sda': 'changed', '/dev/sdb': 'untouched' }],
  ])('mode %s loses nothing', (_, configured, fates) => {
    const { disks } = situation(fourDisks, configured);
    expect(fatesOf(disks)).toMatchObject(fates);
    expect(lostOf(disks)).toEqual([]);
  });

  test('a disk that is kept by destroy = false is collateral all the same', () => {
    const { inventory } = situation(fourDisks, { paths: ['/dev/sda', '/dev/sdb'] });
    const work = {
      mode: 'disko' as const,
      disks: [
        { device: '/dev/sda', destroy: true },
        { device: '/dev/sdb', destroy: false },
      ],
      unknown: false,
    };
    expect(fatesOf(diskPlans(inventory, work))).toMatchObject({
      '/dev/sda': 'wiped',
      '/dev/sdb': 'collateral',
    });
  });

  test('without disks in the configuration all may be lost; without disko none is', () => {
    const { inventory } = situation(fourDisks);
    const fates = new Set(
      diskPlans(inventory, { mode: 'disko', disks: [], unknown: false }).map(({ fate }) => fate),
    );
    expect(fates).toEqual(new Set(['wiped']));
    const odd = (name: string, props: Record<string, string>) => ({
      name,
      props: { serial: name, ...props },
    });
    const others = [odd('sdy', { 'read-only': '1' }), odd('sdz', { removable: '1' })];
    const more = situation({ devices: [...fourDisks.devices, ...others] }).inventory;
    const found = fatesOf(diskPlans(more, { mode: 'disko', disks: [], unknown: true }));
    expect(found).toMatchObject({ '/dev/sda': 'wiped', '/dev/sdy': 'untouched' });
    expect(found).not.toHaveProperty('/dev/sdz');
    expect(new Set(diskPlans(inventory, undefined).map(({ fate }) => fate))).toEqual(new Set(['untouched']));
  });

  test.each<[string, string[], Record<string, string>]>([
    ['/dev/sdb2', ['/dev/sdb2'], { '/dev/sdb': 'changed', '/dev/sda': 'untouched' }],
    ['/dev/dm-0', ['/dev/mapper/my--vg-root'], { '/dev/sda': 'changed', '/dev/sdb': 'untouched' }],
    ['/dev/md127', ['/dev/md127'], { '/dev/sda': 'changed', '/dev/sdc': 'changed', '/dev/sdb': 'untouched' }],
    [
      '/dev/sdb1',
      [
        '/dev/mapper/my--vg-root',
        '/dev/mapper/my--vg-secret',
        '/dev/mapper/opened',
        '/dev/sda2',
        '/dev/sdb1',
      ],
      { '/dev/sdb': 'changed', '/dev/sda': 'collateral', '/dev/sdc': 'untouched' },
    ],
  ])('of a disk on which %s is named only that is lost', (path, lost, fates) => {
    const { disks } = situation(fourDisks, { paths: [path] });
    expect(lostOf(disks)).toEqual(lost);
    expect(fatesOf(disks)).toMatchObject(fates);
  });

  const twoOf = (
    one: MachineDevice['props'],
    other: MachineDevice['props'],
    more: MachineDevice[] = [],
  ): MachineText => ({
    devices: [
      { name: 'sda', props: { serial: 'A' }, partitions: [{ name: 'sda1', props: one ?? {} }] },
      {
        name: 'sdb',
        props: { serial: 'B' },
        partitions: [
          { name: 'sdb1', props: other ?? {} },
          { name: 'sdb2', props: fs('ext4') },
        ],
      },
      ...more,
    ],
    paths: ['/dev/sda'],
  });
  const lvm = lvmText('vg', 'vg', ['a', 'b'], {});
  test.each<[string, MachineText, boolean]>([
    ['a volume group without volumes', twoOf(pvProps('a', lvm), pvProps('b', lvm)), true],
    [
      'a volume group known by one member',
      twoOf(pvProps('a', lvm), { ...fs('LVM2_member'), pv: 'b'.padEnd(32, '0') }),
      true,
    ],
    [
      'a volume group whose metadata is left out on one member',
      twoOf(pvProps('a', lvm), { ...fs('LVM2_member'), pv: 'b'.padEnd(32, '0'), lvm: '' }),
      true,
    ],
    ['volume groups that nobody knows', twoOf(fs('LVM2_member'), fs('LVM2_member')), true],
    ['two volume groups', twoOf(pvProps('a', lvm), pvProps('c', lvmText('w', 'w', ['c'], {}))), false],
    [
      'a physical volume without a group',
      twoOf(pvProps('a', lvm), { ...fs('LVM2_member'), pv: 'z', lvm: '' }),
      false,
    ],
    [
      'an array that is not running',
      twoOf(fs('linux_raid_member', 'h:0', 'u', '1'), fs('linux_raid_member', 'h:0', 'u', '2')),
      true,
    ],
    ['two arrays', twoOf(fs('linux_raid_member', '', 'u'), fs('linux_raid_member', '', 'v')), false],
    ['a ZFS pool', twoOf(fs('zfs_member', 'tank', '1'), fs('zfs_member', 'tank', '1')), true],
    ['two ZFS pools', twoOf(fs('zfs_member', 'tank', '1'), fs('zfs_member', 'bank', '2')), false],
    ['a btrfs over both', twoOf(fs('btrfs', 'x', 'u', '1'), fs('btrfs', 'x', 'u', '2')), true],
    ['a copy of a btrfs', twoOf(fs('btrfs', 'x', 'u', '1'), fs('btrfs', 'x', 'u', '1')), false],
    ['a copy of an ext4', twoOf(fs('ext4', 'x', 'u'), fs('ext4', 'x', 'u')), false],
    ['bcache devices', twoOf(fs('bcache'), fs('bcache')), true],
    [
      'a running bcache',
      twoOf({}, {}, [{ name: 'bcache0', slaves: ['sda1', 'sdb1'], props: fs('ext4') }]),
      true,
    ],
    [
      'a stripe of device mapper',
      twoOf({}, {}, [{ name: 'dm-0', slaves: ['sda1', 'sdb1'], props: { 'dm-name': 's', ...fs('ext4') } }]),
      true,
    ],
    ['two LUKS', twoOf(fs('crypto_LUKS', '', 'u'), fs('crypto_LUKS', '', 'v')), false],
  ])('with %s', (_, machine, isLost) => {
    const { disks } = situation(machine);
    const sdb = disks.find(({ device }) => device === '/dev/sdb');
    expect(sdb?.fate).toBe(isLost ? 'collateral' : 'untouched');
    expect(sdb?.contents.map(({ lost }) => lost)).toEqual([isLost, false]);
  });

  test('one disk that is seen twice is lost as one', () => {
    const path = (name: string) => ({ name, props: { serial: 'S', wwn: 'naa.6001' } });
    const twins: MachineText = {
      devices: [path('sda'), path('sdb'), { name: 'sdc', props: { serial: 'T', wwn: 'naa.6002' } }],
      paths: ['/dev/sda'],
    };
    expect(fatesOf(situation(twins).disks)).toEqual({
      '/dev/sda': 'wiped',
      '/dev/sdb': 'collateral',
      '/dev/sdc': 'untouched',
    });
    const map = {
      name: 'dm-0',
      slaves: ['sda', 'sdb'],
      props: { 'dm-name': 'mpatha', 'dm-uuid': 'mpath-36001' },
    };
    const mapped = situation({ ...twins, devices: [...twins.devices, map] }, { paths: ['/dev/dm-0'] });
    expect(fatesOf(mapped.disks)).toEqual({
      '/dev/sda': 'wiped',
      '/dev/sdb': 'wiped',
      '/dev/sdc': 'untouched',
    });
  });

  test('sticks are left out unless they are concerned', () => {
    const stick = { name: 'sdz', props: { serial: 'Z', removable: '1' } };
    const machine = { ...fourDisks, devices: [...fourDisks.devices, stick] };
    expect(fatesOf(situation(machine).disks)).not.toHaveProperty('/dev/sdz');
    expect(fatesOf(situation(machine, { paths: ['/dev/sdz'] }).disks)).toHaveProperty('/dev/sdz', 'wiped');
  });

  /** Machines of three disks with partitions that are in groups at random, and stacks on top of them. */
  const machines = fc
    .array(fc.constantFrom('ext4', 'vg0', 'vg1', 'raid', 'stripe', 'btrfs', 'pool', 'luks'), {
      minLength: 3,
      maxLength: 9,
    })
    .map((kinds): MachineText => {
      const props = (kind: string, n: number): Record<string, string> => {
        const text = (vg: string) =>
          lvmText(
            vg,
            vg,
            kinds.flatMap((each, m) => (each === vg ? [`m${m}`] : [])),
            {},
          );
        if (kind === 'vg0' || kind === 'vg1') return pvProps(`m${n}`, text(kind));
        if (kind === 'raid') return fs('linux_raid_member', '', 'array', `${n}`);
        if (kind === 'btrfs') return fs('btrfs', '', 'fsid', `${n}`);
        if (kind === 'pool') return fs('zfs_member', 'tank', 'pool', `${n}`);
        return fs(kind === 'luks' ? 'crypto_LUKS' : 'ext4', '', `u${n}`);
      };
      const disks = ['sda', 'sdb', 'sdc'].map((name, d) => ({
        name,
        props: { serial: name },
        partitions: kinds.flatMap((kind, n) =>
          n % 3 === d ? [{ name: `${name}${Math.floor(n / 3) + 1}`, props: props(kind, n) }] : [],
        ),
      }));
      const partsOf = (wanted: string) =>
        kinds.flatMap((kind, n) => (kind === wanted ? [`sd${'abc'[n % 3]}${Math.floor(n / 3) + 1}`] : []));
      const stacks = [
        { name: 'md0', slaves: partsOf('raid'), props: { 'md-level': 'raid1', ...fs('ext4') } },
        { name: 'dm-0', slaves: partsOf('stripe'), props: { 'dm-name': 'stripe', ...fs('ext4') } },
      ];
      return { devices: [...disks, ...stacks.filter(({ slaves }) => slaves.length > 0)] };
    });

  test('a wiped disk loses all, an untouched one nothing, and whoever is in a group with something lost is lost', () => {
    fc.assert(
      fc.property(
        machines,
        fc.subarray(['/dev/sda', '/dev/sdb', '/dev/sdc'], { minLength: 1 }),
        (machine, paths) => {
          const { disks } = situation(machine, { paths });
          const contents = disks.flatMap((disk) => all(disk.contents));
          const lostGroups = new Set(contents.filter(({ lost }) => lost).flatMap(({ memberOf }) => memberOf));
          for (const disk of disks) {
            const inside = all(disk.contents);
            expect(disk.fate).not.toBe('changed');
            expect(disk.fate === 'wiped').toBe(paths.includes(disk.device));
            if (disk.fate === 'wiped') expect(inside.every(({ lost }) => lost)).toBe(true);
            if (disk.fate === 'untouched') expect(inside.some(({ lost }) => lost)).toBe(false);
            if (disk.fate === 'collateral') expect(inside.some(({ lost }) => lost)).toBe(true);
            for (const content of inside) {
              if (content.memberOf.some((name) => lostGroups.has(name))) expect(content.lost).toBe(true);
              if (content.lost) expect(all(content.contains).every(({ lost }) => lost)).toBe(true);
            }
          }
          // what is wiped more loses more
          const more = situation(machine, { paths: ['/dev/sda', '/dev/sdb', '/dev/sdc'] });
          expect(lostOf(more.disks)).toEqual(expect.arrayContaining(lostOf(disks)));
        },
      ),
    );
  });
});

describe('the guards', () => {
  test('a disk that is missing is answered with those that exist', () => {
    expect(messageOf(() => checkDisks(situation(fourDisks, { paths: ['/dev/vdz'] })))).toMatch(
      /no disk \/dev\/vdz, which the disko configuration of demo names; it has \/dev\/disk\/by-id\/ata-Samsung_S5Y \(\/dev\/sda\) 1\.0 GB Samsung SSD 870 serial S5Y 1NF0; /,
    );
    expect(messageOf(() => checkDisks(situation({ devices: [], paths: ['/dev/vda'] })))).toContain(
      'it has none',
    );
    // many virtual machines have no disk that is known by an ID
    expect(() => checkDisks(situation(fourDisks, { paths: ['/dev/vdz'] }))).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('/dev/disk/by-path where there is none') }),
    );
  });

  test('without wipe-disks the configured disks may be lost, and nothing that hangs together with them', () => {
    const text = messageOf(() => checkDisks(situation(fourDisks)));
    expect(text).toContain(
      '/dev/sdb (1.0 GB, WDC, serial WD-1): /dev/sdb1 LVM2_member would be lost, because volume group my-vg has a member on /dev/sda',
    );
    expect(text).toContain('/dev/sdc1 linux_raid_member host:0 would be lost');
    expect(text).toMatch(
      /add to wipe-disks, a line each: \/dev\/disk\/by-id\/ata-WDC_WD-1 and WD-2 \(and .*: \/dev\/sda\)/,
    );
    expect(text).not.toContain('sdb2');
    checkDisks(situation(fourDisks, { paths: ['/dev/nvme0n1'] }));
  });

  const rest = ['ata-WDC_WD-1', 'WD-2'];
  test.each([
    ['path', '/dev/sda'],
    ['by-id path', '/dev/disk/by-id/ata-Samsung_S5Y'],
    ['by-id name', 'ata-Samsung_S5Y'],
    ['serial number with a blank', 'S5Y 1NF0'],
    ['WWN as the kernel writes it', 'naa.5002538f3110a1b2'],
    ['WWN as udev writes it', '0x5002538F3110A1B2'],
    ['WWN as a link', 'wwn-0x5002538f3110a1b2'],
  ])('wipe-disks takes a %s', (_, entry) => {
    expect(messageOf(() => checkDisks(situation(fourDisks, { allowed: [entry, ...rest] })))).toBe('');
  });

  test('wipe-disks takes the WWN that udev knows, where the kernel chose another ID', () => {
    const machine: MachineText = {
      devices: [{ name: 'sda', props: { serial: 'S', wwn: 't10.ATA     Samsung SSD 870       S' } }],
      paths: ['/dev/sda'],
      links: { '/dev/disk/by-id/wwn-0x5002538f3110a1b2': 'sda' },
    };
    expect(messageOf(() => checkDisks(situation(machine, { allowed: ['0x5002538F3110A1B2'] })))).toBe('');
  });

  test('wipe-disks must cover everything, the configured disk and collateral too; any does', () => {
    expect(messageOf(() => checkDisks(situation(fourDisks, { allowed: rest })))).toContain(
      '/dev/sda (1.0 GB, Samsung SSD 870, serial S5Y 1NF0): all that is on it would be lost',
    );
    expect(messageOf(() => checkDisks(situation(fourDisks, { allowed: ['/dev/sda', 'WD-2'] })))).toMatch(
      /does not allow.*\/dev\/sdb/,
    );
    expect(
      messageOf(() => checkDisks(situation(fourDisks, { mode: 'format', allowed: ['WD-2'] }))),
    ).toContain('disko would add what is missing');
    expect(messageOf(() => checkDisks(situation(fourDisks, { mode: 'mount', allowed: ['WD-2'] })))).toBe('');
    expect(messageOf(() => checkDisks(situation(fourDisks, { allowed: 'any' })))).toBe('');
  });

  test('of a script that nobody knows every disk must be allowed', () => {
    const check = (allowed?: WipeAllowance) => {
      const known = situation(fourDisks, { paths: [], ...(allowed === undefined ? {} : { allowed }) });
      const work = { mode: 'disko' as const, disks: [], unknown: true };
      return messageOf(() => checkDisks({ ...known, work, disks: diskPlans(known.inventory, work) }));
    };
    expect(check()).toMatch(
      /without its configuration may wipe any disk, and wipe-disks does not allow .*sda.*sdb.*sdc/,
    );
    expect(check(['S5Y 1NF0', 'WD-1', 'WD-2'])).toMatch(
      /does not allow \/dev\/nvme0n1 \(1\.0 GB, Data, serial N-1\)\n/,
    );
    expect(check(['S5Y 1NF0', 'WD-1', 'WD-2', 'eui.00253857'])).toBe('');
    expect(check('any')).toBe('');
  });

  test.each([
    ['S5Y 1NF', /names S5Y 1NF, and the machine has no such disk; it has .*serial S5Y 1NF0.*serial N-1/],
    ['/dev/sdq', /names \/dev\/sdq, and the machine has no such disk/],
    ['/dev/sdb2', /is \/dev\/sdb2 and no disk/],
    ['', /no such disk/],
  ])('an entry that names no disk stops the run: %j', (entry, message) => {
    expect(
      messageOf(() => checkDisks(situation(fourDisks, { allowed: ['S5Y 1NF0', ...rest, entry] }))),
    ).toMatch(message);
  });

  test('an entry that fits several disks is refused, unless they are one', () => {
    const disk = (name: string, serial: string, wwn = '') => ({
      name,
      props: { serial, ...(wwn === '' ? {} : { wwn }) },
    });
    const check = (devices: MachineDevice[], entry: string) =>
      messageOf(() => checkDisks(situation({ devices, paths: ['/dev/sda'] }, { allowed: [entry] })));
    expect(check([disk('sda', 'S'), disk('sdb', 'S')], 'S')).toContain('not one disk but /dev/sda, /dev/sdb');
    expect(check([disk('sda', 'S', 'naa.1'), disk('sdb', 'S', 'naa.2')], 'S')).toContain('not one disk');
    expect(check([disk('sda', 'S', 'naa.1'), disk('sdb', 'T', 'naa.1')], 'naa.1')).toContain('not one disk');
    expect(check([disk('sda', 'S', 'naa.1'), disk('sdb', 'S', 'naa.1')], 'naa.1')).toBe('');
  });

  describe('a group that the configuration makes, and that there is on a disk that is kept', () => {
    const keeping = (props: Record<string, string>, more: MachineDevice[] = []): MachineText => ({
      devices: [
        { name: 'sda', props: { serial: 'A' } },
        { name: 'sdb', props: { serial: 'B' }, partitions: [{ name: 'sdb1', props }] },
        ...more,
      ],
      paths: ['/dev/sda'],
    });
    const pool = keeping(pvProps('a', lvmText('pool', 'pool', ['a'], { root: [0] })));
    const raid = fs('linux_raid_member', 'any:raid1', 'array', '1');
    const md = { name: 'md127', slaves: ['sdb1'], props: { 'md-level': 'raid1', ...fs('ext4') } };
    const made = (kind: 'lvm_vg' | 'mdadm' | 'zpool', name: string) => ({ groups: [{ kind, name }] });

    test.each<[string, MachineText, Configured]>([
      ['a volume group', pool, made('lvm_vg', 'pool')],
      ['a pool', keeping(fs('zfs_member', 'zroot', '1')), made('zpool', 'zroot')],
      ['an array', keeping(raid), made('mdadm', 'raid1')],
      ['an active array', keeping(raid, [md]), made('mdadm', 'raid1')],
    ])('stops the run: %s', (_, machine, configured) => {
      const name = configured.groups?.[0]?.name;
      expect(messageOf(() => checkDisks(situation(machine, configured)))).toMatch(
        new RegExp(`makes the .* ${name}, and the machine has one of that name on /dev/sdb .*serial B`),
      );
    });

    test.each<[string, MachineText, Configured]>([
      ['another name', pool, made('lvm_vg', 'other')],
      ['another kind', pool, made('zpool', 'pool')],
      ['a disk that is wiped', pool, { ...made('lvm_vg', 'pool'), paths: ['/dev/sda', '/dev/sdb'] }],
      [
        'a disk that is named, and kept',
        pool,
        { ...made('lvm_vg', 'pool'), paths: ['/dev/sdb'], destroy: false },
      ],
      ['mode mount', pool, { ...made('lvm_vg', 'pool'), mode: 'mount' }],
      ['mode format', pool, { ...made('lvm_vg', 'pool'), mode: 'format' }],
      ['a disk that may be lost', pool, { ...made('lvm_vg', 'pool'), allowed: ['A', 'B'] }],
      ['everything allowed', pool, { ...made('lvm_vg', 'pool'), allowed: 'any' }],
    ])('does not with %s', (_, machine, configured) => {
      expect(messageOf(() => checkDisks(situation(machine, configured)))).toBe('');
    });
  });

  const anonymous = (...kib: number[]): MachineText => ({
    devices: kib.map((size, n) => ({ name: `vd${'abc'[n]}`, kib: size })),
    links: { '/dev/disk/by-path/pci-1': 'vda' },
    paths: ['/dev/vda'],
  });
  test('a disk without identity is taken by name only where nothing else could be meant', () => {
    const check = (machine: MachineText, configured?: Configured) => {
      const found = situation(machine, configured);
      return [messageOf(() => checkDisks(found)) === '' ? 'fine' : 'stopped', ...diskWarnings(found)];
    };
    expect(check(anonymous(5))).toEqual(['fine']);
    expect(check(anonymous(5, 5))).toMatchObject(['stopped']);
    expect(check(anonymous(5, 6))).toEqual([
      'fine',
      expect.stringContaining('only its size (5120 bytes) tells it'),
    ]);
    expect(check(anonymous(5, 5), { mode: 'mount' })).toEqual(['fine']);
    expect(check(anonymous(5, 5), { paths: ['/dev/disk/by-path/pci-1'] })).toEqual(['fine']);
    const named = anonymous(5, 5).devices.map((device) => ({ ...device, props: { serial: device.name } }));
    expect(check({ ...anonymous(5, 5), devices: named })).toEqual(['fine']);
  });

  test('a serial number that two disks share tells no more than none, nor does the link that one of them gets', () => {
    const twin = (name: string, wwn = ''): MachineDevice => ({
      name,
      props: { serial: '0123456789ABCDEF', ...(wwn === '' ? {} : { wwn }) },
    });
    const check = (devices: MachineDevice[], path: string, links: Record<string, string> = {}) => {
      const found = situation({ devices, links, paths: [path] });
      return messageOf(() => checkDisks(found));
    };
    const two = [twin('sda'), twin('sdb')];
    expect(check(two, '/dev/sda')).toMatch(
      /sda has the serial number 0123456789ABCDEF and no WWN, and the machine has another disk of that size and number/,
    );
    const byId = '/dev/disk/by-id/ata-SSD_0123456789ABCDEF';
    expect(check(two, byId, { [byId]: 'sda' })).toContain('nothing tells whether it is the same disk');
    const bays = { '/dev/disk/by-id/usb-0:0': 'sda', '/dev/disk/by-id/usb-0:1': 'sdb' };
    expect(check(two, '/dev/disk/by-id/usb-0:0', bays)).toBe('');
    const byPath = '/dev/disk/by-path/pci-1';
    expect(check(two, byPath, { [byPath]: 'sda' })).toBe('');
    expect(check([twin('sda'), { ...twin('sdb'), kib: 5 }], '/dev/sda')).toBe('');
    expect(check([twin('sda', 'naa.1'), twin('sdb', 'naa.2')], '/dev/sda')).toBe('');
  });

  test('where nobody looked for inactive members a warning says so', () => {
    expect(diskWarnings(situation({ ...anonymous(5), blkid: 'none' }))).toEqual([
      expect.stringContaining('no blkid of util-linux'),
    ]);
  });
});

describe('the disks again, before they are wiped', () => {
  const disk = (
    name: string,
    serial: string,
    kib = 100,
    props: Record<string, string> = {},
  ): MachineDevice => ({
    name,
    kib,
    props: serial === '' ? {} : { serial },
    partitions: [{ name: `${name}1`, props }],
  });
  const changes = (before: MachineDevice[], now: MachineDevice[], paths = ['/dev/sda']) => {
    const of = (devices: MachineDevice[]) => {
      const found = situation({ devices, paths });
      return {
        disks: found.disks,
        losses: lossesOf(found.disks),
        bindings: bind(found.inventory, paths),
      };
    };
    return changesSince(of(before), of(now));
  };

  test('are the same, in whatever order', () => {
    const [a, b] = [disk('sda', 'A'), disk('sdb', 'B')];
    expect(changes([a, b], [b, a])).toEqual([]);
    // another system activates more or less
    expect(changes([disk('sda', 'A', 100, fs('ext4'))], [disk('sda', 'A')])).toEqual([]);
  });

  test.each<[string, MachineDevice[], RegExp]>([
    [
      'swapped names',
      [disk('sda', 'B'), disk('sdb', 'A')],
      /sda was the disk with serial A, 102400 bytes, and is the disk with serial B/,
    ],
    [
      'another size',
      [disk('sda', 'A', 101), disk('sdb', 'B')],
      /sda was .*102400 bytes, and is .*103424 bytes/,
    ],
    [
      'a serial number that is gone',
      [disk('sda', ''), disk('sdb', 'B')],
      /and is the disk with no serial number/,
    ],
    ['a path that is gone', [disk('sdb', 'B')], /sda is not there any more/],
  ])('are noticed to have %s', (_, now, message) => {
    const found = changes([disk('sda', 'A'), disk('sdb', 'B')], now).join('\n');
    expect(found).toMatch(message);
  });

  test('a name swapped back is no way around: what grows is noticed by disk', () => {
    const lvm = lvmText('vg', 'vg', ['a', 'b'], {});
    const [one, other] = [pvProps('a', lvm), pvProps('b', lvm)];
    const before = [disk('sda', 'A'), disk('sdb', 'B')];
    const now = [disk('sda', 'A', 100, one), disk('sdb', 'B', 100, other)];
    expect(changes(before, now)).toEqual([
      expect.stringMatching(/on \/dev\/sdb \(serial B, .*\) partition 1 would be lost too/),
    ]);
    expect(changes(now, now)).toEqual([]);
    expect(changes(now, before)).toEqual([]);
  });

  test('what was planned for one of several disks that nothing tells apart is not planned for another', () => {
    const [one, other] = ['1', '2'].map((sub) => fs('linux_raid_member', 'h:0', 'array', sub));
    const vd = (name: string, props = {}) => disk(name, '', 100, props);
    const paths = ['/dev/vda'];
    // as where the machine has neither blkid nor mdadm
    expect(changes([vd('vda'), vd('vdb')], [vd('vda', one), vd('vdb', other)], paths)).toEqual([
      expect.stringMatching(/on \/dev\/vdb \(no serial number, .*\) partition 1 would be lost too/),
    ]);
    const array = [vd('vda', one), vd('vdb', other)];
    expect(changes(array, array, paths)).toEqual([]);
    expect(changes(array, [vd('vda', other), vd('vdb', one)], paths)).toEqual([]);
    expect(changes([vd('vda'), vd('vdb')], [vd('vda'), vd('vdb')], ['/dev/vda', '/dev/vdb'])).toEqual([]);
  });

  test('a partition is bound with its disk and its number', () => {
    const before = [disk('sda', 'A'), disk('sdb', 'B')];
    expect(changes(before, before, ['/dev/sda1'])).toEqual([]);
    expect(changes(before, [disk('sda', 'B'), disk('sdb', 'A')], ['/dev/sda1']).join()).toMatch(
      /sda1 was partition 1 on the disk with serial A/,
    );
  });

  test('of a multipath disk are the same where nothing maps it', () => {
    const path = (name: string, wwn = 'naa.6001') => ({ name, props: { serial: 'S', wwn } });
    const map = { name: 'dm-0', slaves: ['sda', 'sdb'], props: { 'dm-name': 'm', 'dm-uuid': 'mpath-36001' } };
    const byId = '/dev/disk/by-id/wwn-0x6001';
    const bound = (devices: MachineDevice[], leadsTo: string) =>
      bind(situation({ devices, links: { [byId]: leadsTo } }, { paths: [byId] }).inventory, [byId]);
    const since = (now: MachineDevice[]) =>
      changesSince(
        { bindings: bound([path('sda'), path('sdb'), map], 'dm-0'), losses: [] },
        { bindings: bound(now, 'sda'), disks: [] },
      );
    expect(since([path('sda'), path('sdb')])).toEqual([]);
    expect(since([path('sda', 'naa.6002'), path('sdb', 'naa.6002')])).toHaveLength(1);
  });

  test('disks whose WWN only one kernel knows are compared by what both know', () => {
    const wwn = { name: 'sda', kib: 100, props: { serial: 'A', wwn: 'naa.1' } };
    expect(changes([wwn], [disk('sda', 'A')])).toEqual([]);
    expect(changes([wwn], [{ ...wwn, props: { serial: 'A', wwn: 'naa.2' } }])).toHaveLength(2);
  });

  test.each([
    // seen with a SATA disk, before Linux 5.11 and after
    ['t10.ATA     Samsung SSD 870 EVO 1TB                 A', 'naa.5002538f3110a1b2'],
    // an NVMe disk whose EUI newer kernels disregard
    ['eui.0000000000000001', 'nvme.1e4b-41-4e564d65-00000001'],
  ])('of which the kernels choose other WWNs (%s) are compared by their serial numbers', (old, recent) => {
    const sda = (serial: string, wwn: string) => ({ name: 'sda', kib: 100, props: { serial, wwn } });
    expect(changes([sda('A', old)], [sda('A', recent)])).toEqual([]);
    expect(changes([sda('A', old)], [sda('B', recent)])).toHaveLength(2);
    expect(changes([sda('', old)], [sda('', recent)])).toHaveLength(2);
  });
});
