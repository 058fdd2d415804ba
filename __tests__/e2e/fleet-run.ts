// The workflow for fleets over the machines of one, and what its jobs have left.
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Matrix } from '../../src/inputs/matrix';
import type { Result } from '../../src/report/result';
import { runAction } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { textOf } from '../../testbed/workflow/expressions.mts';
import { type JobRecord, runWorkflow } from '../../testbed/workflow.mts';
import { distinctLines, expectNoLeak } from '../support/leak';
import type { Fleet } from './fleet';
import { privateKey } from './support';

const workflow = fileURLToPath(new URL('../../.github/workflows/fleet.yml', import.meta.url));

/** A job for one host. */
export interface HostJob {
  readonly host: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
}

export interface FleetRun {
  /** What each job of the workflow came to. */
  readonly results: Readonly<Record<string, string>>;
  readonly list: Readonly<Record<string, string>>;
  /** The matrix of list-hosts, host by host, each with its reason. */
  readonly listed: readonly (readonly [string, string])[];
  /** What is to be done with each host, and why. */
  readonly plans: Readonly<Record<string, string>>;
  /** The jobs that may change machines, in the order in which they ended. */
  readonly applied: readonly HostJob[];
  /** What the summary says of each host: its outcome, and what it meant to do. */
  readonly summary: Readonly<Record<string, string>>;
  /** Everything that was printed, for the message of a test that fails. */
  readonly log: string;
}

export interface FleetRunOptions {
  readonly changedSince?: string;
  /** What happens while somebody reads the plans, before all are approved. */
  readonly whileReviewed?: () => Promise<unknown>;
}

/** @param dir of the run, replaced */
export async function runFleet(fleet: Fleet, dir: string, options: FleetRunOptions = {}): Promise<FleetRun> {
  const { changedSince, whileReviewed } = options;
  rmSync(dir, { recursive: true, force: true });
  const approve = async () => {
    await whileReviewed?.();
    return true;
  };
  const began = Date.now();
  const times: string[] = [];
  const { jobs, results } = await runWorkflow({
    file: workflow,
    inputs: {
      ...(changedSince === undefined ? {} : { 'changed-since': changedSince }),
      environment: 'production',
      // one machine after the other
      'max-parallel': 1,
      'max-failures': 0,
    },
    secrets: { SSH_PRIVATE_KEY: privateKey() },
    environments: { production: { approve } },
    repository: fleet.checkout,
    dir,
    env: nixEnvironment(),
    action: async (step) => {
      const start = Date.now();
      const result = await runAction(step);
      times.push(`${step.dir.slice(dir.length + 1)} ${Math.round((Date.now() - start) / 1000)} s`);
      expectNoLeak(result, distinctLines(privateKey()));
      return result;
    },
  });
  process.stderr.write(`${dir}: ${Math.round((Date.now() - began) / 1000)} s; ${times.join(', ')}\n`);
  const list = outputsOf(jobs.filter(({ id }) => id === 'list'));
  const { include } = JSON.parse(list.matrix || '{"include":[]}') as Matrix;
  return {
    results,
    list,
    listed: include.map(({ host, reason }) => [host, reason] as const),
    plans: Object.fromEntries(hostJobs(jobs, 'plan').map(({ host, outputs }) => [host, planOf(outputs)])),
    applied: [...hostJobs(jobs, 'canary'), ...hostJobs(jobs, 'rest')],
    summary: summaryOf(outputsOf(jobs.filter(({ id }) => id === 'summary'))),
    log: jobs.flatMap(({ steps }) => steps.map(({ log }) => log)).join(''),
  };
}

function hostJobs(jobs: readonly JobRecord[], job: string): HostJob[] {
  return jobs
    .filter(({ id, steps }) => id === job && steps.length > 0)
    .map((record) => ({
      host: textOf(record.matrix?.host ?? null),
      outputs: outputsOf([record]),
      log: record.steps.map(({ log }) => log).join(''),
    }));
}

/** Of the step that runs the action: no other step of a job has an outcome. */
function outputsOf(jobs: readonly JobRecord[]): Readonly<Record<string, string>> {
  return jobs.flatMap(({ steps }) => steps).find(({ outputs }) => 'outcome' in outputs)?.outputs ?? {};
}

function planOf({ plan = '', outcome = '' }: Readonly<Record<string, string>>): string {
  if (plan === '') return outcome;
  const { action, reason } = JSON.parse(plan) as { action: string; reason: string };
  return `${action}: ${reason}`;
}

function summaryOf(outputs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const file = outputs['result-file'];
  if (file === undefined) return {};
  const { fleet } = JSON.parse(readFileSync(file, 'utf8')) as Result;
  return Object.fromEntries(
    (fleet?.results ?? []).map(({ host, outcome, plan }) => [
      host,
      `${outcome}, ${plan?.action ?? 'no plan'}`,
    ]),
  );
}
