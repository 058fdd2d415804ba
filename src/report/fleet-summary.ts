import { formatDuration } from '../deadlines';
import type { MatrixHost } from '../inputs/matrix';
import type { FailedHost } from '../plan/fleet';
import { failures, noDigest, whereFailed } from './describe-fleet';
import { countsOf, type Group, groupOf, inOrder, needsSomebody, short, whyMissing } from './fleet-words';
import { block, code, escapeMarkdown, folded, rowsWithin, table } from './markdown';
import { neutraliseText } from './neutralise';
import { counted } from './quantities';
import type { FleetReport, HostResult, Result, ResultFiles } from './result';
import { stateWords } from './states';

/** In bytes. GitHub takes 1 MiB for the whole summary, and drops all of a larger one. */
const room = { failures: 300_000, others: 200_000, plans: 250_000, messages: 120_000, files: 40_000 };
/** A longer table is folded away where nothing in it needs somebody. */
const longestOpen = 20;

const icons: Record<Group, string> = {
  failed: '❌',
  missing: '❌',
  'to be changed': '🔵',
  changed: '✅',
  prepared: '✅',
  'planned without the machine': '📋',
  built: '✅',
  tested: '✅',
  unchanged: '⚪',
};

/**
 * The first line of the summary: how it went.
 *
 * @param written makes harmless what others said, for where it stands
 */
export function fleetTitle(
  fleet: FleetReport,
  { outcome, phases }: Result,
  written: (text: string) => string = escapeMarkdown,
): string {
  const counts = written(countsOf(fleet));
  if (outcome === 'failed') {
    if (fleet.files !== null) return `❌ Results of ${counts}`;
    // only a build has phases
    return phases.length === 0
      ? '❌ Hosts could not be listed'
      : `❌ Not all hosts could be built: ${counts}`;
  }
  const isBad = fleet.failed.length > 0 || fleet.results.some(needsSomebody);
  const verb = outcome === 'built' ? 'Built, no machine contacted: ' : '';
  return `${isBad ? '❌' : '📋'} ${verb}${counts}`;
}

/** The part of the job summary that is about many hosts. What needs somebody comes first. */
export function fleetSection({ hosts, failed, results, files }: FleetReport): string[] {
  if (files === null) return [...failedSection(failed), ...hostsSection(hosts)];
  const ordered = inOrder(results);
  return [
    ...resultTables(ordered),
    ...plansSection(ordered.filter((result) => groupOf(result) === 'to be changed')),
    ...messagesSection(ordered),
    ...filesSection(files),
  ];
}

function failedSection(failed: readonly FailedHost[]): string[] {
  if (failed.length === 0) return [];
  const safe = failed.map((each) => ({ ...each, message: neutraliseText(each.message) }));
  const rows = safe.map(({ host, at, message }) => [
    code(host),
    `❌ ${failures[at ?? 'evaluation']}`,
    escapeMarkdown(short(message)),
  ]);
  return [
    table(['host', '', 'why'], rowsWithin(room.failures, rows)),
    ...folded('Whole messages', wholeMessages(safe)),
  ];
}

function hostsSection(hosts: readonly MatrixHost[]): string[] {
  if (hosts.length === 0) return [];
  const rows = hosts.map(({ host, reason, tags }) => [
    code(host),
    escapeMarkdown(short(reason)),
    escapeMarkdown(short(tags.join(', '))),
  ]);
  const text = table(['host', 'why', 'tags'], rowsWithin(room.others, rows));
  return rows.length > longestOpen ? folded(counted(hosts.length, 'host'), [text]) : [text];
}

function resultTables(ordered: readonly HostResult[]): string[] {
  const header = ['', 'host', 'action', 'time', 'why'];
  const isQuiet = (result: HostResult) => groupOf(result) === 'unchanged';
  const bad = ordered.filter(needsSomebody);
  const rest = ordered.filter((result) => !needsSomebody(result));
  const quiet = rest.length > longestOpen ? rest.filter(isQuiet) : [];
  const loud = [...rest.filter((result) => !quiet.includes(result))];
  const rows = [
    ...rowsWithin(room.failures, bad.map(resultRow)),
    ...rowsWithin(room.others / 2, loud.map(resultRow)),
  ];
  return [
    ...(rows.length === 0 ? [] : [table(header, rows)]),
    ...(quiet.length === 0
      ? []
      : folded(`${quiet.length} unchanged`, [
          table(header, rowsWithin(room.others / 2, quiet.map(resultRow))),
        ])),
  ];
}

function resultRow(result: HostResult): string[] {
  const { host, outcome, plan, seconds, failure } = result;
  const word = failure?.cancelled ? '🛑 cancelled' : `${icons[groupOf(result)]} ${outcome}`;
  return [
    word.replace(' ', '&nbsp;'),
    code(host),
    plan?.action ?? '–',
    seconds === 0 ? '–' : formatDuration(seconds * 1000).replaceAll(' ', '&nbsp;'),
    whyCell(result),
  ];
}

/** A failure with what to do about it; of all others the plan's reason. */
function whyCell({ outcome, failure, plan, targetState }: HostResult): string {
  if (outcome === 'missing') return whyMissing;
  if (failure === null) return escapeMarkdown(short(plan?.reason ?? ''));
  return [
    `**${whereFailed(failure)}:** ${escapeMarkdown(short(failure.message))}`,
    ...(failure.hint === null ? [] : [`**What to do:** ${escapeMarkdown(short(failure.hint, 240))}`]),
    ...(targetState === null || targetState === 'untouched'
      ? []
      : [`**The machine** is ${stateWords[targetState]}`]),
  ].join('<br>');
}

/** What is to be approved: what is done, what is lost by it, and the digest that binds the run to it. */
function plansSection(planned: readonly HostResult[]): string[] {
  if (planned.length === 0) return [];
  const rows = planned.map(({ host, plan }) => [
    code(host),
    [plan?.action ?? '', ...(plan?.terms ?? []).map((term) => `⚠️ ${escapeMarkdown(short(term))}`)].join(
      '<br>',
    ),
    plan === null || plan.lost.length === 0
      ? 'none'
      : `🔴 ${plan.lost
          .slice(0, 8)
          .map((disk) => escapeMarkdown(short(disk, 80)))
          .join('<br>')}${plan.lost.length > 8 ? `<br>and ${plan.lost.length - 8} more` : ''}`,
    plan === null || plan.digest === null ? `❌ ${noDigest}` : code(plan.digest),
  ]);
  return [
    '### Plans to be approved',
    table(['host', 'action', 'disks that will be lost', 'plan'], rowsWithin(room.plans, rows)),
  ];
}

function messagesSection(results: readonly HostResult[]): string[] {
  return folded(
    'Whole messages',
    wholeMessages(
      results.flatMap(({ host, failure }) => (failure === null ? [] : [{ host, message: failure.message }])),
    ),
  );
}

/** Of those that the table has cut. */
function wholeMessages(messages: readonly { readonly host: string; readonly message: string }[]): string[] {
  const cut = messages.filter(({ message }) => short(message) !== message);
  const blocks = cut.map(({ host, message }) => `${code(host)}\n\n${block(message.split('\n'))}`);
  const kept: string[] = [];
  let bytes = 0;
  for (const each of blocks) {
    bytes += Buffer.byteLength(each);
    if (bytes > room.messages) return [...kept, `and ${blocks.length - kept.length} more, see the log`];
    kept.push(each);
  }
  return kept;
}

function filesSection({ problems, skipped, superseded }: ResultFiles): string[] {
  const rows = problems.map(({ file, problem }) => [code(file), escapeMarkdown(short(problem))]);
  const words = [
    ...(superseded === 0 ? [] : [`${counted(superseded, 'earlier result')} of the same hosts`]),
    ...(skipped === 0 ? [] : [`${counted(skipped, 'file')} that are no result of a host, or links`]),
  ];
  return [
    ...(rows.length === 0 ? [] : [table(['⚠️ file that was not read', 'why'], rowsWithin(room.files, rows))]),
    ...(words.length === 0 ? [] : [`Left out: ${words.join('; ')}.`]),
  ];
}
