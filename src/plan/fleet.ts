import { InputError, type InputProblem } from '../errors';
import { idlePatterns, selectHosts } from '../inputs/host-selection';
import { type MatrixHost, mostJobs, notApproved } from '../inputs/matrix';
import type { FleetSettings, ListSettings } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { FleetReport } from '../report/result';
import type { Runtime } from '../runtime';
import { whatChanged } from './changes';
import { type Host, readHosts } from './host-data';

/** A host of which not even that is known what would be done. */
export interface FailedHost {
  readonly host: string;
  readonly message: string;
}

/**
 * The hosts that are asked for, as jobs of a workflow. Contacts none of them.
 *
 * @throws InputError, NixError
 */
export async function listHosts(settings: ListSettings, nix: Nix, runtime: Runtime): Promise<FleetReport> {
  const selected = await chosenHosts(settings, nix, runtime.signal);
  const uri = settings.flakeUri.value;
  const since = settings.changedSince.value;
  const found =
    since === undefined
      ? { changed: selected.map((host) => ({ host, reason: 'listed' })), failed: [], evaluations: 0 }
      : await whatChanged(uri, since, selected, nix, runtime);
  if (found.changed.length > mostJobs)
    throw new InputError([
      {
        input: 'hosts',
        problem: `leads to ${found.changed.length} hosts, and GitHub starts ${mostJobs} jobs from a matrix at most; choose fewer at a time (names, globs, tag:NAME), or give changed-since`,
      },
    ]);
  return {
    selected: selected.length,
    hosts: found.changed.map(({ host, reason }) => asMatrixHost(uri, host, reason)),
    failed: found.failed,
    evaluations: found.evaluations,
    results: [],
  };
}

/** The hosts that the input hosts means. @throws InputError where their data is wrong, or one that is named is not there */
export async function chosenHosts(
  { flakeUri, hosts }: FleetSettings,
  nix: Nix,
  signal: AbortSignal,
): Promise<readonly Host[]> {
  const all = (await readHosts(flakeUri.value, nix, signal)).map((host) => ({
    ...host,
    tags: host.data.fleet.tags,
  }));
  const idle = idlePatterns(hosts.value, all);
  const problems: InputProblem[] = [
    ...idle.map(({ text }) => ({
      input: 'hosts',
      problem: `has ${text}, which fits no host. ${described(all)}`,
    })),
    ...all.flatMap(({ data }) =>
      data.problems.map(({ input, problem }) => ({
        input: `${input} (${data.attribute} of the flake)`,
        problem,
      })),
    ),
    ...all
      .filter(({ name }) => !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name))
      .map(({ name }) => ({
        input: 'flake',
        problem: `has the host ${JSON.stringify(name)}; names of hosts in a workflow are of letters, digits, _ . and -`,
      })),
  ];
  if (problems.length > 0) throw new InputError(problems);
  return selectHosts(hosts.value, all);
}

const shownNames = 40;

function described(hosts: readonly { readonly name: string; readonly tags: readonly string[] }[]): string {
  const listed = (names: readonly string[]) =>
    names.length === 0
      ? 'none'
      : names.slice(0, shownNames).join(', ') + (names.length > shownNames ? ', …' : '');
  const tags = [...new Set(hosts.flatMap((host) => host.tags))].toSorted();
  return `Hosts: ${listed(hosts.map(({ name }) => name))}; tags: ${listed(tags)}`;
}

function asMatrixHost(uri: string, { name, data }: Host, reason: string): MatrixHost {
  const { tags, environment, secrets } = data.fleet;
  return {
    host: name,
    flake: `${uri}#${name}`,
    tags,
    environment: environment ?? '',
    secrets,
    reason,
    'approved-plan': notApproved,
  };
}
