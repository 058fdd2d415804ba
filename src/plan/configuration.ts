import type { BuildSettings, DiskoMode } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import { type Evaluation, evaluate } from './evaluation';
import { describeStorePaths } from './store-paths';

/** An evaluation of the flake, or what is known of finished store paths. */
export function describeConfiguration(
  settings: BuildSettings,
  nix: Nix,
  signal: AbortSignal,
): Promise<Evaluation> {
  const configuration = settings.configuration.value;
  return configuration.kind === 'flake'
    ? evaluate(nix, configuration.flake, diskoModeOf(settings), signal)
    : describeStorePaths(nix, configuration.paths, signal);
}

/** The disko script that the run needs, if any. */
function diskoModeOf({ phases, diskoMode }: BuildSettings): DiskoMode | undefined {
  return phases.value.includes('disko') ? diskoMode.value : undefined;
}
