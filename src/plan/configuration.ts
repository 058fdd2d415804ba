import { sideBySide } from '../deadlines';
import type { BuildSettings, DiskoMode } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import { type Evaluation, evaluate } from './evaluation';
import { describeStorePaths } from './store-paths';

/** What the runner knows of what is installed. */
export interface Described {
  readonly evaluation: Evaluation;
  /** The systems that it builds for; empty where nobody wants to know. */
  readonly runnerSystems: readonly string[];
}

export async function describeConfiguration(
  settings: BuildSettings,
  nix: Nix,
  signal: AbortSignal,
): Promise<Described> {
  const asked = settings.configuration.value.kind !== 'store-paths' && settings.buildOn.value !== 'remote';
  const [evaluation, runnerSystems] = await sideBySide(
    signal,
    (either) => evaluateConfiguration(settings, nix, either),
    async (either) => (asked ? nix.builtSystems(either) : []),
  );
  return { evaluation, runnerSystems };
}

/** An evaluation of the flake, or what is known of finished store paths. */
function evaluateConfiguration(settings: BuildSettings, nix: Nix, signal: AbortSignal): Promise<Evaluation> {
  const configuration = settings.configuration.value;
  return configuration.kind === 'flake'
    ? evaluate(nix, configuration.flake, diskoModeOf(settings), signal)
    : describeStorePaths(nix, configuration.paths, signal);
}

/** The disko script that the run needs, if any. */
function diskoModeOf({ phases, diskoMode }: BuildSettings): DiskoMode | undefined {
  return phases.value.includes('disko') ? diskoMode.value : undefined;
}
