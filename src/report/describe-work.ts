import type { Action } from '../plan/decide';
import type { OfflinePlan } from '../plan/plan';
import type { Work } from '../plan/work';
import { counted, formatBytes } from './quantities';

/** Where `build-on` is, or comes to, remote. */
export const builtThere = 'on the machine itself';

/**
 * What there is to build and to copy, in one line.
 *
 * @param action undefined without a machine
 * @param mayBeCached whether the run has a cache: it is looked at only when it builds
 */
export function describeWork(work: Work | null, action: Action | undefined, mayBeCached: boolean): string {
  if (work === null) return 'what is to be built and copied is not known';
  const parts = [describeBuild(work, mayBeCached), describeFetch(work), describeClosure(work)];
  if (action === 'update') parts.push('what the machine has of it already is not known');
  return parts.filter((part) => part !== '').join(', ');
}

function describeBuild({ build, fetch }: Work, mayBeCached: boolean): string {
  if (build.derivations > 0)
    return `${counted(build.derivations, 'derivation')} to build${mayBeCached ? ' or to take from the cache' : ''}`;
  return fetch.paths > 0 ? 'nothing to build' : 'all of it is on the runner';
}

function describeFetch({ fetch }: Work): string {
  if (fetch.paths === 0) return '';
  const size = fetch.downloadBytes === null ? '' : ` (${formatBytes(fetch.downloadBytes)})`;
  return `${counted(fetch.paths, 'path')} to fetch${size}`;
}

function describeClosure({ closure }: Work): string {
  if (closure === null) return 'the size of the closure is known when it is built';
  const { paths, bytes, fetchable } = closure;
  const part =
    fetchable.paths === 0
      ? ''
      : `, of which ${formatBytes(fetchable.bytes)} the machine can fetch from substituters`;
  return `closure ${formatBytes(bytes)} in ${counted(paths, 'path')}${part}`;
}

/** What disko does with a disk that the configuration names, as far as that alone says. */
export function fateOf(
  { destroy }: { readonly destroy: boolean },
  mode: OfflinePlan['diskoMode'],
): 'WIPED' | 'used' | 'mounted' {
  if (mode === 'mount') return 'mounted';
  return mode === 'disko' && destroy ? 'WIPED' : 'used';
}

const fates = {
  WIPED: 'all that is on it will be lost',
  used: 'what is missing is added, the rest is kept',
  mounted: 'its file systems are mounted',
} as const;

export interface DiskLine {
  readonly device: string;
  readonly fate: keyof typeof fates;
  readonly meaning: string;
}

/** The configured disks with what will become of them; empty where no disko script is run. */
export function offlineDisks({ disks, diskoScript, diskoMode }: OfflinePlan): readonly DiskLine[] {
  if (disks === null || diskoScript === null) return [];
  return disks.map((disk) => {
    const fate = fateOf(disk, diskoMode);
    return { device: disk.device, fate, meaning: fates[fate] };
  });
}

/** Whether a disko script would run of which nobody knows what it wipes. */
export function wipesUnknownDisks({ disks, diskoScript }: OfflinePlan): boolean {
  return diskoScript !== null && (disks === null || disks.length === 0);
}
