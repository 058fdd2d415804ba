import type { PublishedPlan } from '../plan/plan';

/** The plan as a few lines of the log. */
export function describePlan(plan: PublishedPlan): string {
  const { offline, online } = plan;
  if (online === null) {
    return [
      `Plan, as far as the configuration decides: ${offline.configuration}`,
      `  system    ${offline.toplevel}`,
      ...offline.disks.map(
        ({ device, destroy }) =>
          `  ${offline.diskoMode === 'disko' && destroy ? 'WIPES    ' : 'uses     '} ${device}`,
      ),
    ].join('\n');
  }
  const { action, reason, phases } = plan;
  const size = (bytes: number) => (bytes > 0 ? `${(bytes / 1e9).toFixed(1)} GB` : '');
  return [
    `Plan: ${action} ${offline.configuration} on ${online.target}, because ${reason}`,
    `  system    ${offline.toplevel}`,
    `  phases    ${phases.join(', ')}`,
    ...online.wiped.map(
      (disk) =>
        `  WIPED     ${disk.path} (${[disk.device, size(disk.bytes), disk.model].filter((word) => word !== '').join(', ')})`,
    ),
    ...online.untouched.map((disk) => `  untouched ${disk.device} (${size(disk.bytes)})`),
  ].join('\n');
}
