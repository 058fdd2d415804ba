import type { HardwareConfig } from '../inputs/settings';
import type { OfflinePlan } from '../plan/plan';

/** What becomes of the file in which the machine describes itself. */
export function describeHardware({ backend, path }: HardwareConfig): string {
  return `${path} is written by ${backend} of the installer, and what is installed is then built with it`;
}

/** Of a provisional plan. */
export const unknownYet = 'not known before the machine has described itself: any of them may be meant';

export function nameSystem({ toplevel, provisional }: OfflinePlan): string {
  return toplevel ?? (provisional ? 'not known before the machine has described itself' : 'none');
}
