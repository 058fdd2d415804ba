import type { DiskPlan } from './fates';
import { disksUnder, type Graph, makeGraph } from './graph';
import type { BlockDevice, Inventory } from './inventory';

/** What tells a disk from others, whatever the kernel calls it. Empty where it does not say. */
export interface DiskIdentity {
  readonly serial: string;
  readonly wwn: string;
  readonly bytes: number;
}

/** To what a path of the configuration leads. */
export interface Binding {
  readonly path: string;
  /** The disk, or those on which that device lies. */
  readonly disks: readonly DiskIdentity[];
  /** What it is on them; empty for a disk. */
  readonly part: string;
}

/** @param paths those of the configuration; the ones that lead nowhere are left out */
export function bind(inventory: Inventory, paths: readonly string[]): readonly Binding[] {
  const graph = makeGraph(inventory);
  return [...new Set(paths)].flatMap((path) => {
    const device = graph.device(inventory.asked[path] ?? '');
    return device === undefined ? [] : [bindingOf(path, device, graph)];
  });
}

function bindingOf(path: string, device: BlockDevice, graph: Graph): Binding {
  const all = disksUnder(graph, device.name).map(({ serial, wwn, bytes }) => ({ serial, wwn, bytes }));
  // one WWN is one disk, by however many ways this system reaches it
  const disks = all
    .filter((disk, at) => disk.wwn === '' || all.findIndex((other) => isSameDisk(other, disk)) === at)
    .toSorted((a, b) => (describeIdentity(a) < describeIdentity(b) ? -1 : 1));
  return { path, disks, part: partOf(device) };
}

function partOf({ kind, dmUuid, partitionUuid, partition, uuid, name }: BlockDevice): string {
  // the installer has no multipathd: there the path leads to one of the disks behind the map
  if (kind === 'disk' || dmUuid.startsWith('mpath-')) return '';
  return dmUuid || partitionUuid || (kind === 'partition' ? `partition ${partition}` : uuid || name);
}

/** Whether this can be the same disk: nothing that both times is known differs, and something tells it from others. */
function isSameDisk(a: DiskIdentity, b: DiskIdentity): boolean {
  const comparable = schemeOf(a.wwn) === schemeOf(b.wwn);
  if (a.bytes !== b.bytes || differs(a.serial, b.serial) || (comparable && differs(a.wwn, b.wwn)))
    return false;
  const named = (identity: DiskIdentity) => identity.serial !== '' || identity.wwn !== '';
  const shared = (a.serial !== '' && b.serial !== '') || (comparable && a.wwn !== '' && b.wwn !== '');
  // a disk that had a serial number and has none is another one
  return shared || (!named(a) && !named(b));
}

/**
 * Which of a disk's IDs a WWN is. Kernels choose differently: for SATA disks those before 5.11 may take `t10.ATA…` and
 * later ones the NAA (torvalds/linux 2e4209b3806c), and of NVMe disks whose EUI is known not to be unique newer ones make
 * an ID themselves (`nvme.…`, NVME_QUIRK_BOGUS_NID).
 */
function schemeOf(wwn: string): string {
  return /^(0x|[a-z0-9]+\.)/.exec(wwn)?.[1] ?? '';
}

function differs(one: string, other: string): boolean {
  return one !== '' && other !== '' && one !== other;
}

function describeIdentity({ serial, wwn, bytes }: DiskIdentity): string {
  return [
    serial === '' ? '' : `serial ${serial}`,
    wwn === '' ? '' : `WWN ${wwn}`,
    serial === '' && wwn === '' ? 'no serial number' : '',
    `${bytes} bytes`,
  ]
    .filter((word) => word !== '')
    .join(', ');
}

/** What is lost on a disk, in words that stay the same when the machine has booted the installer. */
export interface DiskLosses extends DiskIdentity {
  readonly losses: readonly string[];
}

/** Of the disks on which something is lost. */
export function lossesOf(disks: readonly DiskPlan[]): readonly DiskLosses[] {
  return disks
    .map(({ serial, wwn, bytes, ...disk }) => ({ serial, wwn, bytes, losses: lossesOn(disk) }))
    .filter(({ losses }) => losses.length > 0);
}

/**
 * What is not as it was when the plan was made, as sentences; empty if all is the same.
 *
 * @param before the plan's bindings and losses
 * @param now those of the machine as it is about to be changed
 */
export function changesSince(
  before: { readonly bindings: readonly Binding[]; readonly losses: readonly DiskLosses[] },
  now: { readonly bindings: readonly Binding[]; readonly disks: readonly DiskPlan[] },
): readonly string[] {
  return [
    ...before.bindings.flatMap((binding) => changeOf(binding, now.bindings)),
    ...growthOf(now.disks, before.losses),
  ];
}

function changeOf(before: Binding, all: readonly Binding[]): string[] {
  const now = all.find(({ path }) => path === before.path);
  if (now === undefined) return [`${before.path} is not there any more`];
  const same =
    now.part === before.part &&
    now.disks.length === before.disks.length &&
    now.disks.every((disk, index) => isSameDisk(disk, before.disks[index] ?? disk));
  return same ? [] : [`${before.path} was ${describeBinding(before)}, and is ${describeBinding(now)}`];
}

function describeBinding({ disks, part }: Binding): string {
  const on = disks.map(describeIdentity).join(' and ');
  return part === '' ? `the disk with ${on}` : `${part} on the disk with ${on}`;
}

/**
 * What would be lost on disks now, and was not in the plan. Where nothing tells disks from each other, what was planned
 * for one is not for two: each of them needs a disk of the plan for itself.
 */
function growthOf(disks: readonly DiskPlan[], before: readonly DiskLosses[]): string[] {
  const taken = new Set<DiskLosses>();
  return disks.flatMap((disk) => {
    const losses = lossesOn(disk);
    if (losses.length === 0) return [];
    // one WWN is one disk, however often it is seen
    const known = before.filter((other) => isSameDisk(other, disk) && (disk.wwn !== '' || !taken.has(other)));
    const [match] = known
      .filter((other) => beyond(losses, other.losses).length === 0)
      .toSorted((a, b) => extent(a) - extent(b));
    if (match !== undefined) taken.add(match);
    const grown = match === undefined ? beyond(losses, known[0]?.losses ?? []) : [];
    return grown.length === 0
      ? []
      : [`on ${disk.device} (${describeIdentity(disk)}) ${grown.join(', ')} would be lost too`];
  });
}

function beyond(losses: readonly string[], planned: readonly string[]): readonly string[] {
  return planned.includes(everything) ? [] : losses.filter((loss) => !planned.includes(loss));
}

function extent({ losses }: DiskLosses): number {
  return losses.includes(everything) ? Number.POSITIVE_INFINITY : losses.length;
}

const everything = 'everything';

/** What is lost on a disk. Partitions are told by their numbers: names of what is on them depend on what is active. */
function lossesOn({ fate, contents }: Pick<DiskPlan, 'fate' | 'contents'>): string[] {
  if (fate === 'wiped') return [everything];
  return contents.flatMap((content) => {
    if (content.kind === 'whole disk' && content.lost) return [everything];
    const isLost = (inner: DiskPlan['contents'][number]): boolean =>
      inner.lost || inner.contains.some(isLost);
    return isLost(content) ? [content.kind] : [];
  });
}
