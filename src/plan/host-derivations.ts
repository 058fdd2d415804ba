import { EvaluationError, NixError } from '../errors';
import type { SpecialArgs } from '../inputs/settings';
import hosts from '../nix/hosts.nix';
import { type Nix, nixString } from '../nix/nix';
import shapes from '../nix/shapes.nix';
import { flakeUri } from './evaluate';
import type { Derivation } from './evaluation';

/** What is built for a host; two that are the same are the same to install. */
export interface HostDerivations {
  /** `x86_64-linux` */
  readonly system: string;
  readonly toplevel: Derivation;
  readonly diskoScript: Derivation | undefined;
}

/** What is asked of one host, where that is not what all are asked. */
export interface OwnRequest {
  /** Names of the disko script, the best first; none: it needs none. */
  readonly scripts: readonly string[];
  readonly specialArgs: SpecialArgs | undefined;
}

/** Or why that is not known. */
export type EvaluatedHost = { readonly ok: HostDerivations } | { readonly problem: string };

export interface EvaluatedHosts {
  readonly hosts: ReadonlyMap<string, EvaluatedHost>;
  /** How often Nix was started for it. */
  readonly evaluations: number;
}

const scripts = ['diskoScript', 'disko', 'diskoScriptNoDeps', 'diskoNoDeps', 'diskNoDeps'];

/**
 * Evaluates many hosts of a flake at once. One that fails does not fail the others.
 *
 * @param uri as Nix takes it
 * @throws NixError where not even the flake can be evaluated
 */
export async function evaluateHosts(
  uri: string,
  names: readonly string[],
  nix: Nix,
  signal: AbortSignal,
  own: ReadonlyMap<string, OwnRequest> = new Map(),
): Promise<EvaluatedHosts> {
  if (names.length === 0) return { hosts: new Map(), evaluations: 0 };
  const apply = asking(names, own);
  try {
    const answer = await nix.evaluate(`${flakeUri(uri)}#nixosConfigurations`, apply, signal);
    return await explained(uri, names, asRecord(answer), nix, signal, own);
  } catch (error) {
    if (!(error instanceof NixError)) throw error;
    if (names.length === 1)
      return { hosts: new Map([[names[0] ?? '', { problem: error.message }]]), evaluations: 1 };
    return inHalves(uri, names, nix, signal, own);
  }
}

/** @param uncaught what is thrown in a host's configuration becomes the error of the evaluation */
function asking(names: readonly string[], own: ReadonlyMap<string, OwnRequest>, uncaught = false): string {
  const request = { names, scripts, own: Object.fromEntries(own), uncaught };
  return `(${hosts}) (${shapes}) (builtins.fromJSON ${nixString(JSON.stringify(request))})`;
}

/** Some errors cannot be caught in Nix: the host that has one is found by leaving out others. */
async function inHalves(
  uri: string,
  names: readonly string[],
  nix: Nix,
  signal: AbortSignal,
  own: ReadonlyMap<string, OwnRequest>,
): Promise<EvaluatedHosts> {
  const middle = Math.ceil(names.length / 2);
  const first = await evaluateHosts(uri, names.slice(0, middle), nix, signal, own);
  const second = await evaluateHosts(uri, names.slice(middle), nix, signal, own);
  return {
    hosts: new Map([...first.hosts, ...second.hosts]),
    evaluations: 1 + first.evaluations + second.evaluations,
  };
}

async function explained(
  uri: string,
  names: readonly string[],
  answer: Record<string, unknown>,
  nix: Nix,
  signal: AbortSignal,
  own: ReadonlyMap<string, OwnRequest>,
): Promise<EvaluatedHosts> {
  const hosts = new Map<string, EvaluatedHost>();
  let evaluations = 1;
  for (const name of names) {
    const found = asRecord(answer[name]);
    if (found.missing === true) hosts.set(name, { problem: `the flake has no nixosConfigurations.${name}` });
    else if (found.failed !== true) hosts.set(name, { ok: readDerivations(found) });
    else {
      evaluations++;
      hosts.set(name, { problem: await whyNot(uri, name, nix, signal, own) });
    }
  }
  return { hosts, evaluations };
}

/** What Nix says where nothing catches it. */
async function whyNot(
  uri: string,
  name: string,
  nix: Nix,
  signal: AbortSignal,
  own: ReadonlyMap<string, OwnRequest>,
): Promise<string> {
  try {
    const apply = asking([name], own, true);
    await nix.evaluate(`${flakeUri(uri)}#nixosConfigurations`, apply, signal, { quiet: true });
    return 'it could not be evaluated with the others, and can be alone';
  } catch (error) {
    if (!(error instanceof NixError)) throw error;
    return error.message;
  }
}

function readDerivations({ system, toplevel, diskoScript }: Record<string, unknown>): HostDerivations {
  return {
    system: String(system),
    toplevel: asDerivation(toplevel),
    diskoScript: diskoScript === null ? undefined : asDerivation(diskoScript),
  };
}

function asDerivation(value: unknown): Derivation {
  const { drv, out } = asRecord(value);
  return { drvPath: String(drv), outPath: String(out) };
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new EvaluationError('the evaluation gave another answer than was asked for');
  return { ...value };
}
