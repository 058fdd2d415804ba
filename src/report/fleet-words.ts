import { counted } from './quantities';
import type { FleetReport, HostResult } from './result';

/** What came of a host, as one counts it. Those that need somebody come first. */
export const groups = [
  'failed',
  'missing',
  'to be changed',
  'changed',
  'prepared',
  'planned without the machine',
  'built',
  'tested',
  'unchanged',
] as const;
export type Group = (typeof groups)[number];

export function groupOf({ outcome, plan }: HostResult): Group {
  switch (outcome) {
    case 'planned':
      if (plan === null) return 'planned without the machine';
      return plan.action === 'nothing' ? 'unchanged' : 'to be changed';
    case 'installed':
    case 'updated':
      return 'changed';
    case 'listed':
    case 'gathered':
      throw new Error(`${outcome} is no outcome of a run for one host`);
    default:
      return outcome;
  }
}

export function needsSomebody(result: HostResult): boolean {
  return result.outcome === 'failed' || result.outcome === 'missing';
}

/** In the order of their groups, and in that of their names. */
export function inOrder(results: readonly HostResult[]): readonly HostResult[] {
  return results.toSorted(
    (a, b) =>
      groups.indexOf(groupOf(a)) - groups.indexOf(groupOf(b)) ||
      a.host.localeCompare(b.host, 'en', { numeric: true }),
  );
}

/** `30 hosts: 2 failed, 1 missing, 3 changed (1 reinstall, 2 update), 24 unchanged`. */
export function countsOf({ results, hosts, failed, selected, files, evaluations }: FleetReport): string {
  if (files === null) {
    const looked = evaluations === 0 ? '' : `, ${counted(evaluations, 'evaluation')}`;
    const broken = failed.length === 0 ? '' : `, ${failed.length} failed`;
    return `${hosts.length} of ${counted(selected, 'host')}${broken}${looked}`;
  }
  const words = groups.flatMap((group) => {
    const of = results.filter((result) => groupOf(result) === group);
    // that there are none of these is what one wants to read
    return of.length === 0 && group !== 'failed' ? [] : [`${of.length} ${group}${actionsOf(of, group)}`];
  });
  return `${counted(selected, 'host')}: ${words.join(', ')}`;
}

function actionsOf(results: readonly HostResult[], group: Group): string {
  if (group !== 'changed' && group !== 'to be changed') return '';
  const words = (['reinstall', 'install', 'update'] as const).flatMap((action) => {
    const count = results.filter(({ plan }) => plan?.action === action).length;
    return count === 0 ? [] : [`${count} ${action}`];
  });
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

export const whyMissing =
  'there is no result of it: its job was skipped or cancelled, or ended before the action could leave one';

/** One line, cut where nobody reads on. */
export function short(text: string, most = 160): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // not in the middle of a character
  return line.length > most ? `${line.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…` : line;
}
