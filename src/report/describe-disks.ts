import type { Content, DiskPlan, Fate } from '../plan/disks/fates';
import type { OnlinePlan } from '../plan/plan';
import { formatBytes } from './quantities';

/** How a fate is written: in the log, and in the summary. */
export const fateWords: Record<Fate, { readonly log: string; readonly summary: string }> = {
  wiped: { log: 'WIPED', summary: '🔴&nbsp;**wiped**' },
  collateral: { log: 'COLLATERAL', summary: '🟠&nbsp;**collateral**' },
  changed: { log: 'changed', summary: '🟡&nbsp;**changed**' },
  untouched: { log: 'untouched', summary: '🟢&nbsp;untouched' },
};

/** What `changed` means, for a reader who sees nothing marked as lost. */
export const changedNote =
  'Changed: only what is marked as lost is lost. Disko makes what is missing, and formats a partition that is to be encrypted and is not.';

export function hasChanged({ disks }: OnlinePlan): boolean {
  return disks.some(({ fate }) => fate === 'changed');
}

/** One thing on a disk. */
export interface ContentLine {
  /** How deep it lies in others, from 0. */
  readonly depth: number;
  readonly lost: boolean;
  readonly device: string;
  readonly bytes: number;
  /** What else is known of it. */
  readonly words: readonly string[];
}

/** A disk's names, size, model and identity. */
export function describeDisk(disk: DiskPlan): string {
  const names = [...new Set([...disk.named, disk.device])].join(' = ');
  const serial = disk.serial === '' ? '' : `serial ${disk.serial}`;
  const wwn = disk.serial === '' && disk.wwn !== '' ? `WWN ${disk.wwn}` : '';
  const words = [names, sizeOf(disk.bytes), disk.model, serial, wwn].filter((word) => word !== '');
  return oneLine(words.join(', '));
}

/** Empty where it is not known. */
export function sizeOf(bytes: number): string {
  return bytes === 0 ? '' : formatBytes(bytes);
}

/** What is on a disk, the outer before the inner. */
export function linesOf(disk: DiskPlan, online: OnlinePlan): readonly ContentLine[] {
  return disk.contents.flatMap((content) => contentLines(content, online, 0));
}

function contentLines(content: Content, online: OnlinePlan, depth: number): ContentLine[] {
  const { device, bytes, lost, contains } = content;
  return [
    { depth, lost, device: oneLine(device), bytes, words: wordsFor(content, online) },
    ...contains.flatMap((inner) => contentLines(inner, online, depth + 1)),
  ];
}

function wordsFor(content: Content, online: OnlinePlan): string[] {
  const { kind, type, label, partitionLabel, memberOf, because, device } = content;
  const uses = online.observed.uses[device] ?? [];
  const mounts = uses.filter((use) => use !== 'swap');
  return [
    kind,
    partitionLabel === '' ? '' : `named "${partitionLabel}"`,
    label === '' ? type : `${type} "${label}"`,
    ...memberOf.map((group) => `in ${group}`),
    ...(mounts.length === 0 ? [] : [`mounted at ${shortest(mounts)}`]),
    ...(uses.includes('swap') ? ['in use as swap'] : []),
    looksLikeNixos(content, mounts, online) ? 'looks like NixOS' : '',
    because === '' ? '' : `lost because ${because}`,
  ]
    .filter((word) => word !== '')
    .map(oneLine);
}

/** Labels are foreign text: a line end in one could pass for another line of the plan. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ');
}

const shownMounts = 4;

/** Containers mount a file system in dozens of places. */
function shortest(mounts: readonly string[]): string {
  const shown = mounts.toSorted((a, b) => a.length - b.length).slice(0, shownMounts);
  const more = mounts.length - shown.length;
  return shown.join(' and ') + (more > 0 ? ` and ${more} more places` : '');
}

/** The names that NixOS's manual and disko give, or where the NixOS that runs is mounted. */
function looksLikeNixos(
  { label, partitionLabel }: Content,
  mounts: readonly string[],
  { runsNixos, isInstaller }: OnlinePlan,
): boolean {
  const isRoot = runsNixos && !isInstaller && mounts.includes('/');
  return isRoot || label.toLowerCase() === 'nixos' || partitionLabel.startsWith('disk-');
}
