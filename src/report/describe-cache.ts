import type { CacheReport } from '../cache/report';
import { formatDuration } from '../deadlines';
import { counted, formatBytes } from './quantities';

const hits: Record<CacheReport['hit'], string> = {
  exact: 'exact: it had this very build',
  partial: 'partial: it had some of this build',
  none: 'none',
};

/** What the cache did, for the job summary: names and values. */
export function describeCache(report: CacheReport): readonly (readonly [name: string, value: string])[] {
  const { hit, restored, saved, image } = report;
  const won = describeWon(report);
  return [
    ['hit', hits[hit]],
    ...(restored.layers === 0 && restored.paths === 0
      ? []
      : [['restored', describeRestored(report)] as const]),
    ...(won === ''
      ? []
      : [
          [
            'time won',
            `${won}: the time it took to build that, one by one, less that of getting it`,
          ] as const,
        ]),
    ...(saved.paths === 0 ? [] : [['saved', describeSaved(report)] as const]),
    ...(image === null ? [] : [['kexec image', `${image.what} (${formatBytes(image.bytes)})`] as const]),
  ];
}

/** What a build has found in it, for the log. @param hasBuilt whether Nix had to build something */
export function describeFound(report: CacheReport, hasBuilt: boolean): string {
  if (report.hit === 'none')
    return hasBuilt ? 'nothing in it for this build' : 'not needed: nothing had to be built';
  const won = describeWon(report);
  return `${report.hit} hit, ${describeRestored(report)}${won === '' ? '' : `; ${won} won`}`;
}

/** `5 paths taken, 2 layers downloaded (1.2 MB)` */
function describeRestored({ restored: { layers, paths, bytes } }: CacheReport): string {
  const downloaded = `${counted(layers, 'layer')} downloaded (${formatBytes(bytes)})`;
  if (paths > 0) return `${counted(paths, 'path')} taken, ${downloaded}`;
  return layers === 0 ? 'nothing had to be taken' : `no path taken, ${downloaded}`;
}

/** Empty where it took as long to get it, or longer. */
function describeWon({ secondsWon }: CacheReport): string {
  return secondsWon > 0 ? `about ${formatDuration(secondsWon * 1000)}` : '';
}

/** `3 paths (1.0 MB)` */
export function describeSaved({ saved: { paths, bytes } }: CacheReport): string {
  return `${counted(paths, 'path')} (${formatBytes(bytes)})`;
}
