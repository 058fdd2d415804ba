import type { BlockDevice, Inventory } from './inventory';

export type GroupKind =
  | 'volume group'
  | 'RAID array'
  | 'btrfs'
  | 'bcachefs'
  | 'ZFS pool'
  | 'bcache'
  | 'mapped device'
  | 'multipath disk';

/** Devices that live and die together: when one member is wiped, disko's deactivation ends what all of them hold. */
export interface Group {
  readonly kind: GroupKind;
  readonly name: string;
  /** Names of devices. */
  readonly members: readonly string[];
  /** Names of devices that lie in the group, and are found below no member because they are not active. */
  readonly volumes: readonly string[];
}

/** The block devices of a machine and how they are built upon each other. */
export interface Graph {
  readonly devices: readonly BlockDevice[];
  device(name: string): BlockDevice | undefined;
  /** What is built directly upon a device: partitions, and devices that have it as a part. */
  above(name: string): readonly BlockDevice[];
  /** What a device is directly made of: its disk, or its parts. */
  below(name: string): readonly BlockDevice[];
  /** The groups of which a device is a member. */
  groupsOf(name: string): readonly Group[];
}

export function makeGraph(inventory: Inventory): Graph {
  const devices = [...inventory.devices, ...inactiveVolumes(inventory.devices)];
  const byName = new Map(devices.map((device) => [device.name, device]));
  const above = new Map<string, BlockDevice[]>();
  for (const device of devices)
    for (const name of basesOf(device)) above.set(name, [...(above.get(name) ?? []), device]);
  const groups = findGroups(devices, inventory);
  return {
    devices,
    device: (name) => byName.get(name),
    above: (name) => above.get(name) ?? [],
    below: (name) => {
      const device = byName.get(name);
      return device === undefined ? [] : basesOf(device).flatMap((base) => byName.get(base) ?? []);
    },
    groupsOf: (name) => groups.filter(({ members }) => members.includes(name)),
  };
}

function basesOf(device: BlockDevice): readonly string[] {
  return device.disk === '' ? device.slaves : [device.disk];
}

/** The disks on which a device lies, or the device itself where it lies on none that is known. */
export function disksUnder(graph: Graph, name: string): readonly BlockDevice[] {
  const found = new Map<string, BlockDevice>();
  const seen = new Set<string>();
  const visit = (at: string) => {
    if (seen.has(at)) return;
    seen.add(at);
    const below = graph.below(at);
    const device = graph.device(at);
    if (below.length === 0 && device !== undefined) found.set(at, device);
    for (const { name: next } of below) visit(next);
  };
  visit(name);
  return [...found.values()].toSorted((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
}

/** `LVM-`, the group's ID and the volume's, both without dashes. */
const lvmUuid = /^LVM-(\w{32})(\w{32})/;

/** The logical volumes that only the metadata of their group tells of. */
function inactiveVolumes(devices: readonly BlockDevice[]): BlockDevice[] {
  const active = new Set(devices.map(({ dmUuid }) => lvmUuid.exec(dmUuid)?.[2]));
  const volumes = new Map<string, BlockDevice>();
  for (const { lvm } of devices) {
    for (const { name, id, bytes, on, visible } of lvm?.volumes ?? []) {
      if (active.has(id) || !visible) continue;
      const mangled = [lvm?.name ?? '', name].map((word) => word.replaceAll('-', '--')).join('-');
      const slaves = devices
        .filter((device) => on.includes(device.physicalVolume))
        .map((device) => device.name);
      volumes.set(id, {
        ...emptyDevice,
        name: `lvm-${id}`,
        path: `/dev/mapper/${mangled}`,
        bytes,
        slaves,
        dmUuid: `LVM-${lvm?.id ?? ''}${id}`,
      });
    }
  }
  return [...volumes.values()];
}

const emptyDevice: BlockDevice = {
  name: '',
  path: '',
  kind: 'dm',
  bytes: 0,
  model: '',
  serial: '',
  wwn: '',
  removable: false,
  readOnly: false,
  links: [],
  disk: '',
  partition: 0,
  slaves: [],
  dmUuid: '',
  level: '',
  type: '',
  label: '',
  uuid: '',
  memberUuid: '',
  partitionLabel: '',
  partitionUuid: '',
  mounts: [],
  swap: false,
  backingFile: '',
  physicalVolume: '',
  lvm: undefined,
  orphan: false,
};

function findGroups(devices: readonly BlockDevice[], inventory: Inventory): Group[] {
  return [
    ...volumeGroups(devices),
    ...arrays(devices),
    ...fileSystems(devices, 'btrfs'),
    ...fileSystems(devices, 'bcachefs'),
    ...pools(devices, inventory.pools),
    ...caches(devices),
    ...multipaths(devices),
    ...mapped(devices),
  ];
}

const unknown = '(unknown)';

/** By the ID of the group; whose group nobody knows counts as one with all others like it. */
function volumeGroups(devices: readonly BlockDevice[]): Group[] {
  const names = new Map(devices.flatMap(({ lvm }) => (lvm === undefined ? [] : [[lvm.id, lvm.name]])));
  const groupOfVolume = new Map(
    devices.flatMap(({ lvm }) => (lvm?.physicalVolumes ?? []).map((id) => [id, lvm?.id ?? unknown])),
  );
  const volumes = (id: string) => devices.filter(({ dmUuid }) => lvmUuid.exec(dmUuid)?.[1] === id);
  const active = new Map(
    devices.flatMap(({ dmUuid, slaves }) => {
      const id = lvmUuid.exec(dmUuid)?.[1];
      return id === undefined ? [] : slaves.map((slave) => [slave, id] as const);
    }),
  );
  const members = new Map<string, string[]>();
  for (const device of devices) {
    const known = active.get(device.name) ?? device.lvm?.id ?? groupOfVolume.get(device.physicalVolume);
    // metadata may be left out on one member, which then looks as if it had no group
    if (known === undefined && (device.orphan || device.type !== 'LVM2_member')) continue;
    const id = known ?? unknown;
    // a hidden volume is a part of another volume, not of the group
    if (lvmUuid.exec(device.dmUuid)?.[1] === id) continue;
    members.set(id, [...(members.get(id) ?? []), device.name]);
  }
  return [...members].map(([id, names_]) => ({
    kind: 'volume group',
    name: names.get(id) ?? nameFromVolumes(volumes(id)) ?? unknown,
    members: names_,
    volumes: volumes(id).map(({ name }) => name),
  }));
}

/** `/dev/mapper/my--vg-root` is root in my-vg. */
function nameFromVolumes(volumes: readonly BlockDevice[]): string | undefined {
  const [, name] = /^\/dev\/mapper\/((?:[^-]|--)+)-(?!-)/.exec(volumes[0]?.path ?? '') ?? [];
  return name?.replaceAll('--', '-');
}

/** Active ones by their parts; others by what is written on their members. */
function arrays(devices: readonly BlockDevice[]): Group[] {
  const isMember = ({ type }: BlockDevice) => type.endsWith('_raid_member');
  const active = devices
    .filter(({ kind, slaves }) => kind === 'md' && slaves.length > 0)
    .map((array): Group => {
      const parts = devices.filter(({ name }) => array.slaves.includes(name));
      const uuid = parts.find(isMember)?.uuid ?? '';
      const others = devices.filter((device) => isMember(device) && uuid !== '' && device.uuid === uuid);
      const members = [...new Set([...array.slaves, ...others.map(({ name }) => name)])];
      return { kind: 'RAID array', name: array.path, members, volumes: [array.name] };
    });
  const taken = new Set(active.flatMap(({ members }) => members));
  const inactive = grouped(
    devices.filter((device) => isMember(device) && !taken.has(device.name)),
    ({ type, uuid }) => `${type} ${uuid}`,
  );
  return [
    ...active,
    ...inactive.map((members) => group('RAID array', members[0]?.label || members[0]?.uuid, members)),
  ];
}

/** File systems over several devices. Copies of one device are no members of the same file system. */
function fileSystems(devices: readonly BlockDevice[], kind: 'btrfs' | 'bcachefs'): Group[] {
  const members = devices.filter(({ type, uuid }) => type === kind && uuid !== '');
  return grouped(members, ({ uuid }) => uuid)
    .filter((found) => new Set(found.map(({ memberUuid, name }) => memberUuid || name)).size > 1)
    .map((found) => group(kind, found[0]?.label || found[0]?.uuid, found));
}

function pools(devices: readonly BlockDevice[], known: Inventory['pools']): Group[] {
  const poolOf = ({ name, label, uuid }: BlockDevice) =>
    known.find(([, device]) => device === name)?.[0] ?? (label || uuid || unknown);
  const members = devices.filter(
    ({ name, type }) => type === 'zfs_member' || known.some(([, device]) => device === name),
  );
  return grouped(members, poolOf).map((found) => group('ZFS pool', found[0] && poolOf(found[0]), found));
}

/** Which backing devices belong to which caches shows only while they are active. */
function caches(devices: readonly BlockDevice[]): Group[] {
  const active = devices.filter(({ kind, slaves }) => kind === 'bcache' && slaves.length > 0);
  const taken = new Set(active.flatMap(({ slaves }) => slaves));
  const idle = devices.filter(({ type, name }) => type === 'bcache' && !taken.has(name));
  return [
    ...active.map(
      ({ name, path, slaves }): Group => ({ kind: 'bcache', name: path, members: slaves, volumes: [name] }),
    ),
    ...(idle.length === 0 ? [] : [group('bcache', unknown, idle)]),
  ];
}

/** One disk that the machine sees more than once. */
function multipaths(devices: readonly BlockDevice[]): Group[] {
  const maps = devices.filter(({ dmUuid }) => dmUuid.startsWith('mpath-'));
  const twins = grouped(
    devices.filter(({ kind, wwn }) => kind === 'disk' && wwn !== ''),
    ({ wwn, serial, bytes }) => `${wwn} ${serial} ${bytes}`,
  ).filter((found) => found.length > 1);
  return [
    ...maps.map(
      ({ name, path, slaves }): Group => ({
        kind: 'multipath disk',
        name: path,
        members: slaves,
        volumes: [name],
      }),
    ),
    ...twins.map((found) => group('multipath disk', found[0]?.wwn, found)),
  ];
}

/** Whatever else is made of several devices: a stripe, a cache. */
function mapped(devices: readonly BlockDevice[]): Group[] {
  const isOther = ({ kind, dmUuid }: BlockDevice) => kind === 'dm' && !/^(LVM|mpath)-/.test(dmUuid);
  return devices
    .filter((device) => isOther(device) && device.slaves.length > 1)
    .map(({ name, path, slaves }) => ({
      kind: 'mapped device',
      name: path,
      members: slaves,
      volumes: [name],
    }));
}

function group(kind: GroupKind, name: string | undefined, members: readonly BlockDevice[]): Group {
  return { kind, name: name || unknown, members: members.map((member) => member.name), volumes: [] };
}

function grouped(devices: readonly BlockDevice[], keyOf: (device: BlockDevice) => string): BlockDevice[][] {
  const groups = new Map<string, BlockDevice[]>();
  for (const device of devices) groups.set(keyOf(device), [...(groups.get(keyOf(device)) ?? []), device]);
  return [...groups.values()];
}
