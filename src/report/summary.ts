import { formatDuration } from '../deadlines';
import type { Action } from '../plan/decide';
import type { DiskPlan } from '../plan/disks/fates';
import { type OfflinePlan, type OnlinePlan, type Plan, type PublishedPlan, planDigest } from '../plan/plan';
import type { Work } from '../plan/work';
import { describeCache } from './describe-cache';
import { changedNote, fateWords, hasChanged, linesOf, sizeOf } from './describe-disks';
import { describeHardware, describeUnknownDisks, nameSystem } from './describe-hardware';
import { describeMachine } from './describe-machine';
import { describeNewSystem } from './describe-new-system';
import { describeTerms } from './describe-terms';
import { builtThere, describeWork, offlineDisks, wipesUnknownDisks } from './describe-work';
import { fleetSection, fleetTitle } from './fleet-summary';
import { block, code, escapeMarkdown, table } from './markdown';
import type { Outcome, Result, Verified } from './result';
import { stateWords } from './states';

const titles: Record<Outcome, string> = {
  listed: '📋 Hosts listed',
  gathered: '📋 Results gathered',
  planned: '📋 Planned',
  built: '✅ Built, no machine contacted',
  tested: '✅ VM test passed',
  prepared: '✅ Prepared, not installed',
  installed: '✅ NixOS installed',
  updated: '✅ NixOS updated',
  unchanged: '✅ Nothing to do',
  failed: '❌ Installation failed',
};

const proofs: Record<Verified, string> = {
  system: 'logged in: the running system is the one of the configuration',
  'host-key': 'the expected host key answers; the running system was not compared',
  none: 'not verified',
};

/** The job summary, as GitHub's Markdown. Everything in it that others said was made harmless before. */
export function summarise(result: Result): string {
  return [
    `## ${titleOf(result)}`,
    ...(result.failure === null ? [] : failureSection(result)),
    ...(result.fleet === null ? [] : fleetSection(result.fleet)),
    // without a machine there is no state of one
    ...(result.plan?.online === null || result.fleet !== null ? [] : [stateTable(result)]),
    ...(result.plan === null ? [] : planSection(result.plan, result.cache !== null)),
    ...(result.fleet === null ? [phaseSection(result)] : []),
    ...(result.cache === null ? [] : [table(['closure cache', ''], describeCache(result.cache))]),
    ...(result.kexecSha256 === null
      ? []
      : [`To accept no other kexec image than this one: ${code(`kexec-sha256: ${result.kexecSha256}`)}`]),
    ...(result.hostKeys.length === 0
      ? []
      : ['### Host keys of the new system, for known_hosts', block(result.hostKeys)]),
  ].join('\n\n');
}

function titleOf(result: Result): string {
  const { failure, fleet, target, plan } = result;
  if (fleet !== null && failure?.kind !== 'cancelled') return fleetTitle(fleet, result);
  const subject = target || plan?.offline.hostName || 'no target';
  return fleet === null ? `${verdictOf(result)}: ${code(subject)}` : verdictOf(result);
}

function verdictOf({ outcome, failure, plan }: Result): string {
  if (failure?.kind === 'cancelled') return '🛑 Cancelled';
  if (outcome === 'failed' && (plan?.offline.vmTest ?? null) !== null) return '❌ VM test failed';
  const updating = plan !== null && plan.online !== null && plan.action === 'update';
  return outcome === 'failed' && updating ? '❌ Update failed' : titles[outcome];
}

/** Only where there is something to say: most systems have none. */
function unitsRow({ failedUnits }: Result): string[][] {
  if (failedUnits === null || failedUnits.length === 0) return [];
  return [['failed units', `⚠️ ${failedUnits.map(code).join(', ')}`]];
}

function stateTable(result: Result): string {
  const { outcome, targetState, systemPath, verified } = result;
  const machine = ['machine', stateWords[targetState]];
  const installed = [
    ['system', systemPath === '' ? '–' : code(systemPath)],
    ['verified', proofs[verified]],
    ...unitsRow(result),
  ];
  return table(['', ''], outcome === 'planned' ? [machine] : [machine, ...installed]);
}

function failureSection({ failure }: Result): string[] {
  if (failure === null) return [];
  return [
    `**${failure.phase === null ? 'Before the first phase' : `In phase ${failure.phase}`}** (${failure.kind})`,
    block(failure.message.split('\n')),
    ...(failure.hint === null ? [] : [`**What to do:** ${escapeMarkdown(failure.hint)}`]),
    ...(failure.lastLines.length === 0
      ? []
      : ['<details><summary>Last lines</summary>', block(failure.lastLines), '</details>']),
  ];
}

function planSection(plan: PublishedPlan, mayBeCached: boolean): string[] {
  const { offline, online } = plan;
  if (online === null) return offlineSection(offline, plan.work, mayBeCached);
  return [
    `${nameWithSystem(offline)}, because ${escapeMarkdown(plan.reason)}.`,
    `Plan ${code(planDigest(plan))}`,
    table(
      ['the machine', ''],
      describeMachine(online).map(([name, value]) => [name, code(value)]),
    ),
    ...(plan.action === 'nothing' || offline.provisional
      ? []
      : [workSection(plan.work, plan.action, mayBeCached)]),
    ...(offline.buildOn === 'remote' && plan.action !== 'nothing' ? [`**Built:** ${builtThere}.`] : []),
    ...newSystemTable(plan),
    ...(offline.hardwareConfig === null || plan.action !== 'install'
      ? []
      : [`**Hardware configuration:** ${escapeMarkdown(describeHardware(offline.hardwareConfig))}.`]),
    ...(offline.provisional ? [`**Disks:** ${escapeMarkdown(describeUnknownDisks(plan))}.`] : []),
    ...(online.disksKnown || offline.provisional
      ? []
      : ['**The configuration does not tell which disks it is about: count on all of them.**']),
    ...(online.disks.length === 0 ? [] : [diskTable(online)]),
    ...(hasChanged(online) ? [changedNote] : []),
  ];
}

function newSystemTable(plan: Plan): string[] {
  const rows = [...describeNewSystem(plan), ...describeTerms(plan)].map(([name, value]) => [
    name,
    code(value),
  ]);
  return rows.length === 0 ? [] : [table(['beside the system', ''], rows)];
}

function nameWithSystem({ configuration, system }: OfflinePlan): string {
  return system === null ? code(configuration) : `${code(configuration)} (${escapeMarkdown(system)})`;
}

function workSection(work: Work | null, action: Action | undefined, mayBeCached: boolean): string {
  const names = work?.build.names ?? [];
  const more = (work?.build.derivations ?? 0) - names.length;
  const line = `**Work:** ${escapeMarkdown(describeWork(work, action, mayBeCached))}.`;
  if (names.length === 0) return line;
  const list = [...names, ...(more > 0 ? [`and ${more} more`] : [])];
  return [line, '<details><summary>To build</summary>', block(list), '</details>'].join('\n\n');
}

/** What a pull request shows: nothing of it needed the machine. */
function offlineSection(offline: OfflinePlan, work: Work | null, mayBeCached: boolean): string[] {
  const disks = offlineDisks(offline).map(({ device, fate, meaning }) => [
    code(device),
    fate === 'WIPED' ? `**wiped**: ${meaning}` : `${fate}: ${meaning}`,
  ]);
  return [
    `${nameWithSystem(offline)}. No machine was contacted: what is on its disks, and whether it may be installed, is not known.`,
    table(
      ['', ''],
      [
        ['system', offline.toplevel === null ? escapeMarkdown(nameSystem(offline)) : code(offline.toplevel)],
        ...(offline.hardwareConfig === null
          ? []
          : [['hardware configuration', escapeMarkdown(describeHardware(offline.hardwareConfig))]]),
        ...(offline.diskoScript === null ? [] : [['disko script', code(offline.diskoScript)]]),
        ...(offline.buildOn === 'remote' ? [['built', builtThere]] : []),
        ...(offline.vmTest === null ? [] : [['VM test', code(offline.vmTest)]]),
        ...(offline.installId === null ? [] : [['install-id', code(offline.installId)]]),
      ],
    ),
    ...(offline.provisional ? [] : [workSection(work, undefined, mayBeCached)]),
    ...(disks.length === 0 ? [] : [table(['disk of the configuration', ''], disks)]),
    ...(wipesUnknownDisks(offline)
      ? ['**Which disks are wiped is not known: the disko script may wipe any.**']
      : []),
  ];
}

/** Nobody reads more, and GitHub takes 1 MiB. */
const shownContents = 200;

/** Each disk with its fate, below it what is on it. */
function diskTable(online: OnlinePlan): string {
  const rows = online.disks.flatMap((disk) => [
    [
      fateWords[disk.fate].summary,
      [...new Set([...disk.named, disk.device])].map(code).join(' = '),
      sizeCell(disk.bytes),
      escapeMarkdown(describeIdentityOf(disk)),
    ],
    ...linesOf(disk, online).map(({ depth, lost, device, bytes, words }) => [
      lost ? '❌ lost' : '✅ kept',
      `${'&emsp;'.repeat(depth + 1)}${code(device)}`,
      sizeCell(bytes),
      escapeMarkdown(words.join(', ')),
    ]),
  ]);
  const more = rows.length - shownContents;
  return table(
    ['', 'disk and what is on it', 'size', ''],
    [...rows.slice(0, shownContents), ...(more > 0 ? [['', `and ${more} more, see the log`, '', '']] : [])],
  );
}

/** In one piece: the column is narrow. */
function sizeCell(bytes: number): string {
  return sizeOf(bytes).replace(' ', '&nbsp;');
}

function describeIdentityOf({ model, serial, wwn }: DiskPlan): string {
  const known = [model, serial === '' ? '' : `serial ${serial}`, wwn === '' ? '' : `WWN ${wwn}`];
  return known.filter((word) => word !== '').join(', ') || '–';
}

function phaseSection({ phases }: Result): string {
  const rows = phases.map(({ name, outcome, seconds }) => [
    name,
    outcome === 'success' ? '✅' : '❌',
    formatDuration(seconds * 1000),
  ]);
  const total = phases.reduce((sum, { seconds }) => sum + seconds, 0);
  return table(['phase', '', 'time'], [...rows, ['**total**', '', `**${formatDuration(total * 1000)}**`]]);
}
