import { GuardError } from '../errors';
import type { WipeAllowance } from '../inputs/settings';
import type { Disk } from './facts';

/**
 * A disko script of which nobody knows what it wipes may wipe any disk: all of them must be allowed.
 *
 * @throws GuardError naming those that are not
 */
export function checkUnknownDisks(present: readonly Disk[], allowed: WipeAllowance | undefined): void {
  if (allowed === 'any') return;
  const names = (disk: Disk) => [disk.device, disk.byId, disk.byId.replace(/^.*\//, '')];
  const refused = present.filter(
    (disk) => !names(disk).some((name) => name !== '' && allowed?.includes(name)),
  );
  if (refused.length === 0) return;
  const list = refused.map(({ device, byId }) => byId || device);
  throw new GuardError(
    `the disko script of store-paths may wipe any disk, and wipe-disks does not allow ${list.join(', ')}`,
    {
      hint: `add ${list.join(' and ')} to wipe-disks if all on it may be lost, or write any; else use flake`,
    },
  );
}
