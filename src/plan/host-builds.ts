import { existsSync } from 'node:fs';
import { InputError, type Place } from '../errors';
import type { BuildHostsSettings } from '../inputs/fleet-settings';
import type { ReadHost } from '../inputs/read-host';
import type { BuildSettings } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { wantedScript } from './configuration';
import { scriptNames } from './evaluate';
import type { Derivation } from './evaluation';
import { chosenHosts, type FailedEvaluation } from './fleet';
import type { Host } from './host-data';
import { type EvaluatedHost, evaluateHosts, type OwnRequest } from './host-derivations';

/** What the run for a host will want to be built. */
export interface HostBuild {
  readonly host: Host;
  /** The system that builds it. */
  readonly system: string;
  readonly wanted: readonly Derivation[];
}

export interface HostBuilds {
  readonly selected: readonly Host[];
  readonly builds: readonly HostBuild[];
  /** Those whose own runs have to build, and why. */
  readonly elsewhere: readonly { readonly host: Host; readonly reason: string }[];
  readonly failed: readonly FailedEvaluation[];
  readonly evaluations: number;
}

/** A host with what its own run will be told. */
interface ReadyHost {
  readonly host: Host;
  readonly settings: BuildSettings;
  /** Undefined: it is to be built here. */
  readonly elsewhere: string | undefined;
}

/**
 * What is to be built for the hosts that are asked for: as each host's own run will see it, with its data, so that this
 * run finds it built. One evaluation for all.
 *
 * @throws InputError, NixError
 */
export async function planHostBuilds(
  settings: BuildHostsSettings,
  readHost: ReadHost,
  nix: Nix,
  { signal }: Runtime,
): Promise<HostBuilds> {
  const selected = await chosenHosts(settings, nix, signal);
  const uri = settings.flakeUri.value;
  const read = selected.map((host) => readyHost(host, uri, readHost, settings));
  const ready = read.filter((each) => 'settings' in each);
  const here = ready.filter(({ elsewhere }) => elsewhere === undefined);
  const systems = await nix.builtSystems(signal);
  const { hosts, evaluations } = await evaluateHosts(
    uri,
    here.map(({ host }) => host.name),
    nix,
    signal,
    new Map(here.map(({ host, settings: own }) => [host.name, requestOf(own)])),
  );
  const found = here.map((each) => buildOf(each, hosts.get(each.host.name), systems));
  return {
    selected,
    builds: found.filter((each) => 'wanted' in each),
    elsewhere: [
      ...ready.flatMap(({ host, elsewhere }) =>
        elsewhere === undefined ? [] : [{ host, reason: elsewhere }],
      ),
      ...found.filter((each) => 'reason' in each),
    ],
    failed: [...read, ...found].filter((each) => 'message' in each),
    evaluations,
  };
}

function readyHost(
  host: Host,
  uri: string,
  readHost: ReadHost,
  settings: BuildHostsSettings,
): ReadyHost | FailedEvaluation {
  try {
    const own = readHost(uri, host.name, host.data);
    return { host, settings: own, elsewhere: whyElsewhere(own, settings) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { host: host.name, message: error.message, places: [] };
  }
}

/** What is known of that before anything is evaluated. */
function whyElsewhere(
  { buildOn, cache, hardwareConfig }: BuildSettings,
  all: BuildHostsSettings,
): string | undefined {
  if (buildOn.value === 'remote') return 'is built on the machine itself, as build-on says';
  const file = hardwareConfig.value?.path;
  if (file !== undefined && !existsSync(file))
    return `is built by its own run, when the machine has described itself in ${file}`;
  if (!all.cache.enabled.value) return undefined;
  if (!cache.enabled.value) return 'is built by its own run, which uses no cache (cache: false)';
  if (cache.keyPrefix.value !== all.cache.keyPrefix.value)
    return `is built by its own run, which looks under another cache-key (${cache.keyPrefix.value})`;
  return undefined;
}

function requestOf(settings: BuildSettings): OwnRequest {
  const script = wantedScript(settings);
  return {
    scripts: script === undefined ? [] : scriptNames(script),
    specialArgs: settings.specialArgs.value,
  };
}

function buildOf(
  { host, settings }: ReadyHost,
  found: EvaluatedHost | undefined,
  systems: readonly string[],
): HostBuild | HostBuilds['elsewhere'][number] | FailedEvaluation {
  const failed = (message: string, places: readonly Place[] = []): FailedEvaluation => ({
    host: host.name,
    message,
    places,
  });
  if (found === undefined) return failed('was not evaluated');
  if ('problem' in found) return failed(found.problem, found.places);
  const { system, toplevel, diskoScript } = found.ok;
  const [script] = requestOf(settings).scripts;
  if (script !== undefined && diskoScript === undefined)
    return failed(
      `the configuration has no config.system.build.${script}; import the disko module and a disk layout, or leave disko out of phases`,
    );
  if (!systems.includes(system))
    return {
      host,
      reason: `is built by its own run: on ${system}, and this runner builds for ${systems.join(', ')}`,
    };
  return { host, system, wanted: diskoScript === undefined ? [toplevel] : [diskoScript, toplevel] };
}
