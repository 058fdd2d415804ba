import { existsSync } from 'node:fs';
import { InputError, NixError } from '../errors';
import { showAttributePath } from '../inputs/attribute-path';
import { parseFlakeReference } from '../inputs/flake-reference';
import { type HostData, noHostData, parseHostData } from '../inputs/host-data';
import type { RawInputs } from '../inputs/raw-inputs';
import { type Nix, nixString } from '../nix/nix';
import { flakeUri } from './evaluate';

/** The output of a flake that describes its hosts. */
const output = 'nixosAnywhere';

/** A host of a flake. */
export interface Host {
  readonly name: string;
  readonly data: HostData;
}

/**
 * What the flake says of the host that a run is for, before the inputs are read: they come partly from it.
 *
 * @returns none where no host of a flake is named, and where the flake says nothing; what is wrong is for readSettings
 * @throws NixError where the flake, or what it says of the host, cannot be evaluated
 */
export async function readHostData(raw: RawInputs, nix: Nix, signal: AbortSignal): Promise<HostData> {
  const reference = parseFlakeReference(raw.flake ?? '');
  if (typeof reference === 'string' || reference.name === '') return noHostData;
  const { uri, name } = reference;
  await nix.checkVersion();
  const found = await hostsOutput(uri, `hosts: hosts.${nixString(name)} or null`, nix, signal);
  return found === undefined || found === null ? noHostData : parseHostData(found, originOf(uri, name));
}

/**
 * All hosts that the flake describes, in the order of their names.
 *
 * @throws NixError, InputError
 */
export async function readHosts(uri: string, nix: Nix, signal: AbortSignal): Promise<readonly Host[]> {
  await nix.checkVersion();
  const found = await hostsOutput(uri, 'hosts: hosts', nix, signal);
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    const problem =
      found === undefined
        ? `has no output ${output}, which describes the hosts: ${output}.NAME = { target-host = "root@203.0.113.7"; } for nixosConfigurations.NAME`
        : `has an output ${output} that is no set of hosts`;
    throw new InputError([{ input: 'flake', problem: `${uri} ${problem}` }]);
  }
  return Object.entries(found).map(([name, value]) => ({
    name,
    data: parseHostData(value, originOf(uri, name)),
  }));
}

/** @returns undefined where the flake has no such output */
async function hostsOutput(uri: string, apply: string, nix: Nix, signal: AbortSignal): Promise<unknown> {
  try {
    return await nix.evaluate(`${flakeUri(uri)}#${output}`, apply, signal, { quiet: true });
  } catch (error) {
    if (error instanceof NixError && /does not provide attribute/.test(error.message)) return undefined;
    throw error;
  }
}

function originOf(uri: string, name: string) {
  const folder = uri.replace(/^(path|git\+file):(\/\/)?/, '').replace(/\?.*$/, '');
  return { attribute: `${output}.${showAttributePath([name])}`, isLocal: existsSync(folder) };
}
