import { sideBySide } from '../deadlines';
import { InputError, NixError } from '../errors';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { flakeUri } from './evaluate';
import { flakeAt } from './flake-at';
import type { FailedEvaluation } from './fleet';
import { type Host, readHosts } from './host-data';
import { type EvaluatedHost, evaluateHosts, type HostDerivations } from './host-derivations';
import { shareOfMemory, sideBySideWithin } from './process-memory';

export interface Changes {
  readonly changed: readonly { readonly host: Host; readonly reason: string }[];
  readonly failed: readonly FailedEvaluation[];
  readonly evaluations: number;
}

/** What was known of hosts at the other commit. */
interface Before {
  /** Undefined: not even that was told. */
  readonly described: ReadonlyMap<string, Host> | undefined;
  readonly hosts: ReadonlyMap<string, EvaluatedHost>;
  readonly evaluations: number;
}

/** What a git push event gives as `before` when there was nothing before. */
const noCommit = /^0{40}(0{24})?$/;

/**
 * Which of the hosts are others than they were: their system, their disko script or their install-id. A host that
 * cannot be evaluated is told, and the others stay.
 *
 * @param since a revision of the git checkout that the flake lies in
 * @throws InputError, NixError
 */
export async function whatChanged(
  uri: string,
  since: string,
  hosts: readonly Host[],
  nix: Nix,
  runtime: Runtime,
): Promise<Changes> {
  if (noCommit.test(since)) return allOf(hosts, 'there was no commit before this one');
  const before = await flakeAt(flakeUri(uri), since, nix, runtime);
  if (before.isSame) return allOf([], '');
  const names = hosts.map(({ name }) => name);
  const atOnce = sideBySideWithin(2);
  const memory = shareOfMemory(atOnce);
  const evaluateNow = (signal: AbortSignal) => evaluateHosts(uri, names, nix, signal, undefined, memory);
  const evaluateThen = (signal: AbortSignal) =>
    evaluateBefore({ uri: before.uri, since, names, memory }, nix, signal, runtime);
  const [now, then] =
    atOnce > 1
      ? await sideBySide(runtime.signal, evaluateNow, evaluateThen)
      : [await evaluateNow(runtime.signal), await evaluateThen(runtime.signal)];
  return { ...compare(hosts, now.hosts, then), evaluations: now.evaluations + then.evaluations };
}

function allOf(hosts: readonly Host[], reason: string): Changes {
  return { changed: hosts.map((host) => ({ host, reason })), failed: [], evaluations: 0 };
}

/** What was wrong at another commit is no reason to stop: it may be what this one mends. */
async function evaluateBefore(
  { uri, since, names, memory }: { uri: string; since: string; names: readonly string[]; memory: number },
  nix: Nix,
  signal: AbortSignal,
  { log }: Runtime,
): Promise<Before> {
  try {
    const described = await describedBefore(uri, nix, signal);
    const known = names.filter((name) => described.has(name));
    const { hosts, evaluations } = await evaluateHosts(uri, known, nix, signal, undefined, memory);
    for (const [name, host] of hosts)
      if ('problem' in host) log.info(`${name} as it was at ${since} cannot be evaluated: ${host.problem}`);
    return { described, hosts, evaluations };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof NixError)) throw error;
    log.warning(
      `The flake as it was at ${since} cannot be evaluated, so that all hosts count as changed: ${error.message}`,
    );
    return { described: undefined, hosts: new Map(), evaluations: 1 };
  }
}

/** Before there was a fleet there was none of its hosts. */
async function describedBefore(
  uri: string,
  nix: Nix,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Host>> {
  const hosts = await readHosts(uri, nix, signal).catch((error: unknown) => {
    if (error instanceof InputError) return [];
    throw error;
  });
  return new Map(hosts.map((host) => [host.name, host]));
}

function compare(
  hosts: readonly Host[],
  now: ReadonlyMap<string, EvaluatedHost>,
  before: Before,
): Pick<Changes, 'changed' | 'failed'> {
  const changed: { host: Host; reason: string }[] = [];
  const failed: FailedEvaluation[] = [];
  for (const host of hosts) {
    const found = now.get(host.name);
    if (found === undefined || 'problem' in found) {
      const { problem, places } = found ?? { problem: 'was not evaluated', places: [] };
      failed.push({ host: host.name, message: problem, places });
      continue;
    }
    const reason = changeOf(host, found.ok, before);
    if (reason !== undefined) changed.push({ host, reason });
  }
  return { changed, failed };
}

/** @returns undefined: nothing that matters */
function changeOf({ name, data }: Host, now: HostDerivations, before: Before): string | undefined {
  const [old, then] = [before.described?.get(name), before.hosts.get(name)];
  if (before.described !== undefined && old === undefined) return 'new';
  if (old === undefined || then === undefined || 'problem' in then) return 'could not be evaluated before';
  const differences = [
    ...(data.inputs['install-id'] === old.data.inputs['install-id'] ? [] : ['install-id']),
    ...(now.toplevel.drvPath === then.ok.toplevel.drvPath ? [] : ['system']),
    ...(now.diskoScript?.drvPath === then.ok.diskoScript?.drvPath ? [] : ['disko script']),
  ];
  return differences.length === 0 ? undefined : `changed: ${differences.join(', ')}`;
}
