import { counted } from './quantities';
import type { FleetReport } from './result';

/** What was found, as a few lines of the log. */
export function describeFleet({ selected, hosts, failed, evaluations }: FleetReport): string {
  const looked = evaluations === 0 ? '' : ` (${counted(evaluations, 'evaluation')})`;
  return [
    `${hosts.length} of ${counted(selected, 'host')}${looked}`,
    ...failed.map(({ host, message }) => `  ${host}  cannot be evaluated: ${message}`),
    ...hosts.map(({ host, reason }) => `  ${host}  ${reason}`),
  ].join('\n');
}
