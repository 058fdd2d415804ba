// The folder that many runs have left their results in: which files count, and which hosts get a job.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { planDigest } from '../../src/plan/plan';
import { gatherResults, nothingGathered, requireResults } from '../../src/report/fleet-results';
import type { FleetReport } from '../../src/report/result';
import { type HostRunOf, leave, matrixHost, resultOf, updatePlan } from '../support/results';

const root = mkdtempSync(join(tmpdir(), 'results-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(root, 'x'));

/** Gathers files of these contents. */
function gathered(
  files: Record<string, Parameters<typeof leave>[2]>,
  expected?: readonly string[],
): FleetReport {
  const folder = newFolder();
  for (const [file, content] of Object.entries(files)) leave(folder, file, content);
  const include = expected?.map((host) => matrixHost(host));
  return gatherResults(folder, include === undefined ? undefined : { include });
}

describe('which of several results of a host counts', () => {
  const at = (minute: number, attempt = 1, url = 'https://example.org/run/1') => ({
    run: { url, attempt, startedAt: `2026-11-28T07:${String(minute).padStart(2, '0')}:00.000Z` },
  });
  test.each<[string, HostRunOf[], string, number]>([
    ['an install after its plan', [at(1), { ...at(2), outcome: 'installed' }], 'installed', 1],
    ['a failure after its plan', [at(1), { ...at(2), outcome: 'failed' }], 'failed', 1],
    // by clocks of two runners
    ['what was done, whatever the clocks say', [at(9), { ...at(2), outcome: 'updated' }], 'updated', 1],
    [
      'the later attempt',
      [
        { ...at(1), outcome: 'failed' },
        { ...at(5, 2), outcome: 'installed' },
      ],
      'installed',
      1,
    ],
    [
      'the later attempt, even if it has only planned',
      [{ ...at(9, 1), outcome: 'failed' }, at(5, 2)],
      'planned',
      1,
    ],
    [
      'of two acts of one attempt the later one',
      [
        { ...at(3), outcome: 'failed' },
        { ...at(4), outcome: 'installed' },
      ],
      'installed',
      1,
    ],
    [
      'of another run of the workflow the later one',
      [
        { ...at(3, 4, 'https://example.org/run/1'), outcome: 'installed' },
        at(8, 1, 'https://example.org/run/2'),
      ],
      'planned',
      1,
    ],
    ['the same one twice', [at(3), at(3)], 'planned', 1],
  ])('%s', (_, runs, outcome, superseded) => {
    const files = runs.map((of) => resultOf('web-1', of));
    for (const order of [files, files.toReversed()]) {
      const report = gathered(Object.fromEntries(order.map((file, index) => [`${index}.json`, file])));
      expect(report.results).toMatchObject([{ host: 'web-1', outcome }]);
      expect(report.files).toMatchObject({ results: files.length, superseded });
    }
  });

  test('does not depend on the order of the files', () => {
    const run = fc.record({
      outcome: fc.constantFrom('planned', 'installed', 'failed', 'unchanged', 'built'),
      run: fc.record({
        url: fc.constantFrom('', 'https://example.org/run/1', 'https://example.org/run/2'),
        attempt: fc.nat(2),
        startedAt: fc.nat(3).map((second) => `2026-11-28T07:00:0${second}.000Z`),
      }),
    });
    fc.assert(
      fc.property(fc.array(run, { minLength: 2, maxLength: 5 }), (runs) => {
        const files = runs.map((of) => resultOf('web-1', of));
        const [one, other] = [files, files.toReversed()].map((order) =>
          gathered(Object.fromEntries(order.map((file, index) => [`${index}.json`, file]))),
        );
        expect(one).toEqual(other);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the jobs', () => {
  const digest = planDigest(updatePlan);

  test('are those of hosts with a plan that does something, with its digest', () => {
    const report = gathered(
      {
        'a.json': resultOf('web-0'),
        'b.json': resultOf('web-1', { plan: { ...updatePlan, action: 'nothing' } }),
        'c.json': resultOf('web-2', { outcome: 'failed' }),
        'd.json': resultOf('web-3', { plan: null }),
        // done already
        'e.json': resultOf('web-4', { outcome: 'updated' }),
        'f.json': JSON.stringify({ ...resultOf('web-5'), planDigest: `sha256:${'0'.repeat(64)}` }),
        // nobody asked for it
        'h.json': resultOf('web-7'),
      },
      ['web-0', 'web-1', 'web-2', 'web-3', 'web-4', 'web-5', 'web-6'],
    );
    expect(report.hosts).toEqual([
      matrixHost('web-0', { reason: 'update: it runs another system', 'approved-plan': digest }),
    ]);
    expect(report.results.map(({ host, outcome }) => [host, outcome])).toEqual([
      ['web-0', 'planned'],
      ['web-1', 'planned'],
      ['web-2', 'failed'],
      ['web-3', 'planned'],
      ['web-4', 'updated'],
      ['web-5', 'planned'],
      ['web-6', 'missing'],
      ['web-7', 'planned'],
    ]);
  });

  test('say why in words that no script takes for its own', () => {
    const reason = "the machine runs \"$(curl evil)`id`; $\x7b{ secrets.X }}\n'x' && y | z\\ <a>";
    const [host] = gathered({ 'a.json': resultOf('web-0', { plan: { ...updatePlan, reason } }) }, [
      'web-0',
    ]).hosts;
    expect(host?.reason).toBe('update: the machine runs curl evil id secrets.X x y z a');
  });

  test('of a host named as something of JavaScript', () => {
    const files = Object.fromEntries(
      ['__proto__', 'constructor', 'toString'].map((host) => [`${host}.json`, resultOf(host)]),
    );
    const report = gathered(files, ['__proto__', 'constructor', 'toString', 'valueOf']);
    expect(report.hosts.map(({ host }) => host)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(report.results.at(-1)).toMatchObject({ host: 'valueOf', outcome: 'missing' });
  });
});

describe('the files', () => {
  test('in any depth that artifacts have; others are counted, and what is broken is told by its name', () => {
    const report = gathered({
      'nixos-anywhere-plan-web-0/nixos-anywhere-a.json': resultOf('web-0'),
      'a/b/c/d/e/f/g/h/deep.json': resultOf('web-1'),
      'a/b/c/d/e/f/g/h/i/deeper.json': resultOf('web-2'),
      'package.json': '{"name": "x", "version": "1.0.0"}',
      'notes.txt': 'not looked at',
      'cut.json': JSON.stringify(resultOf('web-3')).slice(0, 200),
      'old.json': JSON.stringify({ ...resultOf('web-4'), version: 2 }),
      'large.json': ' '.repeat(8 * 1024 * 1024 + 1),
      '##[error]x\u001b.json': '{',
    });
    expect(report.results.map(({ host }) => host).toSorted()).toEqual(['web-0', 'web-1']);
    expect(report.files).toMatchObject({ results: 2, skipped: 1, superseded: 0 });
    const problems = Object.fromEntries(
      (report.files?.problems ?? []).map((each) => [each.file, each.problem]),
    );
    expect(problems).toEqual({
      'cut.json': 'is no whole JSON; was it cut off?',
      'old.json': expect.stringContaining('version 2'),
      'large.json': 'is larger than 8 MiB, which no result is',
      '## [error]x.json': 'is no whole JSON; was it cut off?',
      'a/b/c/d/e/f/g/h/i': 'lies deeper than 8 folders, and was not looked into',
    });
  });

  test('links lead nowhere', () => {
    const [folder, elsewhere] = [newFolder(), newFolder()];
    leave(elsewhere, 'secret.json', resultOf('web-9'));
    leave(folder, 'web-0.json', resultOf('web-0'));
    symlinkSync(join(elsewhere, 'secret.json'), join(folder, 'file.json'));
    symlinkSync(elsewhere, join(folder, 'folder'));
    symlinkSync('.', join(folder, 'loop'));
    const report = gatherResults(folder, undefined);
    expect(report.results.map(({ host }) => host)).toEqual(['web-0']);
    expect(report.files).toMatchObject({ skipped: 3, problems: [] });
  });

  test('far too many of them are most likely another folder', () => {
    const folder = newFolder();
    for (let index = 0; index < 200; index++) {
      mkdirSync(join(folder, String(index)));
      for (let file = 0; file < 100; file++) writeFileSync(join(folder, String(index), String(file)), '');
    }
    expect(() => gatherResults(folder, undefined)).toThrow(/holds more than 20000 files; give a folder/);
  });
});

describe('a folder without any result', () => {
  const required = (folder: string, report: FleetReport) => () => requireResults(folder, report);

  test('is told, with the hosts that there should be results of', () => {
    const none = gathered({ 'cut.json': '{' }, ['web-0', 'web-1']);
    expect(none.results).toMatchObject([{ outcome: 'missing' }, { outcome: 'missing' }]);
    expect(required('/x', none)).toThrow(
      'input fleet-results: is "/x", which holds no result file of the 2 hosts; cut.json is no whole JSON',
    );
    expect(required('/x', gathered({}))).toThrow('is "/x", which holds no result file; put there');
    expect(required('/x', gathered({ 'a.json': resultOf('web-0') }))).not.toThrow();
  });

  test('need not be there where there was nothing to do', () => {
    const report = gatherResults('/nonexistent/results', { include: [] });
    expect(report).toEqual(nothingGathered);
    expect(required('/x', report)).not.toThrow();
    expect(() => gatherResults('/nonexistent/results', { include: [matrixHost('web-0')] })).toThrow(
      /is "\/nonexistent\/results", which cannot be read \(ENOENT.*give the folder/,
    );
    expect(() => gatherResults('/etc/hostname', undefined)).toThrow(/cannot be read \(ENOTDIR/);
  });
});
