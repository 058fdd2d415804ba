import * as scripts from '../../ssh/scripts';
import type { Target } from '../../ssh/target';
import { type LvmMetadata, parseLvmMetadata } from './lvm-metadata';

export type DeviceKind = 'disk' | 'partition' | 'md' | 'dm' | 'bcache' | 'loop' | 'other';

/** A block device of the machine, as the kernel and blkid see it. Fields that nobody told are empty. */
export interface BlockDevice {
  /** The kernel's name: `sda1`, `dm-0`. */
  readonly name: string;
  /** What a person calls it: `/dev/sda1`, `/dev/mapper/vg0-root`. */
  readonly path: string;
  readonly kind: DeviceKind;
  readonly bytes: number;
  readonly model: string;
  readonly serial: string;
  readonly wwn: string;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Its paths below /dev/disk. */
  readonly links: readonly string[];
  /** Of a partition: the name of its disk, and its number there. */
  readonly disk: string;
  readonly partition: number;
  /** Names of the devices that it is made of. */
  readonly slaves: readonly string[];
  /** Tells kinds of device mapper devices apart: `LVM-…`, `CRYPT-LUKS2-…`, `mpath-…`. */
  readonly dmUuid: string;
  readonly level: string;
  /** What is on it: a file system, or what it is a member of (`LVM2_member`, `linux_raid_member`, `crypto_LUKS`). */
  readonly type: string;
  readonly label: string;
  readonly uuid: string;
  /** Tells the members of one btrfs or array apart. */
  readonly memberUuid: string;
  readonly partitionLabel: string;
  readonly partitionUuid: string;
  readonly mounts: readonly string[];
  readonly swap: boolean;
  readonly backingFile: string;
  /** Of an LVM physical volume: its ID without dashes, and what its metadata says, if it could be read. */
  readonly physicalVolume: string;
  readonly lvm: LvmMetadata | undefined;
  /** A physical volume whose metadata names no group. */
  readonly orphan: boolean;
}

export interface Inventory {
  readonly devices: readonly BlockDevice[];
  /** For each path that was asked for the name of the device to which it leads; none where it leads to no device. */
  readonly asked: Readonly<Record<string, string>>;
  /** Whether members of arrays and pools that are not active were looked for: not without util-linux. */
  readonly complete: boolean;
  /** Devices by the ZFS pool that the tools say they are in. */
  readonly pools: readonly (readonly [pool: string, name: string])[];
}

export async function readInventory(target: Target, paths: readonly string[]): Promise<Inventory> {
  const { stdout } = await target.run(scripts.disks, paths, { privileged: true });
  return parseInventory(stdout, paths);
}

/** @param paths those that the script was given */
export function parseInventory(text: string, paths: readonly string[]): Inventory {
  const rows = text.split('\n').map(fieldsOf);
  const of = (kind: string) => rows.filter((row) => row[0] === kind).map(([, ...rest]) => rest);
  const numbers = new Map(of('device').map(([name = '', number = '']) => [number, name]));
  const links = of('link').map(([hex = '', path = '']) => [numbers.get(decimal(hex)), path] as const);
  const props = collect(of('prop'));
  const bare = of('device').map(([name = '', , bytes]) =>
    readDevice(
      name,
      Number(bytes),
      props.get(name) ?? new Map(),
      links.filter(([device]) => device === name).map(([, path]) => path),
    ),
  );
  const btrfs = new Map(of('btrfs').map(([uuid = '', name = '']) => [name, uuid]));
  const inUse = useOf(bare, numbers, btrfs, of('mount'), of('swap'));
  const pools = poolsOf(of('zpool').map(([line = '']) => line));
  return {
    devices: bare.map((device) => withUse(device, inUse, btrfs.get(device.name))),
    asked: Object.fromEntries(
      of('asked').map(([index, hex = '']) => [paths[Number(index)] ?? '', numbers.get(decimal(hex)) ?? '']),
    ),
    complete: of('blkid').some(([kind]) => kind === 'util-linux'),
    pools: pools.flatMap(([pool, path]) =>
      bare.filter((device) => device.path === path).map(({ name }) => [pool, name] as const),
    ),
  };
}

/** The last field of each kind of line is text that may have tabs. */
const fieldsIn: Record<string, number> = { prop: 4, link: 3, mount: 2, swap: 2, zpool: 2 };

function fieldsOf(line: string): readonly string[] {
  const all = line.split('\t');
  const count = fieldsIn[all[0] ?? ''] ?? all.length;
  return [...all.slice(0, count - 1), all.slice(count - 1).join('\t')];
}

/** `fd:1a` is `253:26` elsewhere. */
function decimal(numbers: string): string {
  return numbers
    .split(':')
    .map((part) => String(Number.parseInt(part, 16)))
    .join(':');
}

type Properties = ReadonlyMap<string, readonly string[]>;

function collect(rows: readonly (readonly string[])[]): Map<string, Map<string, string[]>> {
  const devices = new Map<string, Map<string, string[]>>();
  const add = (name: string, key: string, value: string) => {
    const properties = devices.get(name) ?? new Map<string, string[]>();
    devices.set(name, properties.set(key, [...(properties.get(key) ?? []), value]));
  };
  for (const [name = '', key = '', value = ''] of rows) {
    if (key === 'blkid') {
      const at = value.indexOf('=');
      add(name, value.slice(0, at), value.slice(at + 1));
    } else if (key === 'busybox-blkid') {
      for (const [, field = '', found = ''] of value.matchAll(/ (TYPE|LABEL|UUID)="(.*?)"(?= [A-Z]+="|$)/g))
        add(name, `ID_FS_${field}`, found);
    } else {
      add(name, key, value);
    }
  }
  return devices;
}

function readDevice(
  name: string,
  bytes: number,
  properties: Properties,
  links: readonly string[],
): BlockDevice {
  const one = (...keys: string[]) =>
    keys.map((key) => squeeze(properties.get(key)?.[0])).find((value) => value !== '') ?? '';
  const encoded = (key: string) => decodeUdev(properties.get(key)?.[0] ?? '').trim();
  const dmName = decodeUdev(one('dm-name'));
  const metadata = properties.get('lvm')?.[0];
  const array = one('md-array');
  return {
    name,
    path: dmName === '' ? `/dev/${name.replaceAll('!', '/')}` : `/dev/mapper/${dmName}`,
    kind: kindOf(name, properties),
    bytes,
    model: one('model', 'udev-model'),
    serial: one('serial', 'udev-serial'),
    wwn: normaliseWwn(one('wwn', 'udev-wwn')),
    removable: one('removable') === '1',
    readOnly: one('read-only') === '1',
    links: links.toSorted(),
    disk: one('disk'),
    partition: Number(one('partition')),
    slaves: properties.get('slave') ?? [],
    dmUuid: one('dm-uuid'),
    level: one('md-level'),
    type: typeOf(properties, one('ID_FS_TYPE'), array),
    label: encoded('ID_FS_LABEL_ENC') || one('ID_FS_LABEL'),
    uuid: one('ID_FS_UUID') || array,
    memberUuid: one('ID_FS_UUID_SUB'),
    partitionLabel: encoded('ID_PART_ENTRY_NAME'),
    partitionUuid: one('ID_PART_ENTRY_UUID'),
    mounts: [],
    swap: false,
    backingFile: one('backing-file'),
    physicalVolume: one('pv'),
    lvm: metadata === undefined || metadata === '' ? undefined : parseLvmMetadata(metadata),
    orphan: metadata === '',
  };
}

function typeOf(properties: Properties, found: string, array: string): string {
  if (found !== '') return found;
  if (properties.has('pv')) return 'LVM2_member';
  if (array !== '') return 'linux_raid_member';
  // two file systems at once: whoever made the second did not wipe the first
  return properties.get('ID_FS_AMBIVALENT')?.[0] === undefined ? '' : 'ambiguous';
}

function kindOf(name: string, properties: Properties): DeviceKind {
  if (properties.has('partition')) return 'partition';
  const [, kind] = /^(md|dm-|bcache|loop)/.exec(name) ?? [];
  if (kind === 'dm-') return 'dm';
  if (kind === 'md' || kind === 'bcache' || kind === 'loop') return kind;
  // a volume of a ZFS pool, or something over the network that lies on a disk of this machine
  return /^(zd|drbd)\d/.test(name) ? 'other' : 'disk';
}

/** Padding and blanks in a row say nothing, and not every kernel keeps them. */
function squeeze(text: string | undefined): string {
  return (text ?? '').replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** SCSI's `naa.5000…` is `0x5000…` to others. */
export function normaliseWwn(wwn: string): string {
  const plain = wwn.trim().toLowerCase();
  return /^(naa\.|wwn-)/.test(plain) ? plain.replace(/^(naa\.|wwn-)(0x)?/, '0x') : plain;
}

/** udev and device mapper write what is not a plain character as `\xHH`, byte by byte. */
function decodeUdev(text: string): string {
  return text.replace(/(?:\\x[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('utf8'),
  );
}

interface Use {
  /** By the name of the device, or the UUID of a btrfs that is mounted. */
  readonly mounts: ReadonlyMap<string, readonly string[]>;
  readonly swaps: ReadonlySet<string>;
  /** Where ZFS file systems are mounted, by pool. */
  readonly pools: ReadonlyMap<string, readonly string[]>;
}

/** The kernel writes blanks in paths as `\040`. */
function decodeOctal(text: string): string {
  return text.replace(/(?:\\[0-7]{3})+/g, (run) =>
    Buffer.from(
      [...run.matchAll(/\\([0-7]{3})/g)].map(([, digits = '0']) => Number.parseInt(digits, 8)),
    ).toString('utf8'),
  );
}

function useOf(
  devices: readonly BlockDevice[],
  numbers: ReadonlyMap<string, string>,
  btrfs: ReadonlyMap<string, string>,
  mountRows: readonly (readonly string[])[],
  swapRows: readonly (readonly string[])[],
): Use {
  const names = new Map(
    devices.flatMap((device) =>
      [device.path, `/dev/${device.name}`, ...device.links].map((path) => [path, device.name]),
    ),
  );
  const mounts = new Map<string, string[]>();
  const pools = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, key: string, point: string) => {
    const points = map.get(key) ?? [];
    if (!points.includes(point)) map.set(key, [...points, point]);
  };
  for (const [line = ''] of mountRows) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , number = '', , point = ''] = before.split(' ');
    const [fsType, source = ''] = after.split(' ').map(decodeOctal);
    // btrfs has a number of its own
    const name = numbers.get(number) ?? names.get(source);
    if (fsType === 'zfs') add(pools, source.split('/')[0] ?? '', decodeOctal(point));
    else if (name !== undefined) add(mounts, btrfs.get(name) ?? name, decodeOctal(point));
  }
  const swaps = swapRows.map(([line = '']) => names.get(decodeOctal(line.split(/\s/)[0] ?? '')) ?? '');
  return { mounts, pools, swaps: new Set(swaps) };
}

/** Every member of a file system over several devices has its mount points. */
function withUse(device: BlockDevice, use: Use, btrfs: string | undefined): BlockDevice {
  const own = use.mounts.get(btrfs ?? device.name) ?? [];
  const pool = device.type === 'zfs_member' ? (use.pools.get(device.label) ?? []) : [];
  return {
    ...device,
    ...(btrfs === undefined ? {} : { type: 'btrfs', uuid: btrfs }),
    mounts: [...own, ...pool],
    swap: use.swaps.has(device.name),
  };
}

/** Pools and the paths of their devices, from `zpool status -LP`. */
function poolsOf(lines: readonly string[]): (readonly [string, string])[] {
  let pool = '';
  const found: (readonly [string, string])[] = [];
  for (const line of lines) {
    pool = /^\s*pool: (.*)$/.exec(line)?.[1] ?? pool;
    const [, path] = /^\s+(\/dev\/\S+)\s/.exec(`${line} `) ?? [];
    if (path !== undefined) found.push([pool, path]);
  }
  return found;
}
