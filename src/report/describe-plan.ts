import type { Plan } from '../plan/plan';

/** The plan as a few lines of the log. */
export function describePlan({ action, reason, phases, offline, online }: Plan): string {
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
