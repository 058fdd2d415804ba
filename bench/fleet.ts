// What the rules for layers make of the hosts of one flake, in a cache as GitHub's: calculated, with sizes that are made up.
import { divide } from '../src/cache/divide';
import { type LayerKeys, layerKeys } from '../src/cache/keys';
import type { LayerEntry, StoredPath } from '../src/cache/layer';
import {
  bytesOf,
  type LayerLimits,
  layerLimits,
  mergeLayers,
  planLayer,
  withinLimits,
} from '../src/cache/layer-plan';

/** Sizes in bytes, compressed. */
export interface Fleet {
  readonly hosts: number;
  readonly shared: { readonly paths: number; readonly bytes: number };
  /** Of each host. */
  readonly own: { readonly paths: number; readonly bytes: number };
  /** Commits after the first, a day each. */
  readonly days: number;
  /** Of the paths, each day. */
  readonly changes: number;
  /** The day of a new nixpkgs, with which all paths are new. */
  readonly allNew: number;
  /** How many jobs run at once; none of these sees what another saves. */
  readonly atOnce: number;
  /** What a job builds that comes before all others: nothing (there is none), what is shared, or all (`hosts`). */
  readonly first: 'nothing' | 'shared' | 'all';
  /** Whether what one job builds for all is one layer. */
  readonly undivided?: boolean;
}

export const fleet: Omit<Fleet, 'atOnce' | 'first' | 'undivided'> = {
  hosts: 30,
  shared: { paths: 100, bytes: 250e6 },
  own: { paths: 40, bytes: 40e6 },
  days: 20,
  changes: 0.05,
  allNew: 10,
};

/** What the runs of a commit have done. */
export interface Day {
  readonly uploads: number;
  readonly bytes: number;
  /** What was built though an earlier run had built it, in bytes. */
  readonly again: number;
  /** How large the cache was at most. */
  readonly stored: number;
  readonly evicted: number;
  /** What the hosts' own jobs have downloaded, in bytes, and what they needed of it. */
  readonly downloaded: number;
  readonly needed: number;
  /** The most layers that a run took its paths from. */
  readonly spanned: number;
  /** The most layers that a layer knows of. */
  readonly known: number;
}

const quota = 10e9;
const compression = 3;

/** An entry of the service; what its manifest says. */
interface Entry {
  readonly layer: LayerEntry;
  readonly below: readonly LayerEntry[];
  used: number;
}

/** GitHub keeps what was asked for last. */
class Service {
  entries: Entry[] = [];
  evicted = 0;
  largest = 0;
  #clock = 0;

  bytes = 0;

  now(): number {
    return ++this.#clock;
  }

  find(prefix: string): Entry | undefined {
    const found = this.entries.findLast(({ layer }) => layer.key.startsWith(prefix));
    if (found !== undefined) found.used = this.now();
    return found;
  }

  store(entry: Entry): void {
    this.entries.push(entry);
    this.bytes += bytesOf(entry.layer);
    while (this.bytes > quota) {
      const oldest = this.entries.reduce((a, b) => (a.used <= b.used ? a : b));
      this.entries = this.entries.filter((each) => each !== oldest);
      this.bytes -= bytesOf(oldest.layer);
      this.evicted += 1;
    }
    this.largest = Math.max(this.largest, this.bytes);
  }
}

/** The full build, and each day after it. */
export function simulate(of: Fleet, limits: LayerLimits = layerLimits): readonly Day[] {
  const service = new Service();
  const builtBefore = new Set<string>();
  return Array.from({ length: of.days + 1 }, (_, day) => {
    const before = service.evicted;
    service.largest = service.bytes;
    const jobs = Array.from({ length: of.hosts }, (_job, host) => ({
      name: `host-${host}`,
      wanted: [...sharedPaths(of, day), ...ownPaths(of, host, day)],
    }));
    const batches: Job[][] = [firstJobs(of, jobs, day)];
    for (let at = 0; at < jobs.length; at += of.atOnce) batches.push(jobs.slice(at, at + of.atOnce));
    const done = batches.flatMap((batch) => runAtOnce(batch, service, builtBefore, limits, day));
    const hosts = done.slice(-of.hosts);
    const sumOf = (runs: readonly Run[], value: (run: Run) => number) =>
      runs.reduce((all, run) => all + value(run), 0);
    const sum = (value: (run: Run) => number) => sumOf(done, value);
    return {
      uploads: sum(({ uploads }) => uploads),
      bytes: sum(({ uploaded }) => uploaded),
      again: sum(({ again }) => again),
      stored: service.largest,
      evicted: service.evicted - before,
      downloaded: sumOf(hosts, ({ downloaded }) => downloaded),
      needed: sumOf(hosts, ({ needed }) => needed),
      spanned: Math.max(...done.map(({ spanned }) => spanned)),
      known: Math.max(...done.map(({ known }) => known)),
    };
  });
}

interface Job {
  readonly name: string;
  readonly wanted: readonly StoredPath[];
  /** For whom it builds, where these are several: what each of them needs. */
  readonly closures?: readonly ReadonlySet<string>[] | undefined;
}

function firstJobs(of: Fleet, hosts: readonly Job[], day: number): Job[] {
  if (of.first === 'nothing') return [];
  if (of.first === 'shared') return [{ name: 'all', wanted: sharedPaths(of, day) }];
  const all = new Map(hosts.flatMap(({ wanted }) => wanted.map((path) => [path.path, path])));
  const closures = hosts.map(({ wanted }) => new Set(wanted.map(({ path }) => path)));
  return [{ name: 'all', wanted: [...all.values()], closures: of.undivided === true ? undefined : closures }];
}

interface Run {
  readonly uploaded: number;
  readonly uploads: number;
  readonly downloaded: number;
  /** Of what it took from layers. */
  readonly needed: number;
  readonly again: number;
  readonly spanned: number;
  readonly known: number;
}

/** All of them look before the first of them saves. */
function runAtOnce(
  jobs: readonly Job[],
  service: Service,
  builtBefore: Set<string>,
  limits: LayerLimits,
  day: number,
): readonly Run[] {
  const looked = jobs.map(({ name, wanted, closures }) => {
    const keys = layerKeys({
      prefix: 'fleet',
      system: 'x86_64-linux',
      key: undefined,
      configuration: name,
      derivations: [`${name} ${day}`],
    });
    return { keys, wanted, closures, ...restored(keys, wanted, service) };
  });
  const before = new Set(builtBefore);
  return looked.map(({ keys, wanted, closures, known, missing, spanned, downloaded }) => {
    for (const { path } of missing) builtBefore.add(path);
    const again = missing.filter(({ path }) => before.has(path));
    const uploaded = saved({ keys, wanted, closures }, known, service, limits);
    return {
      downloaded,
      needed: bytesOfPaths(wanted) - bytesOfPaths(missing),
      uploads: uploaded?.uploads ?? 0,
      uploaded: uploaded?.bytes ?? 0,
      again: bytesOfPaths(again),
      spanned,
      known: uploaded?.known ?? 0,
    };
  });
}

/** As src/cache/restore.ts does it. */
function restored(keys: LayerKeys, wanted: readonly StoredPath[], service: Service) {
  const exact = service.find(keys.exact);
  const found = exact === undefined ? [service.find(keys.configuration), service.find(keys.shared)] : [exact];
  const named = found.flatMap((entry) => (entry === undefined ? [] : [entry.layer, ...entry.below]));
  const asked = new Set(wanted.map(({ path }) => path));
  const there = new Set<string>();
  let spanned = 0;
  // to know what it says, the whole of it
  const fetched = new Set(found.flatMap((entry) => (entry === undefined ? [] : [entry.layer])));
  const known = mergeLayers(named).filter((layer) => {
    const needed = layer.paths.filter(({ path }) => !there.has(path) && asked.has(path));
    if (needed.length === 0) return true;
    // evicted
    if (service.find(layer.key) === undefined) return false;
    spanned += 1;
    fetched.add(layer);
    for (const { path } of needed) there.add(path);
    return true;
  });
  const downloaded = [...new Map([...fetched].map((layer) => [layer.key, bytesOf(layer)])).values()];
  return {
    known,
    missing: wanted.filter(({ path }) => !there.has(path)),
    spanned,
    downloaded: downloaded.reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** As src/cache/closure-cache.ts does it: what those have saved who were quicker is seen, as far as the newest tells. */
function saved(
  { keys, wanted, closures }: Pick<Job, 'wanted' | 'closures'> & { readonly keys: LayerKeys },
  known: readonly LayerEntry[],
  service: Service,
  limits: LayerLimits,
): { readonly bytes: number; readonly uploads: number; readonly known: number } | undefined {
  if (planLayer(wanted, known, limits, closures).store.length === 0) return undefined;
  const newest = service.find(keys.shared);
  const seen = newest === undefined ? [] : [newest.layer, ...newest.below];
  const { store, below } = planLayer(wanted, mergeLayers(seen, known), limits, closures);
  if (store.length === 0) return undefined;
  const parts = closures === undefined ? [store] : divide(store, closures);
  let knownThen = below;
  for (const part of parts) {
    const made = service.now();
    const layer = { key: `${keys.exact}${made}`, made, paths: part };
    service.store({ layer, below: withinLimits(knownThen, limits), used: made });
    knownThen = [layer, ...knownThen];
  }
  return { bytes: bytesOfPaths(store), uploads: parts.length, known: knownThen.length };
}

function sharedPaths(of: Fleet, day: number): StoredPath[] {
  return pathsOf('shared', of.shared, of, day);
}

function ownPaths(of: Fleet, host: number, day: number): StoredPath[] {
  // the system itself is another one with each commit
  const system = stored(`system-${host}-${day}`, 1e4);
  return [...pathsOf(`host-${host}`, of.own, of, day), system];
}

/** Each has the name of the day of its last change. */
function pathsOf(name: string, { paths, bytes }: Fleet['own'], of: Fleet, day: number): StoredPath[] {
  const perDay = Math.ceil(paths * of.changes);
  return Array.from({ length: paths }, (_, index) => {
    const turns = Array.from({ length: day }, (_turn, past) => day - past).filter(
      (each) =>
        each === of.allNew ||
        Math.floor(((index + paths - ((each * perDay) % paths)) % paths) / perDay) === 0,
    );
    return stored(`${name}-${index}-${turns[0] ?? 0}`, bytes / paths);
  });
}

function stored(path: string, fileSize: number): StoredPath {
  const unknown = { narHash: '', references: [], deriver: '', ca: '', fileHash: '', offset: 0, buildMs: 0 };
  return { ...unknown, path, fileSize, narSize: compression * fileSize };
}

function bytesOfPaths(paths: readonly StoredPath[]): number {
  return paths.reduce((sum, { fileSize }) => sum + fileSize, 0);
}
