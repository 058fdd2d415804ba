import { GuardError } from '../errors';
import type { BuildSettings } from '../inputs/settings';
import type { Evaluation } from './evaluation';
import type { Facts } from './facts';

/** Where the system and the disko script are built: on the runner, or on the machine that is installed. */
export type BuildPlace = 'local' | 'remote';

/** What is known of where something could be built. */
interface Seen {
  readonly settings: BuildSettings;
  readonly evaluation: Evaluation;
  /** The systems that the runner builds for, itself or by its remote builders. */
  readonly runnerSystems: readonly string[];
}

/**
 * Decided before the machine is touched. What is asked is for which system the derivations are to be *built*: a
 * configuration that is cross-compiled is built on another system than it runs on.
 */
export function buildPlace({ settings, evaluation, runnerSystems }: Seen): BuildPlace {
  const { buildSystem } = evaluation;
  // built elsewhere already
  if (buildSystem === undefined) return 'local';
  if (settings.buildOn.value !== 'auto') return settings.buildOn.value;
  return runnerSystems.includes(buildSystem) ? 'local' : 'remote';
}

/** @throws GuardError where the machine, which is to build, is of another architecture */
export function checkBuildPlace(seen: Seen, { architecture }: Facts): void {
  const { buildSystem = '' } = seen.evaluation;
  if (buildPlace(seen) === 'local' || systemsOf(architecture).includes(buildSystem)) return;
  throw new GuardError(
    `the configuration is to be built on the machine, which is ${architecture}, but it is built on ${buildSystem}`,
    {
      hint: `use a runner that builds for ${buildSystem} (this one builds for ${seen.runnerSystems.join(', ') || 'what was not asked'}), or give it a remote builder (the Nix setting builders)`,
    },
  );
}

/** A 32 bit system is built on a 64 bit machine too. */
function systemsOf(architecture: string): readonly string[] {
  return architecture === 'x86_64' ? ['x86_64-linux', 'i686-linux'] : [`${architecture}-linux`];
}

export function buildPlaceWarnings({ settings, evaluation, runnerSystems }: Seen): string[] {
  const { buildSystem } = evaluation;
  if (settings.buildOn.value !== 'local' || buildSystem === undefined) return [];
  if (runnerSystems.includes(buildSystem)) return [];
  return [
    `build-on is local, but this runner builds for ${runnerSystems.join(', ')}, not for ${buildSystem}: that works only as far as everything is found in substituters. With build-on: auto it is built on the machine.`,
  ];
}
