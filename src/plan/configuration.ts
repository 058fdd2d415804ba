import { sideBySide } from '../deadlines';
import { errorMessage, GuardError, InputError, NixError } from '../errors';
import type { BuildSettings, Configuration } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import { evaluateFile, evaluateFlake, flakeUri, type Wanted } from './evaluate';
import type { Evaluation } from './evaluation';
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
  { installTest = false } = {},
): Promise<Described> {
  const asked = settings.configuration.value.kind !== 'store-paths' && settings.buildOn.value !== 'remote';
  const [evaluation, runnerSystems] = await sideBySide(
    signal,
    (either) => evaluateConfiguration(settings, nix, either, installTest),
    async (either) => (asked ? nix.builtSystems(either) : []),
  );
  return { evaluation, runnerSystems };
}

/** An evaluation of flake or file, or what is known of finished store paths. */
async function evaluateConfiguration(
  settings: BuildSettings,
  nix: Nix,
  signal: AbortSignal,
  installTest: boolean,
): Promise<Evaluation> {
  const configuration = settings.configuration.value;
  if (configuration.kind === 'store-paths') return describeStorePaths(nix, configuration.paths, signal);
  const wanted: Wanted = {
    script: installTest ? undefined : wantedScript(settings),
    installTest,
    specialArgs: settings.specialArgs.value,
  };
  const evaluation = await (configuration.kind === 'flake'
    ? evaluateFlake(nix, configuration.flake, wanted, signal)
    : evaluateFile(nix, configuration.reference, wanted, signal));
  if (!installTest) requireSystem(evaluation, settings);
  return evaluation;
}

/** The disko script that the run needs, if any. */
function wantedScript({ phases, diskoMode, noDiskoDeps }: BuildSettings): Wanted['script'] {
  if (!phases.value.includes('disko')) return undefined;
  return { mode: diskoMode.value, withTools: !noDiskoDeps.value };
}

/** A set of outputs may lack the system; every other configuration has one. */
function requireSystem({ toplevel }: Evaluation, { phases }: BuildSettings): void {
  if (toplevel !== undefined || phases.value.every((phase) => phase === 'kexec' || phase === 'disko')) return;
  throw new GuardError('what nix-attribute leads to has a disko script, but no toplevel', {
    hint: 'add the system to it (toplevel = config.system.build.toplevel), or leave install and reboot out of phases',
  });
}

/**
 * Whoever gives a flake without a name is told which there are. It takes an evaluation, so the other inputs were read
 * before.
 *
 * @throws InputError where there is no name
 */
export async function requireName(
  configuration: Configuration,
  nix: Nix,
  signal: AbortSignal,
): Promise<void> {
  if (configuration.kind !== 'flake' || configuration.flake.name !== '') return;
  const { uri } = configuration.flake;
  await nix.checkVersion();
  const names = await namesIn(uri, nix, signal);
  throw new InputError([
    {
      input: 'flake',
      problem: `names no configuration; write ${uri}#NAME, where nixosConfigurations.NAME is what to install. ${names}`,
    },
  ]);
}

async function namesIn(uri: string, nix: Nix, signal: AbortSignal): Promise<string> {
  try {
    const names = await nix.evaluate(`${flakeUri(uri)}#nixosConfigurations`, 'builtins.attrNames', signal);
    return `The flake has: ${Array.isArray(names) && names.length > 0 ? names.join(', ') : 'none'}`;
  } catch (error) {
    if (!(error instanceof NixError)) throw error;
    return `Which there are cannot be told: ${errorMessage(error)}`;
  }
}
