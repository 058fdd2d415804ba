import type { MachineSettings } from '../../inputs/settings';
import type { Evaluation } from '../evaluation';

/** The paths whose disks matter: those of the configuration and of wipe-disks. */
export function diskPaths(
  { wipeDisks }: Pick<MachineSettings, 'wipeDisks'>,
  { disks }: Pick<Evaluation, 'disks'>,
): readonly string[] {
  const allowed = wipeDisks.value === 'any' ? [] : (wipeDisks.value ?? []);
  return [...(disks ?? []).map(({ device }) => device), ...allowed.filter((entry) => entry.startsWith('/'))];
}
