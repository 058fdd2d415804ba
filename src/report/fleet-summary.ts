import { formatDuration } from '../deadlines';
import { failures } from './describe-fleet';
import { code, escapeMarkdown, table } from './markdown';
import type { FleetReport, HostResult } from './result';

/** The part of the job summary that is about many hosts. What needs somebody comes first. */
export function fleetSection({ hosts, failed, results }: FleetReport): string[] {
  if (results.length > 0) return [resultTable(results)];
  return [
    ...(failed.length === 0
      ? []
      : [
          table(
            ['host', '', ''],
            failed.map(({ host, at, message }) => [
              code(host),
              `❌ ${failures[at ?? 'evaluation']}`,
              escapeMarkdown(message),
            ]),
          ),
        ]),
    ...(hosts.length === 0
      ? []
      : [
          table(
            ['host', 'why'],
            hosts.map(({ host, reason }) => [code(host), escapeMarkdown(reason)]),
          ),
        ]),
  ];
}

function resultTable(results: readonly HostResult[]): string {
  const isBad = ({ outcome }: HostResult) => outcome === 'failed' || outcome === 'missing';
  return table(
    ['host', '', 'action', 'time', ''],
    [...results]
      .sort((a, b) => Number(isBad(b)) - Number(isBad(a)))
      .map((result) => [
        code(result.host),
        `${isBad(result) ? '❌' : '✅'} ${result.outcome}`,
        result.action ?? '–',
        formatDuration(result.seconds * 1000),
        escapeMarkdown(result.failure ?? result.reason ?? ''),
      ]),
  );
}
