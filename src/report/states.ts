import type { PublishedPlan } from '../plan/plan';
import type { Failure, TargetState } from './result';

/** What a state means for who cares for the machine. */
export const stateWords: Record<TargetState, string> = {
  untouched: 'untouched: nothing on its disks was changed',
  installer: 'in the installer; its disks were not changed',
  partitioned: 'in the installer; its disks were partitioned anew and the old data is gone',
  installed: 'installed, but not seen running',
  unlocking: 'installed; its initrd waits for a disk’s passphrase',
  booted: 'running the system of the configuration',
};

/** What `partitioned` means where nothing was wiped: without disko, and with a mode of it that wipes nothing. */
export const partitionedOtherwise = {
  withoutDisko:
    'in the installer, with the new system on the disks that were mounted there, but not complete',
  wipingNothing: 'in the installer; disko has begun with its disks, and wipes none of them',
} as const;

/**
 * Disko does not always wipe, and what is kept is not installed anew.
 *
 * @param failure of the run, if it has failed: of a machine that was to jump nobody may know whether it has
 */
export function describeState(
  state: TargetState,
  plan: PublishedPlan | null,
  failure: Pick<Failure, 'phase' | 'kind'> | null = null,
): string {
  if (state === 'untouched' && failure !== null && mayHaveJumped(failure))
    return 'not seen in the installer; nothing on its disks was changed';
  if (plan === null) return stateWords[state];
  if (state === 'partitioned' && keepsDisks(plan)) return partitionedOtherwise.withoutDisko;
  if (state === 'partitioned' && wipesNothing(plan)) return partitionedOtherwise.wipingNothing;
  const isUpdate = plan.online !== null && plan.action === 'update';
  if (!isUpdate) return stateWords[state];
  if (state === 'untouched') return 'running the system that it ran before';
  return state === 'installed'
    ? 'switched to the new system, at least in part, which was not proven'
    : stateWords[state];
}

/** Whether the new system goes to disks that somebody has partitioned and mounted before. */
export function keepsDisks(plan: PublishedPlan): boolean {
  return plan.online !== null && plan.phases.includes('install') && !plan.phases.includes('disko');
}

/** Whether disko only mounts, or adds what is missing. */
export function wipesNothing({ offline: { diskoMode } }: Pick<PublishedPlan, 'offline'>): boolean {
  return diskoMode === 'mount' || diskoMode === 'format';
}

/** A jump that the machine itself refused, or came back from, did not happen. */
function mayHaveJumped({ phase, kind }: Pick<Failure, 'phase' | 'kind'>): boolean {
  return phase === 'kexec' && kind !== 'remote-command' && kind !== 'guard';
}
