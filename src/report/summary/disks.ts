import type { DiskPlan } from '../../plan/disks/fates';
import type { OfflinePlan, OnlinePlan, Plan } from '../../plan/plan';
import { changedNote, fateWords, hasChanged, linesOf, sizeOf } from '../describe-disks';
import { describeUnknownDisks } from '../describe-hardware';
import { offlineDisks, wipesUnknownDisks } from '../describe-work';
import { code, escapeMarkdown, folded, rowsWithin, table } from '../markdown';
import { counted } from '../quantities';
import type { Result } from '../result';

type OfRun = Pick<Result, 'outcome' | 'targetState'>;

/** In bytes: GitHub takes 1 MiB for the whole summary. */
const room = 200_000;
/** Nobody reads more. */
const shownContents = 200;

/** What is lost, or what would have been; each disk with its fate, below it what is on it. */
export function diskSection(plan: Plan, { outcome, targetState }: OfRun): string[] {
  const { online, offline } = plan;
  if (offline.provisional)
    return ['### Disks', `**Which are lost is ${escapeMarkdown(describeUnknownDisks(plan))}.**`];
  if (online.disksKnown && online.disks.length === 0) return [];
  const isSpared = outcome === 'failed' && (targetState === 'untouched' || targetState === 'installer');
  const whole = [
    ...(online.disks.length === 0 ? [] : [diskTable(online)]),
    ...(hasChanged(online) ? [changedNote] : []),
  ];
  return [
    '### Disks',
    ...(isSpared ? ['Nothing on them was changed.'] : []),
    ...(online.disksKnown
      ? []
      : ['**The configuration does not tell which disks it is about: count on all of them.**']),
    ...(online.disks.length === 0 ? [] : [verdict(online, { outcome, targetState }, isSpared)]),
    ...(isSpared ? folded('What the plan does to them', whole) : whole),
  ];
}

/** How many are lost; that the others are not is said of each in the table. */
function verdict({ disks }: OnlinePlan, { outcome, targetState }: OfRun, isSpared: boolean): string {
  const lost = disks.filter(({ fate }) => fate === 'wiped' || fate === 'collateral').length;
  const share = `${lost} of ${counted(disks.length, 'disk')}`;
  if (disks.every(({ fate }) => fate === 'untouched'))
    return isSpared ? 'By the plan none would have been.' : 'None is changed.';
  if (lost === 0) return 'None is lost as a whole.';
  if (outcome === 'planned') return `**${share} will be lost.**`;
  if (isSpared) return `By the plan ${share} would have been lost.`;
  if (outcome === 'failed' && targetState === 'partitioned')
    return `Disko has begun. By the plan **${share} ${lost === 1 ? 'is' : 'are'} lost.**`;
  return `**${share} ${lost === 1 ? 'was' : 'were'} lost.**`;
}

function diskTable(online: OnlinePlan): string {
  const rows = online.disks.flatMap((disk) => [
    [
      fateWords[disk.fate].summary,
      [...new Set([...disk.named, disk.device])].map(code).join(' = '),
      sizeCell(disk.bytes),
      escapeMarkdown(describeIdentityOf(disk)),
    ],
    ...linesOf(disk, online).map(({ depth, lost, device, bytes, words }) => [
      lost ? '❌&nbsp;lost' : '✅&nbsp;kept',
      `${'&emsp;'.repeat(depth + 1)}${code(device)}`,
      sizeCell(bytes),
      escapeMarkdown(words.join(', ')),
    ]),
  ]);
  return table(['', 'disk and what is on it', 'size', ''], rowsWithin(room, rows, shownContents));
}

/** In one piece: the column is narrow. */
function sizeCell(bytes: number): string {
  return sizeOf(bytes).replace(' ', '&nbsp;');
}

function describeIdentityOf({ model, serial, wwn }: DiskPlan): string {
  const known = [model, serial === '' ? '' : `serial ${serial}`, wwn === '' ? '' : `WWN ${wwn}`];
  return known.filter((word) => word !== '').join(', ') || '–';
}

/** As far as the configuration alone says. */
export function configuredDisks(offline: OfflinePlan): string[] {
  const rows = offlineDisks(offline).map(({ device, fate, meaning }) => [
    code(device),
    fate === 'WIPED' ? `🔴 **wiped**: ${meaning}` : `${fate}: ${meaning}`,
  ]);
  return [
    ...(rows.length === 0
      ? []
      : [table(['disk of the configuration', ''], rowsWithin(room, rows, shownContents))]),
    ...(wipesUnknownDisks(offline)
      ? ['**Which disks are wiped is not known: the disko script may wipe any.**']
      : []),
  ];
}
