import type { SecretRegistry } from '../secrets';
import { InputReader } from './input-reader';
import type { LoadedSecrets } from './load-secrets';
import * as parse from './parsers';
import type { RawInputs } from './raw-inputs';
import { readBuildSettings } from './read-build';
import { readMachineSettings } from './read-machine';
import { planChoices, type Settings } from './settings';

/**
 * Strings in, Settings out. Registers the secrets among them before anything can be printed.
 *
 * @param loaded what loadSecrets gave for the same inputs
 * @param warn gets what the user should know of the inputs, though it stops nothing
 * @param environment of the step
 * @throws InputError with all problems at once
 */
export function readSettings(
  raw: RawInputs,
  secrets: SecretRegistry,
  loaded: LoadedSecrets = new Map(),
  warn: (notice: string) => void = () => undefined,
  environment: NodeJS.ProcessEnv = {},
): Settings {
  const reader = new InputReader(raw, loaded, secrets, warn, environment);
  reader.rejectUnknownNames();
  const plan = reader.optional('plan', parse.choice(planChoices), 'false').value;
  const buildOnly = reader.optional('build-only', parse.boolean, false).value;
  if (buildOnly && plan !== 'false') reader.problem('build-only', 'cannot be combined with plan');
  const build = readBuildSettings(reader);
  if (buildOnly && build.buildOn.value === 'remote')
    reader.problem('build-on', 'cannot be remote with build-only, which contacts no machine; leave it out');
  const onMachine = plan === 'true' ? 'plan' : 'install';
  const settings: Settings = buildOnly
    ? { kind: 'build-only', ...build, buildOn: { ...build.buildOn, value: 'local' } }
    : plan === 'offline'
      ? { kind: 'offline-plan', ...build }
      : { kind: onMachine, ...readMachineSettings(reader, onMachine, build) };
  reader.throwIfProblems();
  return settings;
}
