// Carries out a workflow as GitHub does, on this machine: which jobs run, in which order and for which hosts is
// decided as there, by GitHub's own parser and evaluator; our action and the scripts run for real.
//
//   const run = await runWorkflow({
//     file: '.github/workflows/fleet.yml',
//     inputs: { flake: '.', 'max-parallel': 2 },        // of workflow_call or workflow_dispatch; others get their defaults
//     secrets: { WEB_1_KEY: '…' },                      // of the repository, inherited
//     vars: { TARGET_HOST: '…' },
//     environments: { production: { approve: (job) => true, secrets: { … }, vars: { … } } },
//     github: { event_name: 'pull_request' },           // a push if not given
//     repository: '/path/of/a/git/checkout',            // actions/checkout copies its `commit` (HEAD)
//     dir: temporaryFolder('workflow'),                 // job n of ID in dir/ID-n: work, temp, step-1/log.txt, …
//     env: { ...nixEnvironment(), HOME: … },            // for every step
//     beforeJob: async ({ id, matrix }) => { … },       // matrix?.host; bring its machine up
//     afterJob: async ({ id, matrix, result, steps }) => { … },
//   });
//   run.result, run.results.canary, run.jobs[0].steps[0].outputs, join(run.artifacts, 'nixos-anywhere-plan-web-1')
//
// What it does not know is an error, never passed over.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import { Board } from './workflow/board.mts';
import { type Contexts, evaluate, textOf, type Value } from './workflow/expressions.mts';
import { addMasks, type JobsState, runJob } from './workflow/jobs.mts';
import { combined, type JobResult } from './workflow/needs.mts';
import { allFields, type Fields, type JobDefinition, readWorkflow } from './workflow/parse.mts';
import type { RunState, WorkflowOptions, WorkflowRun } from './workflow/state.mts';

export type { JobRecord, JobStart, StepRecord, WorkflowOptions, WorkflowRun } from './workflow/state.mts';

const token = 'ghs_testbed00000000000000000000000000000';

/** @throws Error for a file that is no workflow, inputs that it does not take, and what this runner does not know */
export async function runWorkflow(options: WorkflowOptions): Promise<WorkflowRun> {
  const definition = await readWorkflow(basename(options.file), readFileSync(options.file, 'utf8'));
  const dir = resolve(options.dir);
  const artifacts = join(dir, 'artifacts');
  mkdirSync(artifacts, { recursive: true });
  const github = githubContext(options);
  const vars = { ...options.vars };
  const inputs = inputsOf(definition.inputs, options.inputs ?? {}, { github, vars });
  const masks = new Set<string>();
  addMasks(masks, [...Object.values(options.secrets ?? {}), token]);
  const fault = new AbortController();
  const signal = AbortSignal.any([fault.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const contexts = { github, inputs, vars };
  const run: RunState = {
    options: { ...options, dir },
    contexts,
    artifacts,
    masks,
    signal,
    env: definition.fields.get('env'),
    permissions: definition.fields.get('permissions'),
    board: new Board(join(dir, 'jobs')),
  };
  const all = new Map(definition.jobs.map((job) => [job.id, job]));
  const state: JobsState = { run, all, results: new Map(), records: [], groups: new Map() };
  const results = await runAll(state, (error) => fault.abort(error));
  const outcomes = [...results].map(([id, { result }]) => [id, result] as const);
  const { result } = combined([...results.values()]);
  return {
    result,
    jobs: state.records,
    results: Object.fromEntries(outcomes),
    artifacts,
    pullRequests: run.board.pullRequests(),
  };
}

/** Each job as soon as those that it needs have ended. A fault of the runner or of a test's callback ends all. */
async function runAll(
  state: JobsState,
  abort: (reason: unknown) => void,
): Promise<ReadonlyMap<string, JobResult>> {
  const started = new Map<string, Promise<void>>();
  const start = (job: JobDefinition): Promise<void> => {
    const known = started.get(job.id);
    if (known !== undefined) return known;
    const needed = job.needs.flatMap((id) => state.all.get(id) ?? []);
    const end = Promise.all(needed.map(start)).then(async () => {
      state.results.set(job.id, await runJob(job, state));
    });
    started.set(job.id, end);
    return end;
  };
  const ends = [...state.all.values()].map(start);
  for (const end of ends) end.catch(abort);
  const settled = await Promise.allSettled(ends);
  for (const each of settled) if (each.status === 'rejected') throw each.reason;
  return state.results;
}

function githubContext({ repository, commit, github }: WorkflowOptions): { readonly [name: string]: Value } {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();
  return {
    repository: 'octocat/fleet',
    repository_owner: 'octocat',
    ref: `refs/heads/${git('branch', '--show-current')}`,
    ref_name: git('branch', '--show-current'),
    sha: git('rev-parse', `${commit ?? 'HEAD'}^{commit}`),
    run_id: '1000000001',
    run_number: '1',
    run_attempt: '1',
    event_name: 'push',
    event: {},
    workflow: 'Fleet',
    server_url: 'https://github.com',
    api_url: 'https://api.github.com',
    token,
    ...github,
  };
}

/** @throws Error as GitHub, which starts no job then */
function inputsOf(
  declared: Fields,
  given: NonNullable<WorkflowOptions['inputs']>,
  contexts: Contexts,
): { readonly [name: string]: Value } {
  for (const name of Object.keys(given))
    if (!declared.has(name)) throw new Error(`the workflow has no input ${name}`);
  return Object.fromEntries(
    [...declared].map(([name, definition]) => [name, inputOf(name, definition, given[name], contexts)]),
  );
}

const defaults = { boolean: false, number: 0, string: '' };

function inputOf(
  name: string,
  definition: TemplateToken,
  given: Value | undefined,
  contexts: Contexts,
): Value {
  const fields = allFields(definition);
  const options = [...(fields.get('options')?.assertSequence('options') ?? [])].map((option) =>
    textOf(evaluate(option, {})),
  );
  const stated = fields.get('type')?.assertString('a type').value ?? 'string';
  const type = (stated === 'choice' ? 'string' : stated) as keyof typeof defaults;
  const fallback = fields.get('default');
  if (given === undefined && fields.get('required')?.assertBoolean('required').value === true)
    throw new Error(`the workflow needs the input ${name}`);
  const value = given ?? (fallback === undefined ? defaults[type] : evaluate(fallback, contexts));
  if (options.length > 0 && !options.includes(textOf(value)))
    throw new Error(`the input ${name} is ${JSON.stringify(value)}, and none of ${options.join(', ')}`);
  if (typeof value !== type) throw new Error(`the input ${name} is ${JSON.stringify(value)}, and no ${type}`);
  return value;
}
