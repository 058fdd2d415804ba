import { NixError } from '../errors';
import type { BuildHostsSettings } from '../inputs/fleet-settings';
import type { ReadHost } from '../inputs/read-host';
import type { Nix } from '../nix/nix';
import { asMatrixHost, type FailedHost } from '../plan/fleet';
import { type HostBuild, type HostBuilds, planHostBuilds } from '../plan/host-builds';
import { describeFleet } from '../report/describe-fleet';
import { counted } from '../report/quantities';
import type { FleetReport } from '../report/result';
import { buildClosures } from './build';
import type { Tools } from './context';
import { phase } from './run-phases';

/**
 * Builds what the runs of many hosts are about to want, so that these find it in the cache. What fails for one host does
 * not keep the others from being built, and fails the run in the end.
 *
 * @throws InputError; NixError, also where a host was not built
 */
export async function buildHosts(
  settings: BuildHostsSettings,
  readHost: ReadHost,
  tools: Tools,
): Promise<void> {
  const { nix, progress, runtime } = tools;
  const planned = await phase('preflight', progress, runtime, () =>
    planHostBuilds(settings, readHost, nix, runtime),
  );
  const report = (failed: readonly FailedHost[]) => reportOf(settings.flakeUri.value, planned, failed);
  const notEvaluated = planned.failed.map(({ host, message }) => ({ host, message }));
  progress.fleet = report(notEvaluated);
  runtime.log.info(describeFleet(progress.fleet));
  for (const { host, message, places } of planned.failed.filter((each) => each.places.length > 0))
    runtime.log.warning(`${host} cannot be evaluated: ${message}`, places);
  for (const { host, reason } of planned.elsewhere) runtime.log.info(`  ${host.name}  ${reason}`);
  await phase('build', progress, runtime, async () => {
    const notBuilt = await buildEachSystem(planned.builds, tools);
    progress.fleet = report([...notEvaluated, ...notBuilt]);
    requireAll(progress.fleet);
  });
}

function reportOf(
  uri: string,
  { selected, builds, elsewhere, evaluations }: HostBuilds,
  failed: readonly FailedHost[],
): FleetReport {
  const built = builds.filter(({ host }) => !failed.some((each) => each.host === host.name));
  const reasons = new Map([
    ...built.map(({ host }) => [host.name, 'is built'] as const),
    ...elsewhere.map(({ host, reason }) => [host.name, reason] as const),
  ]);
  const hosts = selected.flatMap((host) => {
    const reason = reasons.get(host.name);
    return reason === undefined ? [] : [asMatrixHost(uri, host, reason)];
  });
  const inOrder = selected.flatMap(({ name }) => failed.find(({ host }) => host === name) ?? []);
  return { selected: selected.length, hosts, failed: inOrder, evaluations, results: [], files: null };
}

/** One build for all that the same system builds, as layers of the cache are of one system. */
async function buildEachSystem(builds: readonly HostBuild[], tools: Tools): Promise<readonly FailedHost[]> {
  const { nix, runtime } = tools;
  const failed: FailedHost[] = [];
  for (const system of new Set(builds.map((each) => each.system))) {
    const group = builds.filter((each) => each.system === system);
    const users = group.map((each) => each.wanted.map(({ outPath }) => outPath));
    const wanted = [
      ...new Map(group.flatMap((each) => each.wanted.map((one) => [one.outPath, one]))).values(),
    ];
    try {
      await buildClosures({ wanted, users, system, keepGoing: true }, tools, runtime.signal);
    } catch (error) {
      runtime.signal.throwIfAborted();
      if (!(error instanceof NixError)) throw error;
      failed.push(...(await whoFailed(group, error, nix, runtime.signal)));
    }
  }
  return failed;
}

/** @throws the error where it is not that of a host's build */
async function whoFailed(
  builds: readonly HostBuild[],
  error: NixError,
  nix: Nix,
  signal: AbortSignal,
): Promise<readonly FailedHost[]> {
  const there = await nix.pathInfo(
    builds.flatMap(({ wanted }) => wanted.map(({ outPath }) => outPath)),
    signal,
  );
  const missing = builds.filter(({ wanted }) => wanted.some(({ outPath }) => !there.has(outPath)));
  if (missing.length === 0) throw error;
  const failed: FailedHost[] = [];
  for (const { host, wanted } of missing) {
    const needed = await nix.pathInfo(
      wanted.flatMap(({ drvPath }) => drvPath ?? []),
      signal,
      { recursive: true },
    );
    failed.push({ host: host.name, at: 'build', message: reasonFor(needed, error) });
  }
  return failed;
}

/** What has failed in other hosts is not for this one's reader. */
function reasonFor(needed: ReadonlyMap<string, unknown>, error: NixError): string {
  const own = error.messages.filter(({ text }) =>
    [...text.matchAll(/'(\/[^']+\.drv)'/g)].some(([, derivation = '']) => needed.has(derivation)),
  );
  // those that only say that something else has failed come with it
  const first = own.find(({ text }) => !/dependenc(?:y|ies)\b.* failed/.test(text)) ?? own[0];
  return first === undefined
    ? error.message
    : [...first.text.split('\n'), ...first.buildLog.slice(-shownLines)].join('\n');
}

const shownLines = 5;

function requireAll({ selected, failed }: FleetReport): void {
  if (failed.length === 0) return;
  throw new NixError(
    `${failed.length} of ${counted(selected, 'host')} could not be built: ${failed.map(({ host }) => host).join(', ')}`,
    {
      lastLines: failed.flatMap(({ host, message }) => `${host}: ${message}`.split('\n')),
      hint: 'what was built is kept, and the other hosts can go on: failed-hosts names those that cannot',
    },
  );
}
