// The steps of one job, on a runner of their own.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runnerEnvironment } from '../action.mts';
import { actionFor } from './actions.mts';
import { programs, variablesForGh } from './board.mts';
import { type Contexts, evaluate, holds, type StatusFunctions, textOf, type Value } from './expressions.mts';
import { allFields, type JobDefinition, type StepDefinition } from './parse.mts';
import { runScript, withPath } from './run-step.mts';
import type { Outcome, RunState, StepRecord } from './state.mts';
import type { StepCall, StepEnd } from './step-call.mts';

export interface StepsEnd {
  readonly result: Outcome;
  readonly steps: readonly StepRecord[];
  readonly outputs: Readonly<Record<string, string>>;
}

export interface StepsOptions {
  readonly run: RunState;
  readonly job: JobDefinition;
  readonly contexts: Contexts;
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** What the steps so far have left for those after them. */
class JobState {
  status: Outcome = 'success';
  env: Record<string, string>;
  readonly paths: string[] = [];
  readonly steps: StepRecord[] = [];
  readonly posts: (() => Promise<StepEnd>)[] = [];

  constructor(env: Record<string, string>) {
    this.env = env;
  }

  get contexts(): Contexts {
    const steps = this.steps.flatMap(({ id, outcome, conclusion, outputs }) =>
      id === '' ? [] : [[id, { outcome, conclusion, outputs }]],
    );
    return { env: this.env, steps: Object.fromEntries(steps) as Value, job: { status: this.status } };
  }
}

export async function runSteps(options: StepsOptions): Promise<StepsEnd> {
  const { run, job, dir, signal } = options;
  const workspace = join(dir, 'work');
  const temp = join(dir, 'temp');
  for (const folder of [workspace, temp]) mkdirSync(folder, { recursive: true });
  const contexts = {
    ...options.contexts,
    github: { ...Object(options.contexts.github), job: job.id, workspace } as Value,
    runner: { os: 'Linux', arch: 'X64', temp, name: 'testbed', environment: 'self-hosted' },
  };
  const shared = variables(run, contexts, {
    GITHUB_JOB: job.id,
    GITHUB_WORKSPACE: workspace,
    RUNNER_TEMP: temp,
    ...variablesForGh(run.board, allFields(job.fields.get('permissions') ?? run.permissions)),
  });
  const state = new JobState(envOf(job.fields.get('env'), contexts, envOf(run.env, contexts, {})));
  for (const [index, step] of job.steps.entries()) {
    const record = await runStep(
      step,
      { ...options, contexts, dir: join(dir, `step-${index + 1}`) },
      state,
      shared,
    );
    state.steps.push(record);
    if (signal.aborted) state.status = 'cancelled';
    else if (record.conclusion === 'failure') state.status = 'failure';
  }
  for (const post of state.posts.toReversed()) if (!(await post()).ok) state.status = 'failure';
  return {
    result: state.status,
    steps: state.steps,
    outputs: outputsOf(options, { ...contexts, ...state.contexts }),
  };
}

async function runStep(
  { fields, condition }: StepDefinition,
  options: StepsOptions,
  state: JobState,
  shared: Readonly<Record<string, string>>,
): Promise<StepRecord> {
  const contexts = { ...options.contexts, ...state.contexts };
  const text = (key: string) => {
    const token = fields.get(key);
    return token === undefined ? undefined : textOf(evaluate(token, contexts));
  };
  const uses = text('uses');
  const base = { id: text('id') ?? '', name: text('name') ?? uses ?? 'run', outputs: {}, log: '' };
  if (!holds(condition, contexts, stepStatus(state)))
    return { ...base, outcome: 'skipped', conclusion: 'skipped' };
  const env = envOf(fields.get('env'), contexts, state.env);
  const call: StepCall = {
    ...options,
    inputs: uses === undefined ? {} : envOf(fields.get('with'), contexts, {}),
    env: withPath({ ...shared, ...env }, [programs, ...state.paths]),
    workspace: shared.GITHUB_WORKSPACE ?? '',
  };
  const end =
    uses === undefined
      ? await runScript(text('run') ?? '', text('shell') ?? '', call)
      : await actionFor(uses)(call);
  if (end.post !== undefined) state.posts.push(end.post);
  state.env = { ...state.env, ...end.env };
  state.paths.push(...(end.path ?? []));
  for (const mask of end.log.matchAll(/^::add-mask::(.+)$/gm))
    options.run.masks.add(unescaped(mask[1] ?? ''));
  const outcome = options.signal.aborted ? 'cancelled' : end.ok ? 'success' : 'failure';
  const forgiven = outcome === 'failure' && text('continue-on-error') === 'true';
  return { ...base, ...end, outcome, conclusion: forgiven ? 'success' : outcome };
}

function stepStatus({ status }: JobState): StatusFunctions {
  return {
    always: () => true,
    cancelled: () => status === 'cancelled',
    success: () => status === 'success',
    failure: () => status === 'failure',
  };
}

function envOf(
  token: Parameters<typeof evaluate>[0] | undefined,
  contexts: Contexts,
  before: Readonly<Record<string, string>>,
): Record<string, string> {
  const own = token === undefined ? {} : evaluate(token, { ...contexts, env: before });
  const pairs = Object.entries(Object(own) as Record<string, Value>);
  return { ...before, ...Object.fromEntries(pairs.map(([name, value]) => [name, textOf(value)])) };
}

/** What every step finds in its environment. */
function variables(run: RunState, { github }: Contexts, own: Record<string, string>): Record<string, string> {
  const names = ['repository', 'ref', 'sha', 'run_id', 'run_attempt', 'event_name', 'server_url', 'api_url'];
  const of = Object(github) as Record<string, Value>;
  const fromContext = names.map((name) => [`GITHUB_${name.toUpperCase()}`, textOf(of[name] ?? '')]);
  const dir = own.RUNNER_TEMP ?? '';
  return { ...runnerEnvironment(dir), ...Object.fromEntries(fromContext), ...own, ...run.options.env };
}

/** Those in which a secret could be are dropped. */
function outputsOf({ job, run }: StepsOptions, contexts: Contexts): Record<string, string> {
  const all = envOf(job.fields.get('outputs'), contexts, {});
  const isSecret = (value: string) => [...run.masks].some((mask) => mask !== '' && value.includes(mask));
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isSecret(value)));
}

function unescaped(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}
