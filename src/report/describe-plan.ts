import type { OfflinePlan, PublishedPlan } from '../plan/plan';
import type { Work } from '../plan/work';
import { describeWork, offlineDisks, wipesUnknownDisks } from './describe-work';

/** The plan as a few lines of the log. */
export function describePlan(plan: PublishedPlan): string {
  const { offline, online } = plan;
  if (online === null) return describeOfflinePlan(offline, plan.work);
  const { action, reason, phases } = plan;
  const size = (bytes: number) => (bytes > 0 ? `${(bytes / 1e9).toFixed(1)} GB` : '');
  return [
    `Plan: ${action} ${offline.configuration} on ${online.target}, because ${reason}`,
    `  system    ${offline.toplevel ?? 'none'}`,
    `  phases    ${phases.join(', ')}`,
    ...(action === 'nothing' ? [] : [`  work      ${describeWork(plan.work, action)}`]),
    ...online.wiped.map(
      (disk) =>
        `  WIPED     ${disk.path} (${[disk.device, size(disk.bytes), disk.model].filter((word) => word !== '').join(', ')})`,
    ),
    ...online.untouched.map((disk) => `  untouched ${disk.device} (${size(disk.bytes)})`),
  ].join('\n');
}

function describeOfflinePlan(offline: OfflinePlan, work: Work | null): string {
  return [
    `Plan, as far as the configuration decides: ${offline.configuration}${offline.system === null ? '' : ` (${offline.system})`}`,
    `  system    ${offline.toplevel ?? 'none'}`,
    `  work      ${describeWork(work, undefined)}`,
    ...offlineDisks(offline).map(({ device, fate, meaning }) => `  ${fate.padEnd(9)} ${device}: ${meaning}`),
    ...(wipesUnknownDisks(offline) ? ['  disks     not known: the disko script may wipe any'] : []),
  ].join('\n');
}
