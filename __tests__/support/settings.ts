// Settings out of inputs, for tests that contact a machine.
import type { HostData } from '../../src/inputs/host-data';
import type { LoadedSecrets } from '../../src/inputs/load-secrets';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { hostSettings as forOneHost, type HostSettings, type OnMachine } from '../../src/inputs/settings';
import { SecretRegistry } from '../../src/secrets';

export type { OnMachine };

/** @throws where the inputs describe a run over many hosts, and what is wrong with them */
export function hostSettings(...given: Parameters<typeof readSettings>): HostSettings {
  return forOneHost(readSettings(...given));
}

/** @throws where the inputs describe a run without a machine */
export function machineSettings(
  raw: RawInputs,
  secrets: SecretRegistry = new SecretRegistry(() => undefined),
  loaded: LoadedSecrets = new Map(),
  environment: NodeJS.ProcessEnv = {},
  host?: HostData,
): OnMachine {
  const settings = readSettings(raw, secrets, loaded, undefined, environment, host);
  if (settings.kind !== 'install' && settings.kind !== 'plan')
    throw new Error(`these are the settings of a run without a machine: ${settings.kind}`);
  return settings;
}
