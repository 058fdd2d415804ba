import { formatDuration } from '../deadlines';
import { fleetSection, fleetTitle } from './fleet-summary';
import { code, table } from './markdown';
import type { Result } from './result';
import { describeState } from './states';
import { failureSection } from './summary/failure';
import { ganttSection } from './summary/gantt';
import { nextSection } from './summary/next';
import { phaseTable, secondsInAll } from './summary/phases';
import { planSection } from './summary/plan';
import { workDone } from './summary/work';
import { proofs, subjectOf, verdictOf } from './verdict';

/**
 * The job summary, as GitHub's Markdown, what somebody wants to know first of all first. Everything in it that others said
 * was made harmless before.
 */
export function summarise(result: Result): string {
  const { failure, fleet, plan } = result;
  const isHost = fleet === null;
  return [
    `## ${titleOf(result)}`,
    ...(failure === null ? [] : failureSection(result, failure)),
    ...(isHost ? stateSection(result) : fleetSection(fleet)),
    // of a plan it comes after what is lost by it
    ...(result.outcome === 'planned' ? [] : nextSection(result)),
    ...(plan === null ? [] : planSection(plan, result)),
    ...(isHost ? headed('How long it took', [...phaseTable(result), ...ganttSection(result)]) : []),
    ...headed('Built and copied', workDone(result)),
  ].join('\n\n');
}

function headed(heading: string, parts: readonly string[]): string[] {
  return parts.length === 0 ? [] : [`### ${heading}`, ...parts];
}

function titleOf(result: Result): string {
  const { failure, fleet } = result;
  if (fleet !== null && failure?.kind !== 'cancelled') return fleetTitle(fleet, result);
  return fleet === null ? `${verdictOf(result)}: ${code(subjectOf(result))}` : verdictOf(result);
}

/** Without a machine there is no state of one, and a failure has told it. */
function stateSection(result: Result): string[] {
  const { outcome, targetState, systemPath, verified, phases, plan } = result;
  if (plan !== null && plan.online === null) return [];
  const isTold = outcome === 'failed' || plan === null;
  const seconds = secondsInAll(phases);
  const rows = [
    ...(isTold ? [] : [['machine', describeState(targetState, plan)]]),
    ...(systemPath === '' ? [] : [['system', code(systemPath)]]),
    ...(isTold || outcome === 'planned' || outcome === 'prepared' ? [] : [['verified', proofs[verified]]]),
    ...unitsRow(result),
    ...(isTold || seconds === 0 ? [] : [['time in all', formatDuration(seconds * 1000)]]),
  ];
  // without a heading of its own it would have an empty one
  const [first, ...others] = rows;
  return first === undefined ? [] : [table(first, others)];
}

/** Only where there is something to say: most systems have none. */
function unitsRow({ failedUnits }: Result): string[][] {
  if (failedUnits === null || failedUnits.length === 0) return [];
  return [['failed units', `⚠️ ${failedUnits.map(code).join(', ')}`]];
}
