import { InputError, type InputProblem, type Place } from '../errors';
import { problemsOfHost } from '../inputs/check-host-data';
import type { FleetSettings, ListSettings } from '../inputs/fleet-settings';
import { idlePatterns, selectHosts } from '../inputs/host-selection';
import { longestMatrix, type MatrixHost, matrixJson, mostJobs, notApproved } from '../inputs/matrix';
import type { Nix } from '../nix/nix';
import type { FleetReport } from '../report/result';
import type { Runtime } from '../runtime';
import { whatChanged } from './changes';
import { type Host, isLocalFlake, readHosts, withAddresses } from './host-data';

/** A host of which not even that is known what would be done, or that could not be built. */
export interface FailedHost {
  readonly host: string;
  /** What has failed; undefined: its evaluation. */
  readonly at?: 'build';
  readonly message: string;
}

/** With what is not in a result: where it is in the user's own files. */
export interface FailedEvaluation extends FailedHost {
  readonly places: readonly Place[];
}

/** The report of a run that has listed nothing yet. */
export const nothingListed: FleetReport = {
  selected: 0,
  hosts: [],
  failed: [],
  evaluations: 0,
  results: [],
  files: null,
};

/**
 * The hosts that are asked for, as jobs of a workflow. Contacts none of them.
 *
 * @throws InputError, NixError
 */
export async function listHosts(settings: ListSettings, nix: Nix, runtime: Runtime): Promise<FleetReport> {
  const selected = await chosenHosts(settings, nix, runtime.signal, { forRuns: true });
  const uri = settings.flakeUri.value;
  const since = settings.changedSince.value;
  const found =
    since === undefined
      ? { changed: selected.map((host) => ({ host, reason: 'listed' })), failed: [], evaluations: 0 }
      : await whatChanged(uri, since, selected, nix, runtime);
  for (const { host, message, places } of found.failed)
    runtime.log.warning(`${host} cannot be evaluated, and is left out: ${message}`, places);
  const hosts = found.changed.map(({ host, reason }) => asMatrixHost(uri, host, reason));
  requireJobs(hosts);
  return {
    selected: selected.length,
    hosts,
    failed: found.failed.map(({ host, message }) => ({ host, message })),
    evaluations: found.evaluations,
    results: [],
    files: null,
  };
}

/** @throws InputError for more than a matrix takes, or than can be handed on to fleet-results */
function requireJobs(hosts: readonly MatrixHost[]): void {
  const bytes = Buffer.byteLength(matrixJson(hosts));
  if (hosts.length <= mostJobs && bytes <= longestMatrix) return;
  const limit =
    hosts.length > mostJobs
      ? `GitHub starts ${mostJobs} jobs from a matrix at most`
      : `their matrix takes ${bytes} bytes of the ${longestMatrix} that an input can have`;
  const problem = `leads to ${hosts.length} hosts, and ${limit}; choose fewer at a time (names, globs, tag:NAME), or give changed-since`;
  throw new InputError([{ input: 'hosts', problem }]);
}

/**
 * The hosts that the input hosts means.
 *
 * @param options `forRuns`: for runs that contact them, all that is said of them is read as those will
 * @throws InputError where what the flake says of them is wrong, or one that is named is not there
 */
export async function chosenHosts(
  { flakeUri, hosts }: FleetSettings,
  nix: Nix,
  signal: AbortSignal,
  { forRuns = false } = {},
): Promise<readonly Host[]> {
  const uri = flakeUri.value;
  const all = (await readHosts(uri, nix, signal)).map((host) => ({ ...host, tags: host.data.fleet.tags }));
  const selected = selectHosts(hosts.value, all);
  const chosen = forRuns ? await withAddresses(uri, selected, nix, signal) : selected;
  const byTag = hosts.value.some(({ kind }) => kind === 'tag');
  const problems: InputProblem[] = [
    ...idlePatterns(hosts.value, all).map(({ text }) => ({
      input: 'hosts',
      problem: `has ${text}, which fits no host. ${described(all)}`,
    })),
    ...chosen.flatMap((host) => problemsOfName(host)),
    ...(forRuns ? chosen.flatMap((host) => problemsOf(uri, host)) : []),
    // a host that is not chosen because of what is wrong with it
    ...all
      .filter(({ name }) => byTag && !(forRuns && chosen.some((host) => host.name === name)))
      .flatMap((host) => problemsOf(uri, host).filter(({ input }) => input.startsWith('tags '))),
  ];
  if (problems.length > 0) throw new InputError(withoutRest(problems));
  return chosen;
}

/** It is a part of the names of jobs, files and artifacts. */
const hostNameForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

function problemsOfName({ name }: Host): readonly InputProblem[] {
  const problem = `has the host ${JSON.stringify(name.slice(0, 120))}; names of hosts in a workflow are of up to 100 letters, digits, _ . and -`;
  return hostNameForm.test(name) ? [] : [{ input: 'flake', problem }];
}

function problemsOf(uri: string, { name, data }: Host): readonly InputProblem[] {
  if (!hostNameForm.test(name)) return [];
  return [...problemsOfHost(referenceTo(uri, name), data), ...secretsFromElsewhere(uri, data)];
}

/** The jobs of the list get these: whoever writes another repository's flake could have any secret of this one. */
function secretsFromElsewhere(uri: string, { attribute, fleet }: Host['data']): readonly InputProblem[] {
  if (Object.keys(fleet.secrets).length === 0 || isLocalFlake(uri)) return [];
  const problem =
    'names secrets of the repository, which only a flake in a folder of the runner may; check it out, and give the folder';
  return [{ input: `secrets (${attribute} of the flake)`, problem }];
}

/** Nobody mends more at a time, and one mistake in a function for all hosts is in each of them. */
const shownProblems = 40;

function withoutRest(problems: readonly InputProblem[]): readonly InputProblem[] {
  const rest = problems.length - shownProblems;
  return rest <= 0
    ? problems
    : [...problems.slice(0, shownProblems), { input: 'flake', problem: `has ${rest} more such problems` }];
}

function referenceTo(uri: string, name: string): string {
  return `${uri}#${name}`;
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

export function asMatrixHost(uri: string, { name, data }: Host, reason: string): MatrixHost {
  const { tags, environment, secrets } = data.fleet;
  return {
    host: name,
    flake: referenceTo(uri, name),
    tags,
    environment: environment ?? '',
    secrets,
    reason,
    'approved-plan': notApproved,
  };
}
