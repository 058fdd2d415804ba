import { InputError } from '../errors';
import { showAttributePath } from '../inputs/attribute-path';
import { parseFlakeReference } from '../inputs/flake-reference';
import { type HostData, lacksAddress, noHostData, parseHostData, withAddress } from '../inputs/host-data';
import type { HostDataOrigin } from '../inputs/host-data-rules';
import { contactsMachine, isForManyHosts } from '../inputs/kind-of-run';
import type { RawInputs } from '../inputs/raw-inputs';
import type { Nix } from '../nix/nix';
import { nixString } from '../nix/nix-string';
import { deployTools, hostsOfTools, readAddresses } from './deploy-tools';
import { flakeUri } from './evaluate';
import { evaluateOutput } from './flake-output';

/** The output of a flake that describes its hosts. */
const output = 'nixosAnywhere';

/** A host of a flake. */
export interface Host {
  readonly name: string;
  readonly data: HostData;
}

/**
 * What the flake says of the host that a run is for, before the inputs are read: they come partly from it. Where nobody
 * says where the machine is that the run contacts, what the flake says to deploy-rs or colmena holds.
 *
 * @returns none where no host of a flake is named, and where the flake says nothing; what is wrong is for readSettings
 * @throws NixError where the flake, or what it says of the host, cannot be evaluated
 */
export async function readHostData(raw: RawInputs, nix: Nix, signal: AbortSignal): Promise<HostData> {
  const reference = parseFlakeReference(raw.flake ?? '');
  if (typeof reference === 'string' || reference.name === '' || isForManyHosts(raw)) return noHostData;
  const { uri, name } = reference;
  const ofHost = `hosts: if builtins.isAttrs hosts then { data = hosts.${nixString(name)} or null; } else false`;
  const found = asSet(await evaluateOutput(uri, output, ofHost, nix, signal), uri).data ?? null;
  const data = found === null ? noHostData : parseHostData(found, originOf(uri, name));
  if (!contactsMachine(raw) || !lacksAddress(data, raw)) return data;
  const address = (await readAddresses(uri, [name], deployTools, nix, signal)).get(name);
  return address === undefined ? data : withAddress(data, address, raw);
}

/**
 * All hosts that the flake describes, in the order of their names: for this action, else for deploy-rs or colmena, else
 * all its configurations.
 *
 * @throws NixError, InputError
 */
export async function readHosts(uri: string, nix: Nix, signal: AbortSignal): Promise<readonly Host[]> {
  const found = await evaluateOutput(
    uri,
    output,
    'hosts: if builtins.isAttrs hosts then hosts else false',
    nix,
    signal,
  );
  if (found !== undefined)
    return Object.entries(asSet(found, uri)).map(([name, value]) => ({
      name,
      data: parseHostData(value, originOf(uri, name)),
    }));
  const others = await hostsOfTools(uri, nix, signal);
  const hosts = others.length > 0 ? others : await configurationsOf(uri, nix, signal);
  return hosts.map(({ name, attribute }) => ({ name, data: { ...noHostData, attribute } }));
}

/**
 * The hosts, each with its address where another tool knows it. Of colmena only what its modules say by themselves: to
 * evaluate a whole system for each of many hosts is for their own runs.
 *
 * @throws NixError
 */
export async function withAddresses(
  uri: string,
  hosts: readonly Host[],
  nix: Nix,
  signal: AbortSignal,
): Promise<readonly Host[]> {
  // a flake that describes none has no tool that does
  const lacking = hosts.filter(({ data }) => lacksAddress(data) && data.attribute !== '');
  const names = lacking.map(({ name }) => name);
  const addresses = await readAddresses(uri, names, ['deploy', 'colmena'], nix, signal);
  return hosts.map((host) => {
    const address = addresses.get(host.name);
    return address === undefined ? host : { ...host, data: withAddress(host.data, address) };
  });
}

/** Whoever has neither host data nor such a tool may still want to test all. */
async function configurationsOf(uri: string, nix: Nix, signal: AbortSignal) {
  const names = await evaluateOutput(uri, 'nixosConfigurations', 'builtins.attrNames', nix, signal);
  if (!Array.isArray(names))
    throw wrongFlake(
      uri,
      `has no hosts: neither ${output}, which describes them (${output}.NAME = { target-host = "root@203.0.113.7"; } for nixosConfigurations.NAME), nor nixosConfigurations`,
    );
  return names.map((name) => ({ name: String(name), attribute: '' }));
}

/** @param value undefined where there is none */
function asSet(value: unknown, uri: string): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw wrongFlake(uri, `has an output ${output} that is no set of hosts`);
}

function wrongFlake(uri: string, problem: string): InputError {
  return new InputError([{ input: 'flake', problem: `${uri} ${problem}` }]);
}

function originOf(uri: string, name: string): HostDataOrigin {
  return { attribute: showAttributePath([output, name]), isLocal: isLocalFlake(uri) };
}

/**
 * Whether the flake is a folder of the runner, as it is there: who put it there may also have programs run. Decided by
 * what Nix is told, not by what exists: a folder that is called like a registry's flake is not what Nix takes for it.
 *
 * @param uri as it was given
 */
export function isLocalFlake(uri: string): boolean {
  const [place = '', query = ''] = flakeUri(uri).split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  // another commit is not what somebody has checked out
  if (parameters.has('rev') || parameters.has('ref')) return false;
  return /^(\.|\/|path:|git\+file:)/.test(place);
}
