import * as core from '@actions/core';
import { type BuildingSettings, openCache } from './cache/open';
import { noCache } from './cache/run-cache';
import { refuseInstallAfterUse } from './cache/unsigned';
import { cancelledBySignal } from './cancellation';
import { childEnvironment } from './child-environment';
import { gatherInputs, type Inputs, nixOptionsOf, type ReadSettings } from './gather-inputs';
import { describeSettings } from './inputs/describe-settings';
import type { FleetResultsSettings } from './inputs/fleet-settings';
import { readRunIdentity } from './inputs/run-identity';
import { type HostSettings, hostOf, hostSettings, type OnMachine, type Settings } from './inputs/settings';
import { Nix } from './nix/nix';
import { openTarget } from './open-target';
import { requireApproval } from './phases/approval';
import { buildClosures } from './phases/build';
import { buildHosts } from './phases/build-hosts';
import { CleanUp } from './phases/clean-up';
import type { Tools } from './phases/context';
import { Lease, RebootedError } from './phases/lease';
import { offlinePreflight, preflight, type WithoutMachine } from './phases/preflight';
import { phase, runPhases } from './phases/run-phases';
import { vmTest } from './phases/vm-test';
import { checkBuildable, checkPlan } from './plan/checks';
import { requireName } from './plan/configuration';
import { buildSystemOf } from './plan/evaluation';
import { listHosts, nothingListed } from './plan/fleet';
import { offlinePlan, type Plan } from './plan/plan';
import { fetchStorePaths } from './plan/store-paths';
import { offlineWarnings, warningsOf } from './plan/warnings';
import { allDerivations } from './plan/work';
import { announcePost, leaveToPost } from './post';
import { withPrivateFolder } from './private-folder';
import { SpawnRunner } from './process';
import { ActionLog } from './report/action-log';
import { describeFleet } from './report/describe-fleet';
import { describePlan } from './report/describe-plan';
import { gatherResults, nothingGathered, requireResults } from './report/fleet-results';
import { failureOf, placesOf, publish } from './report/report';
import { type Outcome, Progress } from './report/result';
import { checkRunner } from './runner';
import { systemClock } from './runtime';
import { SecretRegistry } from './secrets';
import { nameOf } from './ssh/connection';
import type { Target } from './ssh/target';

/** How long a run that has done all else waits for what it saves in the cache. */
const uploadPatienceMs = 120_000;

/** How often a machine is looked at that is rebooted while it is looked at. */
const mostLooks = 3;

/**
 * The action: inputs → Settings → Facts and Evaluation → Plan → phases → Result. Whatever happens, a Result is
 * published.
 *
 * @param cacheClient arguments for node that start the process that talks to the cache service
 * @returns the exit code
 */
export async function main(cacheClient: readonly string[]): Promise<number> {
  announcePost();
  const secrets = new SecretRegistry(core.setSecret);
  const log = new ActionLog(secrets, systemClock);
  const progress = new Progress();
  const { run: url, attempt } = readRunIdentity(process.env);
  progress.run = { url, attempt, startedAt: new Date().toISOString() };
  const cancel = cancelledBySignal();
  try {
    checkRunner(process.platform);
    const processes = new SpawnRunner(() => childEnvironment(process.env, secrets));
    const { signal, abort } = cancel;
    const outcome = await Promise.race([
      withPrivateFolder(async (privateFolder) => {
        const runtime = { log, clock: systemClock, processes, signal, abort, privateFolder };
        const inputs = await gatherInputs(process.env, secrets, runtime, progress);
        const settings = inputs.read((notice) => log.warning(notice));
        log.debugShown = settings.debug.value;
        log.debug(describeSettings(settings));
        return run(settings, inputs, { runtime, progress }, cacheClient);
      }),
      cancel.atOnce,
    ]);
    const isTold = await publish(progress.result(outcome), log, secrets);
    return isTold || progress.fleet === null ? 0 : 1;
  } catch (error) {
    const reason = cancel.signal.aborted ? cancel.signal.reason : error;
    await publish(
      progress.result('failed', failureOf(reason, progress, secrets)),
      log,
      secrets,
      placesOf(reason),
    );
    return 1;
  } finally {
    cancel.stop();
  }
}

/** @param inputs for what is only known once a part of it was fetched */
async function run(
  settings: Settings,
  inputs: Inputs,
  { runtime, progress }: Pick<Tools, 'runtime' | 'progress'>,
  cacheClient: readonly string[],
): Promise<Outcome> {
  if (settings.kind === 'fleet-results') {
    return gather(settings, { runtime, progress });
  }
  const nix = new Nix(nixOptionsOf(settings), runtime);
  if (settings.kind === 'list-hosts') {
    // one that fails is told as a run over many hosts, too
    progress.fleet = nothingListed;
    progress.fleet = await listHosts(settings, nix, runtime);
    runtime.log.info(describeFleet(progress.fleet));
    return 'listed';
  }
  if (settings.kind === 'build-hosts') {
    return withCache(settings, { nix, runtime, progress }, cacheClient, async (tools) => {
      await buildHosts(settings, inputs.readHost, tools);
      return 'built';
    });
  }
  return runForHost(settings, inputs.read, { nix, runtime, progress }, cacheClient);
}

function gather(
  { folder, matrix }: FleetResultsSettings,
  { runtime, progress }: Pick<Tools, 'runtime' | 'progress'>,
): Outcome {
  progress.fleet = nothingGathered;
  const fleet = gatherResults(folder.value, matrix.value);
  progress.fleet = fleet;
  runtime.log.info(describeFleet(fleet));
  for (const { file, problem } of fleet.files?.problems ?? []) runtime.log.warning(`${file} ${problem}`);
  requireResults(folder.value, fleet);
  return 'gathered';
}

async function runForHost(
  given: HostSettings,
  readAgain: ReadSettings,
  { nix, runtime, progress }: Pick<Tools, 'nix' | 'runtime' | 'progress'>,
  cacheClient: readonly string[],
): Promise<Outcome> {
  progress.host = hostOf(given);
  const many =
    given.kind === 'build-only' ? '; or give hosts (names, globs, tag:NAME) to build many at once' : '';
  await requireName(given.configuration.value, nix, runtime.signal, many);
  // what a store path is can only be told when it is here
  const settings = (await fetchStorePaths(given, nix, runtime)) ? hostSettings(readAgain()) : given;
  refuseInstallAfterUse(settings, process.env);
  return withCache(settings, { nix, runtime, progress }, cacheClient, (tools) =>
    settings.kind === 'install' || settings.kind === 'plan'
      ? runOnMachine(settings, tools)
      : runWithoutMachine(settings, tools),
  );
}

/** What was built is kept, whatever comes of the rest. */
async function withCache(
  settings: BuildingSettings,
  { nix, runtime, progress }: Pick<Tools, 'nix' | 'runtime' | 'progress'>,
  cacheClient: readonly string[],
  work: (tools: Tools) => Promise<Outcome>,
): Promise<Outcome> {
  const cache = openCache(settings, nix, runtime, {
    environment: process.env,
    worker: cacheClient,
    leave: leaveToPost,
  });
  try {
    return await work({ nix, cache, runtime, progress });
  } finally {
    await cache.finish(uploadPatienceMs);
    progress.cache = cache.report;
  }
}

async function runWithoutMachine(settings: WithoutMachine, tools: Tools): Promise<Outcome> {
  const { nix, cache, runtime, progress } = tools;
  const { situation, work } = await phase('preflight', progress, runtime, () =>
    offlinePreflight(settings, nix, runtime),
  );
  progress.plan = { offline: offlinePlan(situation), online: null, work };
  runtime.log.info(describePlan(progress.plan, cache !== noCache));
  for (const warning of offlineWarnings(situation)) runtime.log.warning(warning);
  if (settings.kind === 'offline-plan') return 'planned';
  const { evaluation } = situation;
  checkBuildable(situation);
  if (settings.kind === 'vm-test') {
    await phase('vm-test', progress, runtime, () => vmTest(settings, evaluation, tools));
    return 'tested';
  }
  await phase('build', progress, runtime, () =>
    buildClosures(
      { wanted: allDerivations(evaluation), system: buildSystemOf(evaluation) },
      tools,
      runtime.signal,
    ),
  );
  progress.systemPath = evaluation.toplevel?.outPath ?? '';
  return 'built';
}

async function runOnMachine(settings: OnMachine, tools: Tools): Promise<Outcome> {
  const { runtime, progress } = tools;
  const target = openTarget(settings, runtime);
  const { endpoint, login } = target;
  progress.target = nameOf(endpoint);
  try {
    for (let looks = 1; ; looks++) {
      try {
        return await lookAndAct(settings, target, tools);
      } catch (error) {
        if (!(error instanceof RebootedError) || looks >= mostLooks) throw error;
        // what the build prepares there is gone with a reboot, and nothing else was done
        if (error.begun && progress.phase !== 'build') throw error;
        // as when an earlier run was killed right after it had started the kexec
        runtime.log.info('the machine was rebooted before anything was changed there: once more');
        progress.startOver();
        target.moveTo({ endpoint, login });
      }
    }
  } finally {
    target.close();
  }
}

async function lookAndAct(settings: OnMachine, target: Target, tools: Tools): Promise<Outcome> {
  const { cache, runtime, progress } = tools;
  const { situation, plan, work } = await phase('preflight', progress, runtime, () =>
    preflight(settings, target, tools),
  );
  const { evaluation, facts, extraFiles, hardwareFile } = situation;
  // after the phase: within it the log would fold the plan away
  progress.plan = { ...plan, work };
  runtime.log.info(describePlan(progress.plan, cache !== noCache));
  for (const warning of warningsOf(situation, plan)) runtime.log.warning(warning);
  // a plan that is refused was shown: one sees what it would have been
  progress.begin('preflight');
  checkPlan(situation, plan);
  if (settings.kind === 'plan') return 'planned';
  await requireApproval(settings, plan, facts, target, runtime);
  const cleanUp = new CleanUp();
  await runPhases({
    ...tools,
    settings,
    target,
    evaluation,
    facts,
    plan,
    extraFiles,
    hardwareFile,
    cleanUp,
    lease: new Lease({ target, runtime, cleanUp, identity: readRunIdentity(process.env) }),
    stagedImage: undefined,
  });
  return outcomeOf(plan);
}

function outcomeOf({ action, phases }: Plan): Outcome {
  if (action === 'nothing') return 'unchanged';
  if (action === 'update') return 'updated';
  return phases.includes('install') ? 'installed' : 'prepared';
}
