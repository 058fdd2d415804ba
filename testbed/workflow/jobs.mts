// One job of the file: whether it runs, for which entries of its matrix, and what it came to.
import { join } from 'node:path';
import { type Contexts, evaluate, holds, textOf, type Value } from './expressions.mts';
import { ancestorsOf, combined, type JobResult, jobStatus, strategyOf } from './needs.mts';
import { fieldsOf, type JobDefinition } from './parse.mts';
import type { JobRecord, JobStart, Outcome, RunState } from './state.mts';
import { runSteps } from './steps.mts';

/** What is known of the jobs of a run. */
export interface JobsState {
  readonly run: RunState;
  readonly all: ReadonlyMap<string, JobDefinition>;
  readonly results: Map<string, JobResult>;
  readonly records: JobRecord[];
  /** The last job of each concurrency group, and whether another one waits for it. */
  readonly groups: Map<string, { readonly end: Promise<unknown>; waits: boolean }>;
}

/** Runs a job whose needs have all ended. */
export async function runJob(job: JobDefinition, state: JobsState): Promise<JobResult> {
  const { run, all, results } = state;
  const needs = Object.fromEntries(job.needs.map((id) => [id, { ...results.get(id) }])) as Value;
  const contexts: Contexts = { ...run.contexts, needs };
  const start: JobStart = { id: job.id, name: job.id, matrix: undefined, environment: '', concurrency: '' };
  const end = (result: Outcome, problem = '') => {
    state.records.push({ ...start, result, steps: [], outputs: {}, problem });
    return { result, outputs: {} };
  };
  const status = jobStatus(ancestorsOf(job, all), results, () => run.signal.aborted);
  if (!holds(job.condition, contexts, status)) return end(run.signal.aborted ? 'cancelled' : 'skipped');
  let strategy: ReturnType<typeof strategyOf>;
  try {
    strategy = strategyOf(job, contexts);
  } catch (error) {
    return end('failure', String(error));
  }
  const { entries, maxParallel } = strategy;
  const left = [...entries.entries()];
  const done: JobResult[] = [];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, matrix] = next;
      const total = { 'job-index': index, 'job-total': entries.length, 'max-parallel': maxParallel };
      const own = matrix === undefined ? {} : { matrix, strategy: total };
      done[index] = await runEntry(
        job,
        { matrix: {}, strategy: {}, ...contexts, ...own },
        matrix,
        index,
        state,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxParallel, entries.length) }, work));
  return combined(done);
}

async function runEntry(
  job: JobDefinition,
  contexts: Contexts,
  matrix: JobStart['matrix'],
  index: number,
  state: JobsState,
): Promise<JobResult> {
  const text = (name: string) => {
    const token = job.fields.get(name);
    return token === undefined ? '' : textOf(evaluate(token, contexts));
  };
  const { name: environment = '' } = named(job, 'environment', ['name'], contexts);
  const { group: concurrency = '', 'cancel-in-progress': cancels = 'false' } = named(
    job,
    'concurrency',
    ['group', 'cancel-in-progress'],
    contexts,
  );
  if (cancels !== 'false') throw new Error('this runner does not know cancel-in-progress');
  const start: JobStart = { id: job.id, name: text('name') || job.id, matrix, environment, concurrency };
  const finished = state.run.board.begin(start.name);
  const record = await inGroup(concurrency, state, async (): Promise<JobRecord> => {
    const { result, steps, outputs, problem } = await runInEnvironment(
      job,
      start,
      contexts,
      index,
      state.run,
    );
    return { ...start, result, steps, outputs, problem };
  });
  finished(record.result);
  state.records.push(record);
  await (record.steps.length > 0 ? state.run.options.afterJob?.(record) : undefined);
  return record;
}

type JobEnd = Pick<JobRecord, 'result' | 'steps' | 'outputs' | 'problem'>;

async function runInEnvironment(
  job: JobDefinition,
  start: JobStart,
  contexts: Contexts,
  index: number,
  run: RunState,
): Promise<JobEnd> {
  const { options } = run;
  const environment = options.environments?.[start.environment];
  const none = { steps: [], outputs: {}, problem: '' };
  if (environment?.approve !== undefined && !(await environment.approve(start)))
    return { ...none, result: 'failure', problem: `${start.environment}: refused` };
  if (run.signal.aborted) return { ...none, result: 'cancelled' };
  await options.beforeJob?.(start);
  const minutes = job.fields.get('timeout-minutes');
  const limit = minutes === undefined ? 360 : Number(evaluate(minutes, contexts));
  const secrets = { ...options.secrets, ...environment?.secrets };
  addMasks(run.masks, Object.values(secrets));
  const end = await runSteps({
    run,
    job,
    contexts: { ...contexts, secrets, vars: { ...options.vars, ...environment?.vars } },
    dir: join(options.dir, `${job.id}-${index}`),
    signal: AbortSignal.any([run.signal, AbortSignal.timeout(limit * 60_000)]),
    onLine: (line) => options.onLine?.(line, start.name),
  });
  return { ...end, problem: '' };
}

/** One job of a group after the other. */
async function inGroup<T>(group: string, { groups }: JobsState, work: () => Promise<T>): Promise<T> {
  if (group === '') return work();
  const before = groups.get(group);
  if (before?.waits) throw new Error(`two jobs wait for the group ${group}: GitHub cancels one of them`);
  const own = { end: Promise.resolve(), waits: before !== undefined } as {
    end: Promise<unknown>;
    waits: boolean;
  };
  const done = (async () => {
    await before?.end;
    own.waits = false;
    return work();
  })();
  own.end = done.catch(() => undefined).then(() => groups.get(group) === own && groups.delete(group));
  groups.set(group, own);
  return done;
}

/** Whole, and each line. */
export function addMasks(masks: Set<string>, secrets: readonly string[]): void {
  for (const secret of secrets)
    for (const mask of [secret, ...secret.split('\n')]) if (mask.trim() !== '') masks.add(mask.trim());
}

/** A setting that is a name, or a mapping with these keys. */
function named(
  job: JobDefinition,
  key: string,
  names: readonly [string, ...string[]],
  contexts: Contexts,
): Readonly<Record<string, string>> {
  const token = job.fields.get(key);
  if (token === undefined) return {};
  if (token.isScalar) return { [names[0]]: textOf(evaluate(token, contexts)) };
  const fields = fieldsOf(token, names, `${job.id}.${key}`);
  return Object.fromEntries([...fields].map(([name, each]) => [name, textOf(evaluate(each, contexts))]));
}
