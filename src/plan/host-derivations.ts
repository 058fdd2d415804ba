import { randomUUID } from 'node:crypto';
import { EvaluationError, NixError, NixKilledError, type Place, TimeoutError } from '../errors';
import type { SpecialArgs } from '../inputs/settings';
import hosts from '../nix/hosts.nix';
import type { Nix } from '../nix/nix';
import { nixString } from '../nix/nix-string';
import shapes from '../nix/shapes.nix';
import { flakeUri } from './evaluate';
import type { Derivation } from './evaluation';
import { ProcessMemory, shareOfMemory } from './process-memory';
import { asDerivation, asRecord } from './read-evaluation';
import { refuseIfAllFail, spread } from './shared-failure';

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
export type EvaluatedHost = { readonly ok: HostDerivations } | HostProblem;

export interface HostProblem {
  readonly problem: string;
  /** Where it is in the user's own files, the nearest first. */
  readonly places: readonly Place[];
}

export interface EvaluatedHosts {
  readonly hosts: ReadonlyMap<string, EvaluatedHost>;
  /** How often Nix was started for it. */
  readonly evaluations: number;
}

const scripts = ['diskoScript', 'disko', 'diskoScriptNoDeps', 'diskoNoDeps', 'diskNoDeps'];

/** What a fleet is evaluated with. */
interface Request {
  readonly uri: string;
  readonly nix: Nix;
  readonly signal: AbortSignal;
  readonly own: ReadonlyMap<string, OwnRequest>;
  readonly memory: number;
}

/**
 * Evaluates many hosts of a flake: all in one process, in which they share what they have in common. Another process goes
 * on with the rest when a host has failed, which no others have to suffer for, and when this one has used its memory.
 *
 * @param uri as Nix takes it
 * @param memory bytes that one process may use; one host is evaluated however little that is
 * @throws NixError where not even the flake can be evaluated, and where all hosts fail for the same reason; TimeoutError
 */
export async function evaluateHosts(
  uri: string,
  names: readonly string[],
  nix: Nix,
  signal: AbortSignal,
  own: ReadonlyMap<string, OwnRequest> = new Map(),
  memory = shareOfMemory(1),
): Promise<EvaluatedHosts> {
  const found = new Map<string, EvaluatedHost>();
  let evaluations = 0;
  for (let left = spread(names); left.length > 0; left = left.filter((name) => !found.has(name))) {
    evaluations++;
    await evaluateSome(left, found, { uri, nix, signal, own, memory });
    refuseIfAllFail(names, found);
  }
  return { hosts: found, evaluations };
}

/** One process. What comes out is added to `known`: at least one host. */
async function evaluateSome(
  names: readonly string[],
  known: Map<string, EvaluatedHost>,
  { uri, nix, signal, own, memory }: Request,
): Promise<void> {
  // how a trace begins that is ours: what a configuration traces itself cannot begin so
  const mark = `${randomUUID()} `;
  const request = { names, scripts, mark, own: Object.fromEntries(own) };
  const apply = `(${hosts}) (${shapes}) (builtins.fromJSON ${nixString(JSON.stringify(request))})`;
  const process = new ProcessMemory(memory);
  const full = new AbortController();
  let done = 0;
  let begun: string | undefined;
  const onTrace = (text: string) => {
    const record = text.startsWith(mark) ? asRecord(JSON.parse(text.slice(mark.length))) : undefined;
    if (typeof record?.begins === 'string') begun = record.begins;
    if (typeof record?.name !== 'string') return;
    known.set(record.name, readHost(record.name, asRecord(record.found)));
    begun = undefined;
    if (++done < names.length && process.isFullAfter(done)) full.abort();
  };
  try {
    await nix.trace(`${flakeUri(uri)}#nixosConfigurations`, apply, AbortSignal.any([signal, full.signal]), {
      onTrace,
      onStart: (pid) => process.is(pid),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (full.signal.aborted || (done > 0 && error instanceof NixKilledError)) return;
    const problem = begun === undefined ? undefined : problemOf(error, known);
    if (begun === undefined || problem === undefined) throw error;
    known.set(begun, problem);
    return;
  }
  if (done < names.length) throw new EvaluationError('the evaluation gave another answer than was asked for');
}

/** @returns undefined where that is not the host's own fault */
function problemOf(error: unknown, known: ReadonlyMap<string, EvaluatedHost>): HostProblem | undefined {
  if (error instanceof NixError) return { problem: error.reason ?? error.message, places: error.places };
  // the first host waits for what all need, such as an input that cannot be fetched
  const othersCould = [...known.values()].some((host) => 'ok' in host);
  return error instanceof TimeoutError && othersCould ? { problem: error.message, places: [] } : undefined;
}

function readHost(name: string, found: Record<string, unknown>): EvaluatedHost {
  if (found.missing === true) return { problem: `the flake has no nixosConfigurations.${name}`, places: [] };
  const { system, toplevel, diskoScript } = found;
  return {
    ok: {
      system: String(system),
      toplevel: asDerivation(toplevel),
      diskoScript: diskoScript === null ? undefined : asDerivation(diskoScript),
    },
  };
}
