import type { DiskoMode } from '../../inputs/settings';
import type { ConfiguredDisk } from '../evaluation';
import { disksUnder, type Graph, type Group, makeGraph } from './graph';
import type { BlockDevice, Inventory } from './inventory';

/**
 * What happens to a disk. `wiped`: all that is on it is lost. `changed`: the configuration names it, or something on
 * it, and only what is marked as lost is lost; disko adds what is missing. `collateral`: the configuration does not
 * want it wiped, but what is marked on it is lost, because it hangs together with a disk that is wiped.
 */
export type Fate = 'wiped' | 'collateral' | 'changed' | 'untouched';
const fateOrder: readonly Fate[] = ['wiped', 'collateral', 'changed', 'untouched'];

export interface DiskPlan {
  readonly device: string;
  readonly fate: Fate;
  /** The paths by which the configuration names the disk, or something on it. */
  readonly named: readonly string[];
  readonly bytes: number;
  readonly model: string;
  readonly serial: string;
  readonly wwn: string;
  /** A path below /dev/disk/by-id; empty if there is none. */
  readonly byId: string;
  readonly contents: readonly Content[];
}

/** Something on a disk. What is not known is empty. */
export interface Content {
  readonly device: string;
  /** Partition, volume, …: for a reader. */
  readonly kind: string;
  readonly bytes: number;
  readonly type: string;
  readonly label: string;
  readonly uuid: string;
  readonly partitionLabel: string;
  /** What it is a member of: `volume group vg0`. */
  readonly memberOf: readonly string[];
  readonly lost: boolean;
  /** Why it is lost, where the disk's fate does not say it. */
  readonly because: string;
  readonly contains: readonly Content[];
}

/** What disko will do. Undefined where it does nothing at all. */
export interface DiskoWork {
  readonly mode: DiskoMode;
  /** Empty where the configuration does not tell which disks it is about: then all of them may be lost. */
  readonly disks: readonly ConfiguredDisk[];
  /** Whether the script comes without a configuration: nobody knows what it does. */
  readonly unknown: boolean;
}

/** The fate of every disk, the most endangered first. Removable media appear only when they are concerned. */
export function diskPlans(inventory: Inventory, work: DiskoWork | undefined): readonly DiskPlan[] {
  const graph = makeGraph(inventory);
  const disks = graph.devices.filter(({ kind }) => kind === 'disk');
  const targets = work === undefined ? noTargets : targetsOf(inventory, graph, disks, work);
  const losses = lossesOf(graph, targets.wiped);
  return disks
    .map((disk) => diskPlan(disk, graph, targets, losses))
    .filter(
      ({ fate, device }) =>
        fate !== 'untouched' || !disks.some((disk) => disk.path === device && disk.removable),
    )
    .toSorted(
      (a, b) =>
        fateOrder.indexOf(a.fate) - fateOrder.indexOf(b.fate) ||
        a.device.localeCompare(b.device, 'en', { numeric: true }),
    );
}

/** Names of devices, and the paths that name them. */
interface Targets {
  readonly wiped: ReadonlySet<string>;
  readonly changed: ReadonlySet<string>;
  readonly named: ReadonlyMap<string, readonly string[]>;
}
const noTargets: Targets = { wiped: new Set(), changed: new Set(), named: new Map() };

function targetsOf(
  inventory: Inventory,
  graph: Graph,
  disks: readonly BlockDevice[],
  { mode, disks: configured }: DiskoWork,
): Targets {
  if (mode === 'mount') return noTargets;
  const wiped = new Set<string>();
  const changed = new Set<string>();
  const named = new Map<string, string[]>();
  for (const { device: path, destroy } of configured) {
    const device = graph.device(inventory.asked[path] ?? '');
    if (device === undefined) continue;
    for (const name of wholeDisks(device)) {
      named.set(name, [...(named.get(name) ?? []), path]);
      (mode === 'disko' && destroy ? wiped : changed).add(name);
    }
  }
  // disko wipes a disk that one entry wants wiped, whatever another says
  for (const name of wiped) changed.delete(name);
  const all =
    configured.length > 0
      ? []
      : disks.filter(({ removable, readOnly }) => !removable && !readOnly).map(({ name }) => name);
  return mode === 'disko'
    ? { wiped: new Set([...wiped, ...all]), changed, named }
    : { wiped, changed: new Set([...changed, ...all]), named };
}

/** A multipath map is the disks behind it. */
function wholeDisks(device: BlockDevice): readonly string[] {
  return device.dmUuid.startsWith('mpath-') ? device.slaves : [device.name];
}

interface Loss {
  /** Empty where the configuration names it. */
  readonly because: string;
}

/** Everything that is lost when these devices are wiped: what is built on them, and all groups with a member among it. */
function lossesOf(graph: Graph, roots: ReadonlySet<string>): ReadonlyMap<string, Loss> {
  const losses = new Map<string, Loss>();
  const queue: (readonly [string, Loss])[] = [...roots].map((name) => [name, { because: '' }]);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [name, loss] = next;
    if (losses.has(name)) continue;
    losses.set(name, loss);
    for (const device of graph.above(name)) queue.push([device.name, loss]);
    for (const group of graph.groupsOf(name)) {
      const because = `${nameOfGroup(group)} has a member on ${rootNames(graph, name)}`;
      for (const member of [...group.members, ...group.volumes])
        if (!losses.has(member)) queue.push([member, { because }]);
    }
  }
  return losses;
}

/** The disks on which a device lies, as a person names them. */
function rootNames(graph: Graph, name: string): string {
  return disksUnder(graph, name)
    .map(({ path }) => path)
    .join(', ');
}

function nameOfGroup({ kind, name }: Pick<Group, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

function diskPlan(
  disk: BlockDevice,
  graph: Graph,
  targets: Targets,
  losses: ReadonlyMap<string, Loss>,
): DiskPlan {
  const inside = insideOf(disk.name, graph);
  return {
    device: disk.path,
    fate: fateOf(disk.name, inside, targets, losses),
    named: inside.flatMap((name) => targets.named.get(name) ?? []),
    bytes: disk.bytes,
    model: disk.model,
    serial: disk.serial,
    wwn: disk.wwn,
    byId: disk.links.find((link) => link.startsWith('/dev/disk/by-id/')) ?? '',
    contents: contentsOf(disk, graph, losses),
  };
}

/** The disk and everything that is built on it. */
function insideOf(name: string, graph: Graph): readonly string[] {
  const inside = new Set<string>();
  const visit = (at: string) => {
    if (inside.has(at)) return;
    inside.add(at);
    for (const { name: next } of graph.above(at)) visit(next);
  };
  visit(name);
  return [...inside];
}

function fateOf(
  disk: string,
  inside: readonly string[],
  targets: Targets,
  losses: ReadonlyMap<string, Loss>,
): Fate {
  if (targets.wiped.has(disk)) return 'wiped';
  if (inside.some((name) => (losses.get(name)?.because ?? '') !== '')) return 'collateral';
  if (inside.some((name) => losses.has(name) || targets.changed.has(name))) return 'changed';
  return 'untouched';
}

function contentsOf(disk: BlockDevice, graph: Graph, losses: ReadonlyMap<string, Loss>): readonly Content[] {
  const isItself =
    disk.type !== '' || graph.groupsOf(disk.name).some(({ kind }) => kind !== 'multipath disk');
  const inner = graph.above(disk.name);
  return isItself
    ? [contentOf(disk, graph, losses, new Set())]
    : inner.map((device) => contentOf(device, graph, losses, new Set([disk.name])));
}

function contentOf(
  device: BlockDevice,
  graph: Graph,
  losses: ReadonlyMap<string, Loss>,
  outside: ReadonlySet<string>,
): Content {
  const loss = losses.get(device.name);
  const within = new Set([...outside, device.name]);
  return {
    device: device.path,
    kind: kindFor(device),
    bytes: device.bytes,
    type: device.type,
    label: device.label,
    uuid: device.uuid || device.partitionUuid,
    partitionLabel: device.partitionLabel,
    memberOf: graph.groupsOf(device.name).map(nameOfGroup),
    lost: loss !== undefined,
    because: loss?.because ?? '',
    contains: graph
      .above(device.name)
      .filter(({ name }) => !within.has(name))
      .map((inner) => contentOf(inner, graph, losses, within)),
  };
}

function kindFor({ kind, partition, dmUuid, level, name }: BlockDevice): string {
  if (kind === 'partition') return `partition ${partition}`;
  if (kind === 'md') return level === '' ? 'RAID array' : level;
  if (kind === 'disk') return 'whole disk';
  if (kind !== 'dm') return kind === 'other' ? '' : kind;
  if (name.startsWith('lvm-')) return 'volume, not active';
  if (dmUuid.startsWith('LVM-')) return 'volume';
  if (dmUuid.startsWith('CRYPT-')) return 'opened encryption';
  return dmUuid.startsWith('mpath-') ? 'multipath' : 'mapped';
}
