import { EvaluationError } from '../errors';
import type { EvaluatedHost } from './host-derivations';

/** After so many hosts that fail for the same reason, with none that does not, the others are taken to fail too. */
const enough = 8;

/**
 * Those first that stand far from each other: names that are alike often belong to hosts that are alike, and one wants to
 * know early whether all fail or only these.
 */
export function spread(names: readonly string[]): readonly string[] {
  if (names.length <= enough) return names;
  const first = Array.from({ length: enough }, (_, at) => Math.floor((at * names.length) / enough));
  return [...first.flatMap((at) => names[at] ?? []), ...names.filter((_, at) => !first.includes(at))];
}

/**
 * One error for one reason, instead of one for each host, of which each takes an evaluation.
 *
 * @param found in the order of their evaluation
 * @throws EvaluationError
 */
export function refuseIfAllFail(names: readonly string[], found: ReadonlyMap<string, EvaluatedHost>): void {
  const problems = [...found].map(([name, host]) =>
    'problem' in host ? host.problem.replaceAll(name, 'NAME') : undefined,
  );
  const isDone = found.size === names.length;
  if (problems.length < 2 || (problems.length < enough && !isDone)) return;
  const [first, ...others] = problems;
  if (first === undefined || others.some((problem) => problem !== first)) return;
  const which = isDone
    ? `all ${names.length} hosts fail`
    : `the first ${found.size} of ${names.length} hosts that were tried fail, and most likely all do`;
  throw new EvaluationError(`${which}, for the same reason: ${first}`, {
    places: [...found.values()].flatMap((host) => ('places' in host ? host.places : [])),
    hint: 'correct what these hosts share, or choose others with the input hosts',
  });
}
