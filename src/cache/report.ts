import type { ImageReport } from './image-cache';
import type { Restored } from './restore';

/** What the cache did in this run. */
export interface CacheReport {
  readonly hit: 'exact' | 'partial' | 'none';
  /** What Nix took from layers, and what was downloaded for it. */
  readonly restored: { readonly layers: number; readonly paths: number; readonly bytes: number };
  readonly saved: { readonly paths: number; readonly bytes: number };
  /**
   * How long what was restored had taken to build, one derivation after another, less the time that it took to get it; in
   * seconds.
   */
  readonly secondsWon: number;
  /** The kexec image that was taken from it, or put into it. */
  readonly image: ImageReport | null;
}

export const emptyReport: CacheReport = {
  hit: 'none',
  restored: { layers: 0, paths: 0, bytes: 0 },
  saved: { paths: 0, bytes: 0 },
  secondsWon: 0,
  image: null,
};

/** @param taken the paths that Nix has copied from what was restored */
export function reportOf(
  { hit, layers, downloads, bytes, ms }: Restored,
  taken: ReadonlySet<string>,
): CacheReport {
  const stored = layers.flatMap(({ paths }) => paths).filter(({ path }) => taken.has(path));
  // a derivation with several outputs was built once
  const builds = new Map(stored.map(({ deriver, path, buildMs }) => [deriver || path, buildMs]));
  const builtMs = [...builds.values()].reduce((sum, buildMs) => sum + buildMs, 0);
  return {
    ...emptyReport,
    hit,
    restored: { layers: downloads, paths: taken.size, bytes },
    secondsWon: taken.size === 0 ? 0 : tenths(builtMs / 1000 - ms / 1000),
  };
}

/** Of a run that builds twice, such as once more with what the machine has said of itself. */
export function addReport(before: CacheReport | null, now: CacheReport): CacheReport {
  if (before === null) return now;
  const [a, b] = [before.restored, now.restored];
  return {
    // the last build is the one that counts, but what an earlier one found was a hit
    hit: now.hit === 'none' && before.hit !== 'none' ? 'partial' : now.hit,
    restored: { layers: a.layers + b.layers, paths: a.paths + b.paths, bytes: a.bytes + b.bytes },
    saved: before.saved,
    secondsWon: tenths(before.secondsWon + now.secondsWon),
    image: null,
  };
}

/** Of a run that saves several layers. */
export function withSaved(report: CacheReport, { paths, bytes }: CacheReport['saved']): CacheReport {
  const { saved } = report;
  return { ...report, saved: { paths: saved.paths + paths, bytes: saved.bytes + bytes } };
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
