// Whatever others wrote, what is said of many hosts keeps its shape, and never is too much.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeFleet } from '../../src/report/describe-fleet';
import { nothingGathered } from '../../src/report/fleet-results';
import type { HostResult } from '../../src/report/result';
import { type HostRunOf, matrixHost, updatePlan } from '../support/results';
import { fleetOf, host, nothingPlan, reinstallPlan, summaryOf } from './fleet-reports';
import { nastyText } from './support';

const limit = 1024 * 1024;

describe('whatever others wrote', () => {
  const size = 256;
  const all = (text: string, of: HostRunOf) => {
    const failure = { message: text, hint: text, resume: text };
    const keys = [`web ssh-ed25519 ${'A'.repeat(100)}`];
    const one = { ...host('web', { ...of, failure }), newHostKeys: keys };
    return Array.from({ length: size }, (_, index) => ({ ...one, host: `web-${index}` }));
  };

  test.each(['x', '日', '`', '<', '|', '&', '\n', '*', '😀'])(
    '256 hosts stay below what GitHub takes: %j',
    (unit) => {
      const text = unit.repeat(9000);
      const plan = { ...reinstallPlan, reason: text };
      const problems = Array.from({ length: 500 }, () => ({ file: text, problem: text }));
      const files = { results: 1, superseded: 0, skipped: 0, problems };
      const lost = (result: HostResult) =>
        result.plan === null ? result : { ...result, plan: { ...result.plan, lost: Array(20).fill(text) } };
      for (const results of [
        all(text, { outcome: 'failed', plan, targetState: 'partitioned' }),
        all(text, { plan }).map(lost),
        all(text, { plan: { ...nothingPlan, reason: text } }),
        [
          ...all(text, { outcome: 'failed', plan, targetState: 'partitioned' }),
          ...all(text, { plan }).map(lost),
          ...all(text, { outcome: 'unchanged', plan: { ...nothingPlan, reason: text } }),
        ],
      ]) {
        const summary = summaryOf(fleetOf(results, { files }));
        expect(Buffer.byteLength(summary)).toBeLessThan(limit);
        expect(summary).not.toMatch(/undefined|NaN/);
      }
      const failed = Array.from({ length: size }, (_, index) => ({ host: `web-${index}`, message: text }));
      const hosts = failed.map(({ host: name }) => matrixHost(name, { reason: text, tags: [text] }));
      const listed = { ...nothingGathered, files: null, hosts, failed };
      expect(Buffer.byteLength(summaryOf(listed, 'listed'))).toBeLessThan(limit);
    },
  );

  test('256 hosts that failed with long messages are all in the list', () => {
    const text = 'error: builder for /nix/store/abc-x.drv failed with exit code 1 '.repeat(40);
    const summary = summaryOf(fleetOf(all(text, { outcome: 'failed', targetState: 'partitioned' })));
    for (let index = 0; index < size; index++) expect(summary).toContain(`- ❌ <code>web-${index}</code>, `);
  });

  test('has the same rows, and the log the same lines', () => {
    const shape = (markdown: string) =>
      markdown
        .replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, 'block')
        .split('\n')
        .map((line) =>
          line.startsWith('|')
            ? `row of ${line.replace(/\\[|\\]/g, '').split('|').length}`
            : line.replace(/^- .*/, '- item'),
        );
    const report = (text: string) =>
      fleetOf(
        [
          host('a', {
            outcome: 'failed',
            failure: { message: `x${text}${'y'.repeat(200)}`, hint: `x${text}`, resume: `x${text}` },
          }),
          host('b', { plan: { ...updatePlan, reason: `x${text}` } }),
        ],
        {
          files: {
            results: 2,
            superseded: 0,
            skipped: 0,
            problems: [{ file: `x${text}`, problem: `x${text}` }],
          },
        },
      );
    const harmless = report('word');
    fc.assert(
      fc.property(nastyText, (text) => {
        const nasty = report(text);
        expect(shape(summaryOf(nasty))).toEqual(shape(summaryOf(harmless)));
        expect(describeFleet(nasty).split('\n')).toHaveLength(describeFleet(harmless).split('\n').length);
      }),
      { numRuns: 300 },
    );
  });
});
