import { InputError } from '../errors';
import type { Matrix, MatrixHost } from '../inputs/matrix';
import { type HostRun, readResult } from './host-run';
import { neutralise } from './neutralise';
import type { FileProblem, FleetReport, HostResult, ResultFiles } from './result';
import { readJsonFiles } from './result-files';

/** The report of a run that has gathered nothing yet. */
export const nothingGathered: FleetReport = {
  selected: 0,
  hosts: [],
  failed: [],
  evaluations: 0,
  results: [],
  files: { results: 0, superseded: 0, skipped: 0, problems: [] },
};

/**
 * Puts together what the runs for many hosts have left.
 *
 * @param folder holds their result files, in any depth
 * @param expected the hosts that there should be results of; undefined where that is not known
 * @throws InputError
 */
export function gatherResults(folder: string, expected: Matrix | undefined): FleetReport {
  // where nothing was to be done there may be no folder either
  if (expected?.include.length === 0) return nothingGathered;
  const { runs, files } = readRuns(folder);
  const counting = new Map(
    [...Map.groupBy(runs, ({ host }) => host)].map(([host, all]) => [host, whatCounts(all)]),
  );
  const names = new Set([...(expected?.include ?? []).map(({ host }) => host), ...counting.keys()]);
  return {
    selected: names.size,
    hosts: (expected?.include ?? []).flatMap((entry) => toBeDone(entry, counting.get(entry.host))),
    failed: [],
    evaluations: 0,
    results: [...names].map((host) => asResult(host, counting.get(host))),
    files: { ...files, superseded: runs.length - counting.size },
  };
}

/**
 * Most likely the folder is the wrong one: a fleet of which all results are missing must not pass for one with nothing
 * to do.
 *
 * @throws InputError
 */
export function requireResults(folder: string, { files, selected }: FleetReport): void {
  if (files === null || files.results > 0 || files === nothingGathered.files) return;
  const [first] = files.problems;
  const told = first === undefined ? '' : `; ${first.file} ${first.problem}`;
  const of = selected === 0 ? '' : ` of the ${selected} hosts`;
  throw new InputError([
    {
      input: 'fleet-results',
      problem: `is ${JSON.stringify(folder)}, which holds no result file${of}${told}; put there what the output result-file of the runs names`,
    },
  ]);
}

function readRuns(folder: string): { runs: readonly HostRun[]; files: ResultFiles } {
  const found = readJsonFiles(folder);
  const runs: HostRun[] = [];
  const problems: FileProblem[] = [...found.problems];
  let skipped = found.skipped;
  for (const { file, text } of found.texts) {
    const read = readResult(text);
    if (read.kind === 'host') runs.push(read.run);
    else if (read.kind === 'foreign') skipped += 1;
    else problems.push({ file, problem: read.problem });
  }
  return {
    runs,
    files: {
      results: runs.length,
      superseded: 0,
      skipped,
      // names of files are foreign text, too
      problems: problems.map(({ file, problem }) => ({
        file: neutralise(file),
        problem: neutralise(problem),
      })),
    },
  };
}

/**
 * Of several results of one host the one that says how it ended. Within a run of the workflow that is the last attempt's,
 * and there what was done, not what was planned: runners' clocks may differ. Of several runs it is the one that began
 * last.
 */
function whatCounts(runs: readonly HostRun[]): HostRun {
  const last = (some: readonly HostRun[], order: (a: HostRun, b: HostRun) => number) =>
    some.reduce((best, each) => (order(best, each) <= 0 ? each : best));
  const byRun = [...Map.groupBy(runs, ({ run }) => run.url).values()];
  const ofRuns = byRun.map((some) =>
    last(
      some,
      (a, b) =>
        a.run.attempt - b.run.attempt || Number(isAct(a)) - Number(isAct(b)) || byStart(a, b) || byText(a, b),
    ),
  );
  return last(ofRuns, (a, b) => byStart(a, b) || byText(a, b));
}

/** A failure may be of either; a plan of the same attempt was there before, or else nothing was done. */
function isAct({ outcome }: HostRun): boolean {
  return !['planned', 'built', 'tested'].includes(outcome);
}

function byStart(a: HostRun, b: HostRun): number {
  return a.run.startedAt.localeCompare(b.run.startedAt);
}

/** So that the order of the files does not matter. */
function byText(a: HostRun, b: HostRun): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function asResult(host: string, run: HostRun | undefined): HostResult {
  if (run === undefined)
    return {
      ...{ host, outcome: 'missing', targetState: null, seconds: 0 },
      ...{ failure: null, plan: null, newHostKeys: [] },
    };
  const { outcome, targetState, seconds, failure, plan, newHostKeys } = run;
  return { host, outcome, targetState, seconds, failure, plan, newHostKeys };
}

/** The host's job, with the plan that is to be approved; none where there is nothing to do, and where there is no plan. */
function toBeDone(entry: MatrixHost, run: HostRun | undefined): readonly MatrixHost[] {
  if (run === undefined || run.outcome !== 'planned' || run.plan === null) return [];
  const { action, reason, digest } = run.plan;
  if (action === 'nothing' || digest === null) return [];
  return [{ ...entry, reason: asMatrixReason(`${action}: ${reason}`), 'approved-plan': digest }];
}

/**
 * What workflows write as `${{ matrix.reason }}` into scripts becomes a part of these, and what a machine says of itself
 * is a part of the reason.
 */
function asMatrixReason(text: string): string {
  return text
    .replace(/[^A-Za-z0-9.,:/_+@=-]+/g, ' ')
    .trim()
    .slice(0, 200);
}
