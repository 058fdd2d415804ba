import { mebibytes } from '../plan/checks';
import type { OnlinePlan } from '../plan/plan';

/** What is known of the machine, as name and value; nothing that is empty. */
export function describeMachine(online: OnlinePlan): (readonly [string, string])[] {
  const { distribution, kernel, memoryKiB, uefi, addresses } = online.observed;
  const hardware = [online.architecture, `${mebibytes(memoryKiB)} MiB of memory`, uefi ? 'UEFI' : 'BIOS'];
  const rows: [string, string][] = [
    ['runs', [distribution, `Linux ${kernel}`, ...hardware].filter((word) => word !== '').join(', ')],
    ['system', runningSystem(online)],
    ['ID', online.machineId],
    ['addresses', addresses.join(', ')],
    ['host keys', online.hostKeys.join(', ')],
  ];
  return rows.filter(([, value]) => value !== '');
}

function runningSystem({ runsNixos, isInstaller, currentSystem, installId }: OnlinePlan): string {
  if (!runsNixos || isInstaller) return '';
  const id = installId === '' ? 'no install-id recorded' : `installed as ${installId}`;
  return `${currentSystem || 'NixOS'}, ${id}`;
}
