import { formatDuration } from '../deadlines';
import { countsOf, groupOf, inOrder, needsSomebody, short, whyMissing } from './fleet-words';
import type { FleetReport, HostResult } from './result';
import { stateWords } from './states';

export const failures = { evaluation: 'cannot be evaluated', build: 'was not built' } as const;

/** Of a message the log has more than the summary. */
const longestMessage = 500;

/** What was found, as lines of the log: what needs somebody first. */
export function describeFleet(fleet: FleetReport): string {
  return [
    countsOf(fleet),
    ...fleet.failed.map(
      ({ host, at, message }) =>
        `  ${host}  ${failures[at ?? 'evaluation']}: ${short(message, longestMessage)}`,
    ),
    ...(fleet.files === null
      ? fleet.hosts.map(({ host, reason }) => `  ${host}  ${reason}`)
      : inOrder(fleet.results).flatMap(resultLines)),
  ].join('\n');
}

function resultLines(result: HostResult): readonly string[] {
  const { host, outcome, seconds, plan, failure, targetState } = result;
  const word = needsSomebody(result) ? outcome.toUpperCase() : outcome;
  const action = plan === null ? '' : `  ${plan.action}: ${short(plan.reason, longestMessage)}`;
  const more = (text: string) => `    ${text}`;
  return [
    `  ${word.padEnd(9)}  ${host}${seconds === 0 ? '' : `  ${formatDuration(seconds * 1000)}`}${action}`,
    ...(outcome === 'missing' ? [more(whyMissing)] : []),
    ...(failure === null ? [] : [more(`${whereFailed(failure)}: ${short(failure.message, longestMessage)}`)]),
    ...(failure === null || failure.hint === null
      ? []
      : [more(`what to do: ${short(failure.hint, longestMessage)}`)]),
    ...(outcome === 'failed' && targetState !== null && targetState !== 'untouched'
      ? [more(`the machine is ${stateWords[targetState]}`)]
      : []),
    ...(groupOf(result) === 'to be changed' ? planLines(plan).map(more) : []),
  ];
}

/** `in phase disko`. */
export function whereFailed({ phase, cancelled }: NonNullable<HostResult['failure']>): string {
  const where = phase === null ? 'before the first phase' : `in phase ${phase}`;
  return cancelled ? `cancelled ${where}` : where;
}

function planLines(plan: HostResult['plan']): readonly string[] {
  if (plan === null) return [];
  return [
    ...(plan.lost.length === 0
      ? []
      : [`disks that will be lost: ${short(plan.lost.join('; '), longestMessage)}`]),
    ...plan.terms.map((term) => short(term, longestMessage)),
    plan.digest === null ? noDigest : `plan ${plan.digest}`,
  ];
}

/** Why there is no job for a host with a plan. */
export const noDigest = 'cannot be approved: the digest in its file is not that of the plan in it';
