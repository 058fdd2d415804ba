// Times that no run of ours has, and far more activities than one has: diagram, table and results of a fleet stay in shape.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { phaseNames } from '../../src/plan/plan';
import { gatherResults } from '../../src/report/fleet-results';
import { Progress, type Result } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { ganttSection } from '../../src/report/summary/gantt';
import { phaseTable } from '../../src/report/summary/phases';
import { activityNames } from '../../src/report/timeline';
import { leave, resultOf } from '../support/results';
import { fleetOf, summaryOf } from './fleet-reports';
import { shapeOf } from './whole-result';

const folder = mkdtempSync(join(tmpdir(), 'times-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run of many activities, each of which takes so long and begins so late. */
function runOf(count: number, startedAfter: number, seconds: number): Result {
  const span = { outcome: 'failure', startedAfter, seconds } as const;
  const [phase] = phaseNames;
  const activities = Array.from({ length: count }, (_, index) => ({
    ...span,
    name: activityNames[index % activityNames.length] ?? 'facts',
    phase,
  }));
  return {
    ...new Progress().result('installed'),
    phases: phaseNames.map((name) => ({ name, ...span })),
    activities,
  };
}

const strange = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  -1e300,
  1e300,
  Number.MAX_SAFE_INTEGER,
];

describe('a run with 500 activities', () => {
  test('has a diagram of fewer characters than Mermaid takes, and a summary far below what GitHub takes', () => {
    const run = runOf(500, 359_999.9, 359_999.9);
    const [diagram = ''] = ganttSection(run);
    expect(diagram.split('\n')).toHaveLength(500 + 2 * phaseNames.length + 6);
    // its maxTextSize, which GitHub leaves as it is
    expect(diagram.length).toBeLessThan(50_000);
    expect(Buffer.byteLength(summarise(run))).toBeLessThan(1024 * 1024);
  });
});

describe('times that no clock gives', () => {
  const table = (run: Result) => shapeOf(phaseTable(run).join('\n'));

  test.each(strange.flatMap((time) => [[time, 1] as const, [1, time] as const, [time, time] as const]))(
    'cost the diagram, and nothing else: begun after %s, for %s seconds',
    (startedAfter, seconds) => {
      const [run, usual] = [runOf(2, startedAfter, seconds), runOf(2, 1, 1)];
      expect(ganttSection(run)).toEqual([]);
      expect(table(run)).toEqual(table(usual));
      expect(shapeOf(summarise(run))).toEqual(shapeOf(summarise({ ...usual, activities: [] })).slice(0, -1));
      // one among the activities is enough
      const mixed = { ...usual, activities: run.activities };
      expect(shapeOf(summarise(mixed))).toEqual(shapeOf(summarise(usual)).slice(0, -1));
    },
  );
});

describe('result files written by hand', () => {
  /** A result with this in place of what its phase took. */
  const withSeconds = (host: string, json: string) =>
    JSON.stringify(resultOf(host)).replace(
      /("phases":\[\{.*?"seconds":)[\d.]+/,
      (_, before: string) => before + json,
    );

  test.each([
    ['-1', /its seconds is not such a number/],
    ['1e999', /its seconds is not such a number/],
    ['1e300', /its seconds is not such a number/],
    ['null', /its seconds is not such a number/],
    ['"3"', /its seconds is not such a number/],
    ['NaN', /is no whole JSON/],
    ['Infinity', /is no whole JSON/],
  ])('with a time of %s count for nothing, and are told', (json, problem) => {
    const into = mkdtempSync(join(folder, 'x'));
    leave(into, 'a.json', withSeconds('web-0', json));
    leave(into, 'b.json', withSeconds('web-1', '7'));
    const report = gatherResults(into, undefined);
    expect(report.results).toMatchObject([{ host: 'web-1', seconds: 7 }]);
    expect(report.files?.problems).toMatchObject([
      { file: 'a.json', problem: expect.stringMatching(problem) },
    ]);
    expect(summaryOf(report)).toMatch(/a\.json/);
  });

  test('with 500 activities of any times are read: a fleet shows none of them', () => {
    const into = mkdtempSync(join(folder, 'x'));
    const text = JSON.stringify({ ...resultOf('web-0'), activities: runOf(500, -1, 1).activities });
    leave(into, 'a.json', text.replaceAll('"seconds":1,', '"seconds":1e999,'));
    leave(into, 'b.json', resultOf('web-0'));
    const { results, files } = gatherResults(into, undefined);
    expect(files).toMatchObject({ results: 2, superseded: 1, problems: [] });
    expect(results).toMatchObject([{ host: 'web-0', seconds: 2 }]);
    expect(summaryOf(fleetOf(results))).not.toMatch(/NaN|Infinity/);
  });

  test('with as many phases as fit into one, each as long as can be, take no more room', () => {
    const into = mkdtempSync(join(folder, 'x'));
    const [phase] = resultOf('web-0').phases;
    const phases = Array.from({ length: 50_000 }, () => ({ ...phase, seconds: Number.MAX_SAFE_INTEGER }));
    leave(into, 'a.json', JSON.stringify({ ...resultOf('web-0', { outcome: 'installed' }), phases }));
    const summary = summaryOf(gatherResults(into, undefined));
    expect(summary).toContain('web-0');
    expect(summary).not.toMatch(/NaN|Infinity|e\+/);
    expect(summary.length).toBeLessThan(5000);
  });
});
