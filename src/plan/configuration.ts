import { existsSync } from 'node:fs';
import { sideBySide } from '../deadlines';
import { EvaluationError, errorMessage, GuardError, InputError, NixError } from '../errors';
import type { BuildChoices, BuildSettings, Configuration } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { evaluateFile, evaluateFlake, flakeUri, type Wanted } from './evaluate';
import { type Evaluation, provisionalEvaluation } from './evaluation';
import { flakeWithHardware, type HardwareFile } from './hardware-config';
import { describeStorePaths } from './store-paths';

/** What the runner knows of what is installed. */
export interface Described {
  readonly evaluation: Evaluation;
  /** The systems that it builds for; empty where nobody wants to know. */
  readonly runnerSystems: readonly string[];
  /** Undefined where the machine is not to write it. */
  readonly hardwareFile: HardwareFile | undefined;
}

/** What the evaluation is for. */
interface Purpose {
  /** That of the machine, or where none is asked that of the runner. */
  readonly system: string;
  readonly installTest?: boolean;
}

type Around = Pick<Runtime, 'log' | 'privateFolder' | 'signal'>;

/** @throws NixError, GuardError; not for a configuration that only lacks what the machine is to write */
export async function describeConfiguration(
  settings: BuildSettings,
  nix: Nix,
  runtime: Around,
  purpose: Purpose,
): Promise<Described> {
  const asked = settings.configuration.value.kind !== 'store-paths' && settings.buildOn.value !== 'remote';
  const path = settings.hardwareConfig.value?.path;
  const hardwareFile = path === undefined ? undefined : existsSync(path) ? 'there' : 'missing';
  const { log, privateFolder } = runtime;
  const [evaluation, runnerSystems] = await sideBySide(
    runtime.signal,
    (signal) =>
      evaluateConfiguration(settings, nix, { log, privateFolder, signal }, purpose).catch(
        (error: unknown) => {
          if (hardwareFile !== 'missing' || !(error instanceof EvaluationError)) throw error;
          log.info(`the configuration cannot be evaluated as long as there is no ${path}: ${error.message}`);
          return provisionalEvaluation(purpose.system);
        },
      ),
    async (signal) => (asked ? nix.builtSystems(signal) : []),
  );
  return { evaluation, runnerSystems, hardwareFile };
}

/** An evaluation of flake or file, or what is known of finished store paths. */
async function evaluateConfiguration(
  settings: BuildSettings,
  nix: Nix,
  runtime: Around,
  { system, installTest = false }: Purpose,
): Promise<Evaluation> {
  const configuration = settings.configuration.value;
  const { signal } = runtime;
  if (configuration.kind === 'store-paths') return describeStorePaths(nix, configuration.paths, signal);
  const wanted: Wanted = {
    script: installTest ? undefined : wantedScript(settings),
    installTest,
    specialArgs: settings.specialArgs.value,
  };
  const hardware = settings.hardwareConfig.value;
  const evaluation = await (configuration.kind === 'nix-file'
    ? evaluateFile(nix, configuration.reference, wanted, signal)
    : evaluateFlake(
        nix,
        hardware === undefined
          ? configuration.flake
          : await flakeWithHardware(nix, configuration.flake, hardware, system, runtime),
        wanted,
        signal,
      ));
  if (!installTest) requireSystem(evaluation, settings);
  return evaluation;
}

/** The disko script that the run needs, if any. */
export function wantedScript({ phases, diskoMode, noDiskoDeps }: BuildChoices): Wanted['script'] {
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
 * @param instead what else could have been meant
 * @throws InputError where there is no name
 */
export async function requireName(
  configuration: Configuration,
  nix: Nix,
  signal: AbortSignal,
  instead = '',
): Promise<void> {
  if (configuration.kind !== 'flake' || configuration.flake.name !== '') return;
  const { uri } = configuration.flake;
  await nix.checkVersion();
  const names = await namesIn(uri, nix, signal);
  throw new InputError([
    {
      input: 'flake',
      problem: `names no configuration; write ${uri}#NAME, where nixosConfigurations.NAME is what to install${instead}. ${names}`,
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
