import { GuardError } from '../../errors';
import type { WipeAllowance } from '../../inputs/settings';
import type { ConfiguredGroup } from '../evaluation';
import type { Content, DiskoWork, DiskPlan } from './fates';
import { type BlockDevice, type Inventory, normaliseWwn } from './inventory';

/** What the guards compare. */
export interface DiskSituation {
  readonly inventory: Inventory;
  /** Undefined where disko does not run. */
  readonly work: DiskoWork | undefined;
  /** As `diskPlans` made them. */
  readonly disks: readonly DiskPlan[];
  /** The paths that the configuration names. */
  readonly configured: readonly string[];
  /** What the configuration makes over disks. */
  readonly groups: readonly ConfiguredGroup[];
  readonly allowed: WipeAllowance | undefined;
  readonly hostName: string;
}

/**
 * Whether what disko does to the disks is what the user knows of.
 *
 * @throws GuardError for the first check that says no
 */
export function checkDisks(situation: DiskSituation): void {
  checkMissing(situation);
  const covered = coveredBy(situation);
  checkCoverage(situation, covered);
  checkGroups(situation, covered);
  checkNames(situation);
}

function checkMissing({ inventory, configured, hostName }: DiskSituation): void {
  const missing = configured.filter((path) => (inventory.asked[path] ?? '') === '');
  if (missing.length === 0) return;
  throw new GuardError(
    `the machine has no disk ${missing.join(', ')}, which the disko configuration of ${hostName || 'this system'} names; it has ${presentDisks(inventory)}`,
    {
      hint: 'set disko.devices.disk.*.device to one of these, best to a path under /dev/disk/by-id, or under /dev/disk/by-path where there is none',
    },
  );
}

/** The disks of the machine, as one line. */
function presentDisks({ devices }: Inventory): string {
  return (
    devices
      .filter(({ kind }) => kind === 'disk')
      .map((disk) => {
        const byId = byIdOf(disk);
        return [
          byId || disk.path,
          byId === '' ? '' : `(${disk.path})`,
          `${(disk.bytes / 1e9).toFixed(1)} GB`,
          disk.model,
          disk.serial === '' ? '' : `serial ${disk.serial}`,
        ]
          .filter((word) => word !== '')
          .join(' ');
      })
      .join('; ') || 'none'
  );
}

function byIdOf({ links }: Pick<BlockDevice, 'links'>): string {
  return links.find((link) => link.startsWith('/dev/disk/by-id/')) ?? '';
}

/** Names of the disks that wipe-disks allows; undefined where it was not given or allows all. */
function coveredBy({ inventory, allowed }: DiskSituation): ReadonlySet<string> | undefined {
  if (allowed === undefined || allowed === 'any') return undefined;
  return new Set(allowed.flatMap((entry) => matchesOf(entry, inventory)));
}

function matchesOf(entry: string, inventory: Inventory): readonly string[] {
  const matches = inventory.devices.filter((device) => isNamedBy(device, entry, inventory));
  const [first] = matches;
  if (first === undefined) {
    throw new GuardError(
      `input wipe-disks names ${entry}, and the machine has no such disk; it has ${presentDisks(inventory)}`,
      { hint: 'write one of these, by path, by-id name, serial number or WWN, or take the line away' },
    );
  }
  if (first.kind !== 'disk') {
    throw new GuardError(
      `input wipe-disks names ${entry}, which is ${first.path} and no disk; the machine has ${presentDisks(inventory)}`,
      { hint: 'name the disk on which it lies' },
    );
  }
  // a disk that is seen twice has one WWN, and one serial number with it
  const isOne = matches.every(
    ({ wwn, serial }) => wwn !== '' && wwn === first.wwn && serial === first.serial,
  );
  if (matches.length > 1 && !isOne) {
    throw new GuardError(
      `input wipe-disks names ${entry}, which is not one disk but ${matches.map(({ path }) => path).join(', ')}`,
      { hint: 'name each disk that may be lost by a path under /dev/disk/by-id' },
    );
  }
  return matches.map(({ name }) => name);
}

function isNamedBy(device: BlockDevice, entry: string, inventory: Inventory): boolean {
  if (entry.startsWith('/')) return inventory.asked[entry] === device.name;
  if (device.kind !== 'disk') return false;
  return (
    device.serial === entry ||
    (device.wwn !== '' && device.wwn === normaliseWwn(entry)) ||
    // the WWN that lsblk shows is udev's, which is not the one that every kernel chooses
    device.links.some((link) =>
      [entry, `wwn-${normaliseWwn(entry)}`].some((name) => link === `/dev/disk/by-id/${name}`),
    )
  );
}

/** Without wipe-disks the disks that the configuration wants wiped or changed may be lost, and nothing else. */
function checkCoverage(situation: DiskSituation, covered: ReadonlySet<string> | undefined): void {
  if (situation.allowed === 'any') return;
  // a configuration that names no disk says of none that it may be lost
  const named = situation.work === undefined || situation.work.disks.length > 0;
  const refused = situation.disks.filter(({ fate, device }) =>
    covered === undefined
      ? fate === 'collateral' || (fate !== 'untouched' && !named)
      : fate !== 'untouched' && !isCovered(device, covered, situation.inventory),
  );
  if (refused.length === 0) return;
  const what = refused.map((disk) => `${nameDisk(disk)}: ${describeDamage(disk)}`).join('; ');
  const lines = refused.map(entryFor).join(' and ');
  if (!named) {
    const [script, instead] =
      situation.work?.unknown === true
        ? ['a disko script without its configuration', 'give the configuration itself, as flake or nix-file']
        : ['the disko script of a configuration without disko.devices.disk', 'name the disks there'];
    throw new GuardError(
      `${script} may wipe any disk, and wipe-disks does not allow ${refused.map(nameDisk).join(', ')}`,
      { hint: `add ${lines} to wipe-disks if all on it may be lost, or write any; else ${instead}` },
    );
  }
  throw new GuardError(
    covered === undefined
      ? `more would be lost than the disks that the configuration wants wiped: ${what}`
      : `wipe-disks does not allow what would be lost: ${what}`,
    {
      hint: `if that may be lost, add to wipe-disks, a line each: ${lines}${covered === undefined ? ` (and the disks that the configuration names: ${situation.configured.join(' and ')})` : ''}; else take the disk out of what it hangs together with, or change the configuration`,
    },
  );
}

function isCovered(path: string, covered: ReadonlySet<string>, { devices }: Inventory): boolean {
  return devices.some((device) => device.path === path && covered.has(device.name));
}

function nameDisk({ device, model, serial, bytes }: DiskPlan): string {
  const known = [`${(bytes / 1e9).toFixed(1)} GB`, model, serial === '' ? '' : `serial ${serial}`];
  return `${device} (${known.filter((word) => word !== '').join(', ')})`;
}

/** The line for wipe-disks that names this disk and no other. */
function entryFor({ byId, serial, device }: DiskPlan): string {
  return byId || serial || device;
}

function describeDamage({ fate, contents }: DiskPlan): string {
  if (fate === 'wiped') return 'all that is on it would be lost';
  const lost = contents.flatMap(outermostLosses);
  if (lost.length === 0) return 'disko would add what is missing on it';
  return lost
    .map((content) => {
      const name = [content.device, content.label === '' ? content.type : `${content.type} ${content.label}`];
      return `${name.filter((word) => word !== '').join(' ')} would be lost${content.because === '' ? '' : `, because ${content.because}`}`;
    })
    .join(', ');
}

function outermostLosses(content: Content): readonly Content[] {
  return content.lost ? [content] : content.contains.flatMap(outermostLosses);
}

const groupNames = { lvm_vg: 'volume group', mdadm: 'RAID array', zpool: 'ZFS pool' } as const;

/**
 * Disko makes no group of a name that there is already, but takes that one, on whatever disks it lies: the system would be
 * installed into it.
 */
function checkGroups(situation: DiskSituation, covered: ReadonlySet<string> | undefined): void {
  const { groups, disks, work, allowed, inventory } = situation;
  if (work?.mode !== 'disko' || allowed === 'any') return;
  for (const group of groups) {
    const holders = disks.filter(({ contents }) => contents.some((content) => isKeptMember(content, group)));
    // what lies on a disk that the configuration names and keeps is meant
    if (holders.some(({ named }) => named.length > 0)) continue;
    const foreign = holders.filter(
      ({ device }) => covered === undefined || !isCovered(device, covered, inventory),
    );
    if (foreign.length === 0) continue;
    throw new GuardError(
      `the configuration makes the ${groupNames[group.kind]} ${group.name}, and the machine has one of that name on ${foreign.map(nameDisk).join(', ')}, which is not to be wiped: disko would take that one, and the system would be installed into it`,
      {
        hint: 'give one of them another name, add the disk to disko.devices.disk if all on it may be lost, or take it out of the machine',
      },
    );
  }
}

function isKeptMember(content: Content, group: ConfiguredGroup): boolean {
  if (content.lost) return false;
  return isMember(content, group) || content.contains.some((inner) => isKeptMember(inner, group));
}

function isMember({ memberOf, type, label }: Content, { kind, name }: ConfiguredGroup): boolean {
  if (memberOf.includes(`${groupNames[kind]} ${name}`)) return true;
  // `host:name`; an array that is active is known by what the kernel calls it
  return kind === 'mdadm' && type === 'linux_raid_member' && label.replace(/^.*:/, '') === name;
}

/** Names that the kernel gives out in the order in which it finds the disks. */
const kernelName = /^\/dev\/((s|v|xv|h)d[a-z]+|nvme\d+n\d+|mmcblk\d+)$/;

/** A disk that only such a name tells from others may be another one after the kexec. */
function checkNames(situation: DiskSituation): void {
  const [found] = anonymousDisks(situation).filter(({ unique }) => !unique);
  if (found === undefined) return;
  const { path, serial } = found;
  const others =
    serial === ''
      ? 'has neither serial number nor WWN, and the machine has other disks of its size'
      : `has the serial number ${serial} and no WWN, and the machine has another disk of that size and number`;
  throw new GuardError(`${path} ${others}: nothing tells whether it is the same disk after the kexec`, {
    hint: 'set disko.devices.disk.*.device to the disk’s path under /dev/disk/by-path, or give the disk a serial number of its own (a virtual machine’s configuration can)',
  });
}

/** What is worth a warning about the disks, though it stops nothing. */
export function diskWarnings(situation: DiskSituation): readonly string[] {
  const { inventory } = situation;
  return [
    ...anonymousDisks(situation)
      .filter(({ unique }) => unique)
      .map(
        ({ path, bytes }) =>
          `${path} has neither serial number nor WWN: only its size (${bytes} bytes) tells it from the machine's other disks. A path under /dev/disk/by-path would be safer.`,
      ),
    ...(inventory.complete
      ? []
      : [
          'The machine has no blkid of util-linux: members of arrays, pools and volume groups that are not active may not be seen. The disks are looked at again in the installer before anything is wiped.',
        ]),
  ];
}

function anonymousDisks({ inventory, configured, work }: DiskSituation) {
  if (work === undefined || work.mode === 'mount') return [];
  const disks = inventory.devices.filter(({ kind }) => kind === 'disk');
  return configured.flatMap((path) => {
    const disk = disks.find(({ name }) => name === inventory.asked[path]);
    // one WWN is one disk, however often it is seen
    if (disk === undefined || disk.wwn !== '' || disks.length < 2) return [];
    const { serial, bytes } = disk;
    const alike = disks.filter(
      (other) => other !== disk && other.bytes === bytes && (serial === '' || isTwin(other, disk)),
    );
    if (serial !== '' && alike.length === 0) return [];
    // udev gives the link of a serial number that two disks have to one of them, and not always to the same
    const isArbitrary = byIdOf({ links: [path] }) !== '' && alike.some((other) => byIdOf(other) === '');
    return kernelName.test(path) || isArbitrary ? [{ path, serial, bytes, unique: alike.length === 0 }] : [];
  });
}

/** Cheap disks, and the bays of some enclosures, share a serial number. */
function isTwin(other: BlockDevice, disk: BlockDevice): boolean {
  return other.serial === disk.serial && other.wwn === disk.wwn;
}
