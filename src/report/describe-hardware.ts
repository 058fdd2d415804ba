import type { HardwareConfig } from '../inputs/settings';
import type { OfflinePlan, Plan } from '../plan/plan';

/** What becomes of the file in which the machine describes itself. */
export function describeHardware({ backend, path }: HardwareConfig): string {
  return `${path} is written by ${backend} of the installer, and what is installed is then built with it`;
}

const unknownYet = 'not known before the machine has described itself';

/** The disks of a provisional plan: whoever approves it approves those that may be wiped. */
export function describeUnknownDisks({ mayWipe }: Pick<Plan, 'mayWipe'>): string {
  return mayWipe === null || mayWipe === 'any'
    ? `${unknownYet}: any of them may be meant`
    : `${unknownYet}; none may be wiped but ${mayWipe.join(', ')} (wipe-disks)`;
}

export function nameSystem({ toplevel, provisional }: OfflinePlan): string {
  return toplevel ?? (provisional ? unknownYet : 'none');
}
