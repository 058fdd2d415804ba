import type { Action } from '../../plan/decide';
import { type OfflinePlan, type Plan, type PublishedPlan, planDigest } from '../../plan/plan';
import { describeHardware, nameSystem } from '../describe-hardware';
import { describeMachine } from '../describe-machine';
import { describeNewSystem } from '../describe-new-system';
import { describeTerms } from '../describe-terms';
import { builtThere } from '../describe-work';
import { code, escapeMarkdown, folded, table } from '../markdown';
import type { Result } from '../result';
import { configuredDisks, diskSection } from './disks';
import { nextSection } from './next';
import { workToDo } from './work';

const actions: Record<Action, string> = {
  install: '**Install**',
  update: '**Update to**',
  nothing: '**Nothing to do** with',
};

/** What a plan is read for stands open; of a run that has acted what it knew before is folded away. */
export function planSection(plan: PublishedPlan, result: Result): string[] {
  const mayBeCached = result.cache !== null;
  if (plan.online === null) return offlineSection(plan, mayBeCached);
  const reason = `${actions[plan.action]} ${nameWithSystem(plan.offline)}, because ${escapeMarkdown(plan.reason)}.`;
  const disks = plan.action === 'install' ? diskSection(plan, result) : [];
  const rest = [...machineSection(plan), ...newSystemSection(plan)];
  if (result.outcome !== 'planned')
    return [reason, ...disks, ...folded('The plan, and the machine as it was before', rest)];
  const isNothing = plan.action === 'nothing' || plan.offline.provisional;
  return [
    reason,
    ...disks,
    ...nextSection(result),
    ...(isNothing ? [] : workToDo(plan.work, plan.action, mayBeCached)),
    ...rest,
  ];
}

function nameWithSystem({ configuration, system }: OfflinePlan): string {
  return system === null ? code(configuration) : `${code(configuration)} (${escapeMarkdown(system)})`;
}

function machineSection(plan: Plan): string[] {
  return [
    table(
      ['the machine', ''],
      describeMachine(plan.online).map(([name, value]) => [name, code(value)]),
    ),
    `Plan ${code(planDigest(plan))}, phases ${plan.phases.join(', ')}`,
  ];
}

function newSystemSection(plan: Plan): string[] {
  const { offline, action } = plan;
  const rows = [...describeNewSystem(plan), ...describeTerms(plan)].map(([name, value]) => [
    name,
    code(value),
  ]);
  return [
    ...(offline.buildOn === 'remote' && action !== 'nothing' ? [`**Built:** ${builtThere}.`] : []),
    ...(rows.length === 0 ? [] : [table(['beside the system', ''], rows)]),
    ...(offline.hardwareConfig === null || action !== 'install'
      ? []
      : [`**Hardware configuration:** ${escapeMarkdown(describeHardware(offline.hardwareConfig))}.`]),
  ];
}

/** What a pull request shows: nothing of it needed the machine. */
function offlineSection({ offline, work }: PublishedPlan, mayBeCached: boolean): string[] {
  return [
    `${nameWithSystem(offline)}. No machine was contacted: what is on its disks, and whether it may be installed, is not known.`,
    ...configuredDisks(offline),
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
    ...(offline.provisional ? [] : workToDo(work, undefined, mayBeCached)),
  ];
}
