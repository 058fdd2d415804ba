import type { SecretRegistry } from '../secrets';
import { checkVmTest } from './cross-checks';
import { type HostData, noHostData } from './host-data';
import { InputReader } from './input-reader';
import type { LoadedSecrets } from './load-secrets';
import * as parse from './parsers';
import type { RawInputs } from './raw-inputs';
import { readBuildSettings, readBuiltHere } from './read-build';
import { readBuildHosts } from './read-build-hosts';
import { checkFleetInputs, readFleetResults, readListSettings } from './read-fleet';
import { readMachineSettings } from './read-machine';
import { type HostSettings, planChoices, type Settings } from './settings';
import { noticeIdleCache } from './without-effect';

/**
 * Strings in, Settings out. Registers the secrets among them before anything can be printed.
 *
 * @param loaded what loadSecrets gave for the same inputs
 * @param warn gets what the user should know of the inputs, though it stops nothing
 * @param environment of the step
 * @param host what the flake says of the host
 * @throws InputError with all problems at once
 */
export function readSettings(
  raw: RawInputs,
  secrets: SecretRegistry,
  loaded: LoadedSecrets = new Map(),
  warn: (notice: string) => void = () => undefined,
  environment: NodeJS.ProcessEnv = {},
  host: HostData = noHostData,
): Settings {
  const reader = new InputReader(raw, loaded, secrets, warn, environment, host);
  reader.rejectUnknownNames();
  const kind = readKind(reader);
  checkFleetInputs(reader, kind);
  const settings =
    kind === 'list-hosts'
      ? readListSettings(reader)
      : kind === 'build-hosts'
        ? readBuildHosts(reader)
        : kind === 'fleet-results'
          ? readFleetResults(reader)
          : readHostSettings(reader, kind);
  reader.throwIfProblems();
  return settings;
}

function readHostSettings(reader: InputReader, kind: HostSettings['kind']): HostSettings {
  const build = readBuildSettings(reader);
  noticeIdleCache(build, reader);
  const settings: HostSettings =
    kind === 'plan' || kind === 'install'
      ? { kind, ...readMachineSettings(reader, kind, build) }
      : kind === 'offline-plan'
        ? { kind, ...build }
        : { kind, ...build, buildOn: readBuiltHere(reader, kind, build) };
  if (kind !== 'vm-test') return settings;
  checkVmTest(reader);
  // the file that a machine has written counts, and none is written here
  return { ...settings, hardwareConfig: { value: undefined, source: 'default' } };
}

/** A boolean, in whatever way it is written, or another word. */
const planChoice: parse.Parser<(typeof planChoices)[number]> = (text) => {
  const asBoolean = parse.boolean(text);
  if ('ok' in asBoolean) return { ok: asBoolean.ok ? 'true' : 'false' };
  return parse.choice(planChoices)(text);
};

/** At most one of the inputs that make it another run than an install. */
function readKind(reader: InputReader): Settings['kind'] {
  const plan = reader.optional('plan', planChoice, 'false').value;
  const chosen = [
    ...(plan === 'false' ? [] : (['plan'] as const)),
    ...(['build-only', 'vm-test', 'list-hosts'] as const).filter(
      (name) => reader.optional(name, parse.boolean, false).value,
    ),
    ...(reader.text('fleet-results') === undefined ? [] : (['fleet-results'] as const)),
  ];
  const [first, ...others] = chosen;
  for (const other of others)
    reader.problem(other, `cannot be combined with ${first}; leave one of them out`);
  // no secret of a machine was loaded then
  if (others[0] !== undefined) return others[0] === 'plan' ? 'offline-plan' : others[0];
  if (first === 'plan') return plan === 'offline' ? 'offline-plan' : 'plan';
  if (first === 'build-only' && reader.text('hosts') !== undefined) return 'build-hosts';
  return first ?? 'install';
}
