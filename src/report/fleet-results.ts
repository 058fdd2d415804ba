import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors';
import type { Matrix, MatrixHost } from '../inputs/matrix';
import type { FleetReport, HostResult, Result } from './result';

/**
 * Puts together what the runs for many hosts have left.
 *
 * @param folder holds their result files, in any depth
 * @param expected the hosts that there should be results of; undefined where that is not known
 * @throws InputError where there is no result at all
 */
export function gatherResults(folder: string, expected: Matrix | undefined): FleetReport {
  const found = new Map(resultsIn(folder).map((result) => [result.host, result]));
  if (found.size === 0 && (expected === undefined || expected.include.length > 0))
    throw new InputError([
      { input: 'fleet-results', problem: `is ${folder}, which holds no result file of this action` },
    ]);
  const names = new Set([...(expected?.include ?? []).map(({ host }) => host), ...found.keys()]);
  const results = [...names].map((host) => hostResult(host, found.get(host)));
  return {
    selected: names.size,
    hosts: (expected?.include ?? []).flatMap((entry) => toBeDone(entry, found.get(entry.host))),
    failed: [],
    evaluations: 0,
    results,
  };
}

function resultsIn(folder: string): readonly Result[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.json'),
  );
  return files.flatMap((file) => {
    const result = parseResult(readFileSync(join(folder, file), 'utf8'));
    return result === undefined || result.host === '' ? [] : [result];
  });
}

/** @returns undefined for anything that this action has not written */
function parseResult(text: string): Result | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isResult(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isResult(value: unknown): value is Result {
  const of = (name: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return of('version') === 1 && typeof of('host') === 'string' && typeof of('outcome') === 'string';
}

function hostResult(host: string, result: Result | undefined): HostResult {
  const plan = result?.plan ?? null;
  return {
    host,
    outcome: result?.outcome ?? 'missing',
    action: plan === null || plan.online === null ? null : plan.action,
    reason: plan === null || plan.online === null ? null : plan.reason,
    targetState: result?.targetState ?? null,
    seconds: (result?.phases ?? []).reduce((sum, { seconds }) => sum + seconds, 0),
    failure: result?.failure?.message ?? null,
    planDigest: result?.planDigest ?? null,
  };
}

/** The host's job, with the plan that is to be approved; none where there is nothing to do, and where there is no plan. */
function toBeDone(entry: MatrixHost, result: Result | undefined): readonly MatrixHost[] {
  const { plan, planDigest, outcome } = result ?? { plan: null, planDigest: null, outcome: 'failed' };
  if (plan === null || plan.online === null || planDigest === null || outcome === 'failed') return [];
  if (plan.action === 'nothing') return [];
  return [{ ...entry, reason: `${plan.action}: ${plan.reason}`, 'approved-plan': planDigest }];
}
