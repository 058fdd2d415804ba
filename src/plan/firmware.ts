import { GuardError } from '../errors';
import type { ConfiguredBootLoader, Evaluation } from './evaluation';
import type { Facts } from './facts';

/** `either` where the boot loader is installed for both, or nobody here knows. */
function firmwareOf(bootLoader: ConfiguredBootLoader | undefined): 'uefi' | 'bios' | 'either' {
  if (bootLoader === undefined) return 'either';
  const { kind, grubEfi, grubDevices } = bootLoader;
  if (kind === 'systemd-boot') return 'uefi';
  if (kind === 'other') return 'either';
  const forBios = grubDevices.some((device) => device !== 'nodev');
  if (grubEfi) return forBios ? 'either' : 'uefi';
  return forBios ? 'bios' : 'either';
}

/**
 * Whether the machine's firmware can start the configuration's boot loader.
 *
 * @throws GuardError when it cannot
 */
export function checkFirmware(facts: Facts, { bootLoader }: Evaluation): void {
  if (facts.uefi || firmwareOf(bootLoader) !== 'uefi') return;
  throw new GuardError(
    `the configuration's boot loader (${bootLoader?.kind}) needs UEFI, but the machine was booted by BIOS: it could not start the new system`,
    {
      hint: 'switch the machine to UEFI, or use boot.loader.grub with the disk as its device and a partition of type EF02',
    },
  );
}

export function firmwareWarnings(facts: Facts, { bootLoader }: Evaluation): string[] {
  if (!facts.uefi || firmwareOf(bootLoader) !== 'bios') return [];
  return [
    'The configuration’s GRUB is for BIOS only, but the machine was booted by UEFI: it will start the new system only if its firmware falls back to BIOS (CSM).',
  ];
}
