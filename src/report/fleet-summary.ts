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
const room = { failures: 280_000, others: 200_000, plans: 230_000, messages: 100_000, files: 40_000 };
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
  const toDo = ordered.filter((result) => groupOf(result) === 'to be changed');
  const others = ordered.filter((result) => !needsSomebody(result) && !toDo.includes(result));
  return [
    ...badSection(ordered.filter(needsSomebody)),
    ...plansSection(toDo),
    ...othersSection(others, ordered.length > others.length),
    ...newKeysSection(ordered),
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

/** A list, which a narrow screen breaks into lines where it would cut a table off. */
function badSection(bad: readonly HostResult[]): string[] {
  if (bad.length === 0) return [];
  const missing = bad.filter(({ outcome }) => outcome === 'missing').map(({ host }) => [code(host)]);
  const failed = bad.flatMap(({ failure, ...result }) =>
    failure === null ? [] : [[failedItem(result, failure)]],
  );
  const names = rowsWithin(room.failures / 4, missing).map(([name]) => name);
  return [
    '### What failed',
    [
      ...rowsWithin((room.failures / 4) * 3, failed).map(([item]) => `- ${item}`),
      ...(missing.length === 0 ? [] : [`- ❌ **missing**: ${names.join(', ')}: ${whyMissing}`]),
    ].join('\n'),
  ];
}

/** What happened, what became of the machine, and what to do. */
function failedItem(
  { host, plan, seconds, targetState }: Omit<HostResult, 'failure'>,
  failure: NonNullable<HostResult['failure']>,
): string {
  const { cancelled, message, hint, resume } = failure;
  const action = plan === null ? '' : `, ${plan.action}`;
  const after = seconds === 0 ? '' : `, after ${formatDuration(seconds * 1000)}`;
  return [
    `${cancelled ? '🛑' : '❌'} ${code(host)}${action}, **${whereFailed(failure)}**${after}: ${plain(message)}`,
    ...(hint === null ? [] : [`**What to do:** ${plain(hint, 240)}`]),
    ...(resume === null ? [] : [`**How to go on:** ${plain(resume, 240)}`]),
    ...(resume !== null || targetState === null ? [] : [`**The machine** is ${stateWords[targetState]}`]),
  ].join('<br>');
}

/** A line of foreign text. The hash in a store path tells nobody anything, and makes a column wide. */
function plain(text: string, most?: number): string {
  return escapeMarkdown(short(text.replace(/\/nix\/store\/[0-9a-z]{32}-/g, ''), most));
}

/** What is to be approved: what is done, what is lost by it, and why; the digests that bind the runs to it for who looks. */
function plansSection(planned: readonly HostResult[]): string[] {
  const plans = planned.flatMap(({ host, plan }) => (plan === null ? [] : [{ host, ...plan }]));
  if (plans.length === 0) return [];
  const rows = plans.map(({ host, action, terms, lost, reason, digest }) => [
    code(host),
    [action, ...terms.map((term) => `⚠️ ${plain(term)}`), ...(digest === null ? [`❌ ${noDigest}`] : [])].join(
      '<br>',
    ),
    lostCell(lost),
    plain(reason),
  ]);
  const lossy = plans.filter(({ lost }) => lost.length > 0).length;
  const digests = plans.map(({ host, digest }) => `${host}  ${digest ?? 'none'}`);
  return [
    '### Plans to be approved',
    `${lossy === 0 ? 'No disk is lost.' : `**${counted(lossy, 'host')} of ${plans.length} will lose disks.**`} Who approves them has this done, and nothing else.`,
    table(['host', 'action', 'disks that will be lost', 'why'], rowsWithin(room.plans, rows)),
    ...folded('Digests of the plans', [block(digests)]),
  ];
}

function lostCell(lost: readonly string[]): string {
  if (lost.length === 0) return 'none';
  const shown = lost.slice(0, 8).map((disk) => escapeMarkdown(short(disk, 80)));
  return `🔴 ${shown.join('<br>')}${lost.length > 8 ? `<br>and ${lost.length - 8} more` : ''}`;
}

/** @param isRest whether others were told of before */
function othersSection(others: readonly HostResult[], isRest: boolean): string[] {
  const header = ['', 'host', 'action', 'time', 'why'];
  const isQuiet = (result: HostResult) => groupOf(result) === 'unchanged';
  const quiet = others.length > longestOpen ? others.filter(isQuiet) : [];
  const loud = others.filter((result) => !quiet.includes(result));
  const tableOf = (some: readonly HostResult[]) =>
    some.length === 0 ? [] : [table(header, rowsWithin(room.others / 2, some.map(resultRow)))];
  const parts = [...tableOf(loud), ...folded(`${quiet.length} unchanged`, tableOf(quiet))];
  return parts.length > 0 && isRest ? ['### The others', ...parts] : parts;
}

function resultRow(result: HostResult): string[] {
  const { host, outcome, plan, seconds } = result;
  return [
    `${icons[groupOf(result)]}&nbsp;${outcome}`,
    code(host),
    plan?.action ?? '–',
    seconds === 0 ? '–' : formatDuration(seconds * 1000).replaceAll(' ', '&nbsp;'),
    plain(plan?.reason ?? ''),
  ];
}

/** Without them the next run refuses to connect. */
function newKeysSection(results: readonly HostResult[]): string[] {
  const lines = results.flatMap(({ newHostKeys }) => newHostKeys);
  if (lines.length === 0) return [];
  return [
    '### New host keys',
    `Put these lines where ${code('known-hosts')} of these hosts comes from (the flake, or a variable), in place of those that begin the same. With the old ones the next run refuses to connect.`,
    block(lines),
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
