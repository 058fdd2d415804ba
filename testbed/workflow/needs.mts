// When a job runs, by what the jobs before it came to.

import type { Contexts } from './expressions.mts';
import { evaluate, type StatusFunctions, type Value } from './expressions.mts';
import { fieldsOf, type JobDefinition } from './parse.mts';
import type { Outcome } from './state.mts';

export interface JobResult {
  readonly result: Outcome;
  readonly outputs: Readonly<Record<string, string>>;
}

/** All jobs that this one waits for, over others too. */
export function ancestorsOf(
  job: JobDefinition,
  all: ReadonlyMap<string, JobDefinition>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (names: readonly string[]) => {
    for (const name of names) {
      found.add(name);
      add(all.get(name)?.needs ?? []);
    }
  };
  add(job.needs);
  return found;
}

/**
 * The status functions of a job's `if`. They look at all jobs before it and not only at those in `needs`: one that was
 * skipped far above has all below it skipped, unless these say otherwise.
 */
export function jobStatus(
  ancestors: ReadonlySet<string>,
  results: ReadonlyMap<string, JobResult>,
  isCancelled: () => boolean,
): StatusFunctions {
  const outcomes = () => [...ancestors].map((id) => results.get(id)?.result);
  return {
    always: () => true,
    cancelled: isCancelled,
    success: () => !isCancelled() && outcomes().every((outcome) => outcome === 'success'),
    failure: () => !isCancelled() && outcomes().includes('failure'),
  };
}

export interface Strategy {
  readonly entries: readonly (Readonly<Record<string, Value>> | undefined)[];
  /** How many of them at a time. */
  readonly maxParallel: number;
}

/** @throws Error as GitHub, which then fails the job; or for what this runner does not know */
export function strategyOf(job: JobDefinition, contexts: Contexts): Strategy {
  const fields = fieldsOf(job.fields.get('strategy'), ['matrix', 'max-parallel', 'fail-fast'], job.id);
  const [token, parallel, failFast] = ['matrix', 'max-parallel', 'fail-fast'].map((name) => fields.get(name));
  if (token === undefined) return { entries: [undefined], maxParallel: 1 };
  if (failFast === undefined || evaluate(failFast, contexts) !== false)
    throw new Error(`this runner does not know a matrix without fail-fast: false, as ${job.id} is`);
  const maxParallel = parallel === undefined ? Number.POSITIVE_INFINITY : evaluate(parallel, contexts);
  if (typeof maxParallel !== 'number' || maxParallel < 1)
    throw new Error(`max-parallel is ${JSON.stringify(maxParallel)}, and must be a number from 1`);
  return { entries: entriesOf(evaluate(token, contexts)), maxParallel };
}

function entriesOf(matrix: Value): readonly Readonly<Record<string, Value>>[] {
  if (!isRecord(matrix) || Object.keys(matrix).join() !== 'include')
    throw new Error(`this runner knows a matrix of include only, and not ${JSON.stringify(matrix)}`);
  const { include } = matrix;
  if (!Array.isArray(include) || !include.every(isRecord)) throw new Error('include is no list of objects');
  if (include.length === 0) throw new Error('the matrix is empty');
  if (include.length > 256) throw new Error(`the matrix has ${include.length} jobs, and GitHub takes 256`);
  return include;
}

function isRecord(value: Value | undefined): value is { readonly [name: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a job with several entries comes to as one. */
export function combined(results: readonly JobResult[]): JobResult {
  const of = (outcome: Outcome) => results.some(({ result }) => result === outcome);
  const result = of('failure') ? 'failure' : of('cancelled') ? 'cancelled' : 'success';
  // the last one that has something to say wins
  const outputs = results.flatMap((each) => Object.entries(each.outputs).filter(([, value]) => value !== ''));
  return { result, outputs: Object.fromEntries(outputs) };
}
