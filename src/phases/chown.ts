import { formatOwner, isNumeric, type Ownership } from '../inputs/chown';
import type { NewSystemSettings } from '../inputs/settings';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/** Numbers mean the same anywhere; which number a name has, the new system knows once its accounts were made. */
export type OwnersBy = 'number' | 'name';

/**
 * Gives files of the new system to their owners, in the order in which they were written.
 *
 * @throws RemoteCommandError where a path does not exist, or nobody has the name
 */
export async function changeOwners({ settings, target }: PhaseContext, by: OwnersBy): Promise<void> {
  const owners = ownersOf(settings.newSystem).filter(({ owner }) => isNumeric(owner) === (by === 'number'));
  if (owners.length === 0) return;
  const args = owners.flatMap(({ path, owner }) => [formatOwner(owner), path]);
  await target.run(scripts.chown, args, { privileged: true });
}

function ownersOf({ secretFiles, chown }: NewSystemSettings): Ownership[] {
  const ofSecrets = secretFiles.value.flatMap(({ path, owner }) =>
    owner === undefined ? [] : [{ path, owner }],
  );
  return [...ofSecrets, ...chown.value];
}
