import { counted } from './quantities';
import type { FleetReport } from './result';

export const failures = { evaluation: 'cannot be evaluated', build: 'was not built' } as const;

/** What was found, as a few lines of the log. */
export function describeFleet({ selected, hosts, failed, evaluations }: FleetReport): string {
  const looked = evaluations === 0 ? '' : ` (${counted(evaluations, 'evaluation')})`;
  return [
    `${hosts.length} of ${counted(selected, 'host')}${looked}`,
    ...failed.map(({ host, at, message }) => `  ${host}  ${failures[at ?? 'evaluation']}: ${message}`),
    ...hosts.map(({ host, reason }) => `  ${host}  ${reason}`),
  ].join('\n');
}
