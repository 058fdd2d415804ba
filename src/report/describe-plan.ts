import type { KexecPlan, OfflinePlan, OnlinePlan, PublishedPlan } from '../plan/plan';
import type { Work } from '../plan/work';
import { quote } from '../ssh/quote';
import { changedNote, describeDisk, fateWords, hasChanged, linesOf, sizeOf } from './describe-disks';
import { describeHardware, describeUnknownDisks, nameSystem } from './describe-hardware';
import { describeMachine } from './describe-machine';
import { describeNewSystem } from './describe-new-system';
import { describeTerms } from './describe-terms';
import { builtThere, describeWork, offlineDisks, wipesUnknownDisks } from './describe-work';

/** The plan as a few lines of the log. @param isCached whether the run has a cache */
export function describePlan(plan: PublishedPlan, isCached = false): string {
  const { offline, online } = plan;
  // what is built on the machine is not looked up
  const mayBeCached = isCached && offline.buildOn !== 'remote';
  if (online === null) return describeOfflinePlan(offline, plan.work, mayBeCached);
  const { action, reason, phases } = plan;
  return [
    `Plan: ${action} ${offline.configuration} on ${online.target}, because ${reason}`,
    ...describeMachine(online).map(([name, value]) => `  ${name.padEnd(9)} ${value}`),
    `  wanted    ${nameSystem(offline)}`,
    ...(action === 'install' ? hardwareLines(offline) : []),
    `  phases    ${phases.join(', ')}`,
    ...(action === 'nothing' || offline.provisional
      ? []
      : [`  work      ${describeWork(plan.work, action, mayBeCached)}`]),
    ...buildLines(offline),
    ...(plan.kexec === null ? [] : kexecLines(plan.kexec)),
    ...[...describeNewSystem(plan), ...describeTerms(plan)].map(
      ([name, value]) => `  ${name.padEnd(9)} ${value}`,
    ),
    ...(plan.authorizeKey
      ? [
          '  key       in no file that the kexec image takes along: root’s authorized_keys get it for the jump',
        ]
      : []),
    ...(offline.provisional ? [`  disks     ${describeUnknownDisks(plan)}`] : []),
    ...diskLines(online),
    ...(hasChanged(online) ? [`  ${changedNote}`] : []),
  ].join('\n');
}

function hardwareLines({ hardwareConfig }: OfflinePlan): string[] {
  return hardwareConfig === null ? [] : [`  hardware  ${describeHardware(hardwareConfig)}`];
}

function buildLines(offline: OfflinePlan): string[] {
  return offline.buildOn === 'remote' ? [`  build     ${builtThere}`] : [];
}

function kexecLines({ image, sha256, extraFlags }: KexecPlan): string[] {
  return [
    `  installer ${image ?? 'none for this architecture'}`,
    ...(sha256 === null ? [] : [`            SHA-256 ${sha256}`]),
    ...(extraFlags.length === 0 ? [] : [`            kexec flags ${extraFlags.map(quote).join(' ')}`]),
  ];
}

/** The fate first, in capitals where something is lost; below each disk what is on it. */
function diskLines(online: OnlinePlan): string[] {
  return online.disks.flatMap((disk) => [
    `  ${fateWords[disk.fate].log.padEnd(10)} ${describeDisk(disk)}`,
    ...linesOf(disk, online).map(
      ({ depth, lost, device, bytes, words }) =>
        `    ${lost ? 'LOST' : 'kept'} ${'  '.repeat(depth)}${[device, sizeOf(bytes), ...words].filter((word) => word !== '').join(', ')}`,
    ),
  ]);
}

function describeOfflinePlan(offline: OfflinePlan, work: Work | null, mayBeCached: boolean): string {
  return [
    `Plan, as far as the configuration decides: ${offline.configuration}${offline.system === null ? '' : ` (${offline.system})`}`,
    `  system    ${nameSystem(offline)}`,
    ...hardwareLines(offline),
    ...(offline.vmTest === null ? [] : [`  VM test   ${offline.vmTest}`]),
    ...(offline.provisional ? [] : [`  work      ${describeWork(work, undefined, mayBeCached)}`]),
    ...buildLines(offline),
    ...offlineDisks(offline).map(({ device, fate, meaning }) => `  ${fate.padEnd(9)} ${device}: ${meaning}`),
    ...(wipesUnknownDisks(offline) ? ['  disks     not known: the disko script may wipe any'] : []),
  ].join('\n');
}
