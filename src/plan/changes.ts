import { InputError } from '../errors';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { flakeUri } from './evaluate';
import { flakeAt } from './flake-at';
import type { FailedHost } from './fleet';
import { type Host, readHosts } from './host-data';
import { type EvaluatedHost, evaluateHosts, type HostDerivations } from './host-derivations';

export interface Changes {
  readonly changed: readonly { readonly host: Host; readonly reason: string }[];
  readonly failed: readonly FailedHost[];
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
  const { signal } = runtime;
  if (noCommit.test(since)) return allOf(hosts, 'there was no commit before this one');
  const before = await flakeAt(flakeUri(uri), since, nix, runtime);
  if (before.isSame) return allOf([], '');
  const names = hosts.map(({ name }) => name);
  const now = await evaluateHosts(uri, names, nix, signal);
  const old = await oldHosts(before.uri, nix, signal);
  const then = await evaluateHosts(
    before.uri,
    names.filter((name) => old.has(name)),
    nix,
    signal,
  );
  const changed: { host: Host; reason: string }[] = [];
  const failed: FailedHost[] = [];
  for (const host of hosts) {
    const found = now.hosts.get(host.name);
    if (found === undefined || 'problem' in found) {
      failed.push({ host: host.name, message: found?.problem ?? 'was not evaluated' });
      continue;
    }
    const reason = changeOf(host, found.ok, old.get(host.name), then.hosts.get(host.name));
    if (reason !== undefined) changed.push({ host, reason });
  }
  return { changed, failed, evaluations: now.evaluations + then.evaluations };
}

function allOf(hosts: readonly Host[], reason: string): Changes {
  return { changed: hosts.map((host) => ({ host, reason })), failed: [], evaluations: 0 };
}

/** Before there was a fleet there was none of its hosts. */
async function oldHosts(uri: string, nix: Nix, signal: AbortSignal): Promise<ReadonlyMap<string, Host>> {
  const hosts = await readHosts(uri, nix, signal).catch((error: unknown) => {
    if (error instanceof InputError) return [];
    throw error;
  });
  return new Map(hosts.map((host) => [host.name, host]));
}

/** @returns undefined: nothing that matters */
function changeOf(
  { data }: Host,
  now: HostDerivations,
  old: Host | undefined,
  then: EvaluatedHost | undefined,
): string | undefined {
  if (old === undefined || then === undefined) return 'new';
  if ('problem' in then) return 'could not be evaluated before';
  const differences = [
    ...(data.inputs['install-id'] === old.data.inputs['install-id'] ? [] : ['install-id']),
    ...(now.toplevel.drvPath === then.ok.toplevel.drvPath ? [] : ['system']),
    ...(now.diskoScript?.drvPath === then.ok.diskoScript?.drvPath ? [] : ['disko script']),
  ];
  return differences.length === 0 ? undefined : `changed: ${differences.join(', ')}`;
}
