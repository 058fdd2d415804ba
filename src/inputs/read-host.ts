import type { SecretRegistry } from '../secrets';
import type { HostData } from './host-data';
import type { RawInputs } from './raw-inputs';
import { readSettings } from './read-settings';
import type { BuildSettings } from './settings';

/** What decides of what is built for one host: the inputs that the runs of all hosts get, and its data in the flake. */
export type ReadHost = (flake: string, name: string, data: HostData) => BuildSettings;

/**
 * What the run for one host will read, as far as it decides what is built. No secret is needed for it.
 *
 * @param raw the inputs of the step that builds for many hosts
 * @throws InputError
 */
export function readHostOfMany(
  raw: RawInputs,
  [flake, name, data]: Parameters<ReadHost>,
  secrets: SecretRegistry,
  environment: NodeJS.ProcessEnv,
): BuildSettings {
  const { hosts: _, 'build-only': __, ...same } = raw;
  const own = { ...same, flake: `${flake}#${name}`, plan: 'offline' };
  const settings = readSettings(own, secrets, new Map(), () => undefined, environment, data);
  if (settings.kind !== 'offline-plan')
    throw new Error(`a host would be another run than a plan: ${settings.kind}`);
  return settings;
}
