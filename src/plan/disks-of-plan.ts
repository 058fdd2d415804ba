import type { Action } from './decide';
import { type DiskoWork, diskPlans } from './disks/fates';
import type { DiskSituation } from './disks/guards';
import { bind } from './disks/identity';
import type { Inventory } from './disks/inventory';
import type { Observed, OnlinePlan, Situation } from './plan';

/** What a plan says of the disks. */
export function disksOfPlan({
  work,
  disks,
  inventory,
  configured,
}: DiskSituation): Pick<OnlinePlan, 'disksKnown' | 'disks' | 'bindings'> {
  return {
    disksKnown: work === undefined || work.mode === 'mount' || work.disks.length > 0,
    disks,
    bindings: bind(inventory, configured),
  };
}

/** What is compared about the disks: before the plan, and again before disko. */
export function diskSituation(
  { settings, evaluation, inventory }: Pick<Situation, 'settings' | 'evaluation' | 'inventory'>,
  action: Action,
): DiskSituation {
  const runs = action === 'install' && settings.phases.value.includes('disko');
  // of a script that is given as a store path nobody knows what it does: the worst is assumed
  const unknown = evaluation.disks === undefined;
  const configured = evaluation.disks ?? [];
  const work: DiskoWork | undefined = runs
    ? { mode: unknown ? 'disko' : settings.diskoMode.value, disks: configured, unknown }
    : undefined;
  return {
    inventory,
    work,
    disks: diskPlans(inventory, work),
    configured: runs ? configured.map(({ device }) => device) : [],
    groups: runs ? evaluation.groups : [],
    allowed: settings.wipeDisks.value,
    hostName: evaluation.hostName,
  };
}

/** Where devices are in use, by their paths. */
export function usesOf({ devices }: Inventory): Observed['uses'] {
  return Object.fromEntries(
    devices
      .map(({ path, mounts, swap }) => [path, swap ? [...mounts, 'swap'] : mounts] as const)
      .filter(([, uses]) => uses.length > 0),
  );
}
