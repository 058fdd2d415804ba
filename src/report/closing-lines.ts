import { formatDuration } from '../deadlines';
import { fleetTitle } from './fleet-summary';
import type { Result } from './result';
import { describeState } from './states';
import { secondsInAll } from './summary/phases';
import { proofs, subjectOf, verdictOf } from './verdict';

/**
 * The end of the log, after all groups: who only looks there knows what came of the run. Why it failed the annotation says.
 *
 * @param file the result file; undefined where it could not be written
 */
export function closingLines(result: Result, file: string | undefined): string[] {
  const { failure, phases } = result;
  const seconds = secondsInAll(phases);
  const time = `, ${failure === null ? 'in' : 'after'} ${formatDuration(seconds * 1000)}`;
  return [
    `${titleOf(result)}${seconds === 0 ? '' : time}`,
    ...(failure === null ? stateOf(result) : []),
    ...(file === undefined ? [] : [`  result    ${file}`]),
    // a name of several lines could add a verdict of its own
  ].map((line) => line.replace(/[\r\n]+/g, ' '));
}

function titleOf(result: Result): string {
  const { fleet, failure } = result;
  if (fleet !== null && failure?.kind !== 'cancelled') return fleetTitle(fleet, result, (text) => text);
  const phase = failure?.phase ?? null;
  const where = failure === null ? '' : phase === null ? ' before the first phase' : ` in phase ${phase}`;
  return `${verdictOf(result)}${where}${fleet === null ? `: ${subjectOf(result)}` : ''}`;
}

/** Without a machine there is no state of one. */
function stateOf({ outcome, plan, targetState, systemPath, verified }: Result): string[] {
  if (plan === null || plan.online === null) return [];
  const isProven = outcome !== 'planned' && outcome !== 'prepared';
  return [
    `  machine   ${describeState(targetState, plan)}`,
    ...(isProven ? [`  verified  ${proofs[verified]}`] : []),
    ...(systemPath === '' ? [] : [`  system    ${systemPath}`]),
  ];
}
