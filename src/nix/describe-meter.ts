import { bytesOf, inSeconds, type Reading } from '../progress-lines';
import { counted, formatBytes } from '../report/quantities';
import type { Count, NixMeter } from './meter';
import { nameOfPath } from './store-path';

/** So many of what is built are named. */
const shownNames = 3;

/** How far a build or an evaluation is. */
export function readBuild(meter: NixMeter): Reading {
  const [builds, substitutions] = [meter.count('builds'), meter.count('substitutions')];
  const bytes = fetchedBytes(meter);
  const done = [
    ...(builds.total === 0 ? [] : [`${builds.done} of ${counted(builds.total, 'derivation')} built`]),
    ...(substitutions.total === 0
      ? // of a flake's inputs Nix tells no more
        bytes.done === 0
        ? []
        : [`${formatBytes(bytes.done)} fetched`]
      : [`${pathsOf(substitutions)} fetched (${bytesOf(bytes.done, bytes.total)})`]),
  ];
  // what an evaluation fetches is not counted in paths
  const isFetching =
    substitutions.total > 0 ? substitutions.done < substitutions.total : builds.total === 0 && bytes.done > 0;
  return { done: done.join(', '), bytes: isFetching ? bytes.done : undefined, now: describeBuilding(meter) };
}

/**
 * How far a copy to another store is, or a build there.
 *
 * @param sentBytes that have gone there
 */
export function readCopy(meter: NixMeter, sentBytes: number): Reading {
  const [builds, copies, sent] = [meter.count('builds'), meter.count('copies'), meter.count('sent')];
  const there = meter.count('substitutions');
  const fetched = fetchedBytes(meter);
  const fetches = there.done < there.total;
  const done = [
    ...(builds.total === 0 ? [] : [`${builds.done} of ${counted(builds.total, 'derivation')} built`]),
    ...(copies.total === 0 ? [] : [`${pathsOf(copies)} sent`]),
    ...(sentBytes === 0
      ? []
      : [copies.total === 0 ? `${formatBytes(sentBytes)} sent` : bytesOf(sentBytes, sent.total)]),
    ...(there.total === 0
      ? []
      : [
          `the machine ${fetches ? 'fetches' : 'has fetched'} ${fetches ? pathsOf(there) : counted(there.done, 'path')} itself (${formatBytes(fetched.done)})`,
        ]),
  ];
  return {
    done: done.join(', '),
    bytes: builds.total > 0 && !fetches ? undefined : sentBytes + fetched.done,
    now: describeBuilding(meter),
  };
}

/** As they come through the network where Nix tells that, else as they are unpacked. */
function fetchedBytes(meter: NixMeter): Count {
  const download = meter.count('download');
  return download.done > 0 ? download : meter.count('fetched');
}

function pathsOf({ done, total }: Count): string {
  return `${done} of ${counted(total, 'path')}`;
}

function describeBuilding({ building }: NixMeter): string {
  if (building.length === 0) return '';
  const names = building
    .slice(0, shownNames)
    .map(({ derivation, ms }) => `${nameOfPath(derivation)} (${inSeconds(ms)})`);
  const more = building.length - names.length;
  return `now ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
