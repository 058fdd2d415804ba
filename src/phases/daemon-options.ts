import { toldSubstituters } from '../plan/substituters';
import type { PhaseContext } from './context';

/** Where the netrc lies on the target, while it lies there. */
export const netrcPath = '/run/nixos-anywhere/netrc';

/**
 * What the target's daemon may know: where the configuration says that its paths can be fetched. The new system's
 * store also takes what the installer's store has already (disko's dependencies) instead of having it sent again.
 */
export function daemonOptions(
  { evaluation, settings }: PhaseContext,
  store: string,
): (readonly [string, string])[] {
  const { noSubstitutes, netrc } = settings.copy;
  const installersStore = store === 'local' ? [] : ['auto?trusted=1'];
  const { substituters, trustedPublicKeys } = toldSubstituters(settings, evaluation);
  // without `extra-` in place of those that the installer has by itself
  if (noSubstitutes.value) return [['substituters', installersStore.join(' ')]];
  const options: [string, readonly string[]][] = [
    ['extra-substituters', [...installersStore, ...substituters]],
    ['extra-trusted-public-keys', trustedPublicKeys],
    ['netrc-file', netrc === undefined ? [] : [netrcPath]],
  ];
  return options.filter(([, values]) => values.length > 0).map(([name, values]) => [name, values.join(' ')]);
}
