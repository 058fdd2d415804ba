import { GuardError } from './errors';

/**
 * There is no Nix for Windows, and a run would end somewhere in the middle with an error that does not say so.
 *
 * @throws GuardError on a runner that cannot do the work
 */
export function checkRunner(platform: NodeJS.Platform): void {
  if (platform !== 'win32') return;
  throw new GuardError(
    'this runner runs Windows, for which there is no Nix: use a Linux or macOS runner, or a self-hosted runner inside WSL2',
    { hint: 'set runs-on to ubuntu-24.04, or start the runner’s agent in a WSL2 distribution that has Nix' },
  );
}
