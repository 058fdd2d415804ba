// What a run says of the cache: numbers out of what was restored, and their words in log and job summary.
import { describe, expect, test } from 'vitest';
import type { LayerEntry, StoredPath } from '../../src/cache/layer';
import { addReport, type CacheReport, emptyReport, reportOf } from '../../src/cache/report';
import type { Restored } from '../../src/cache/restore';
import { describeFound } from '../../src/report/describe-cache';
import { outputsOf } from '../../src/report/outputs';
import { Progress } from '../../src/report/result';
import { summarise } from '../../src/report/summary';

function stored(name: string, buildMs: number, deriver = `${name}.drv`): StoredPath {
  const path = `/nix/store/${name}`;
  const contents = { narHash: '', narSize: 1, references: [], ca: '', fileHash: '', fileSize: 1, offset: 0 };
  return { ...contents, path, deriver, buildMs };
}

const layer = (...paths: StoredPath[]): LayerEntry => ({ key: 'k', made: 0, paths });

const restored: Restored = {
  substituter: undefined,
  lookAgain: async () => [],
  discard: async () => undefined,
  hit: 'exact',
  layers: [
    layer(stored('tool', 5000), stored('lib', 20_000, 'lib.drv')),
    layer(stored('lib-dev', 20_000, 'lib.drv'), stored('source', 400, '')),
  ],
  downloads: 2,
  bytes: 1_250_000,
  ms: 3000,
};
const paths = (...names: string[]) => new Set(names.map((name) => `/nix/store/${name}`));

const exact: CacheReport = {
  hit: 'exact',
  restored: { layers: 2, paths: 5, bytes: 1_250_000 },
  saved: { paths: 0, bytes: 0 },
  secondsWon: 34.2,
  image: null,
};
const saved: CacheReport = { ...emptyReport, saved: { paths: 1, bytes: 4000 } };

describe('reportOf', () => {
  test('counts what Nix has taken; what has several outputs was built once', () => {
    expect(reportOf(restored, paths('lib', 'lib-dev', 'source'))).toEqual({
      hit: 'exact',
      restored: { layers: 2, paths: 3, bytes: 1_250_000 },
      saved: { paths: 0, bytes: 0 },
      secondsWon: 17.4,
      image: null,
    });
  });

  test('what took longer to get than to build is no win, and of what was not taken there is none', () => {
    expect(reportOf(restored, paths('source')).secondsWon).toBe(-2.6);
    expect(reportOf(restored, paths())).toMatchObject({ secondsWon: 0, restored: { paths: 0, layers: 2 } });
  });
});

describe('addReport', () => {
  test('of two builds all is counted, and what the first one found stays a hit', () => {
    const first = { ...exact, saved: saved.saved };
    expect(addReport(null, first)).toBe(first);
    expect(addReport(first, { ...exact, hit: 'partial', secondsWon: 0.1 })).toEqual({
      hit: 'partial',
      restored: { layers: 4, paths: 10, bytes: 2_500_000 },
      saved: saved.saved,
      secondsWon: 34.3,
      image: null,
    });
    expect(addReport(first, emptyReport)).toEqual({ ...first, hit: 'partial' });
    expect(addReport(emptyReport, emptyReport).hit).toBe('none');
  });
});

describe('describeFound', () => {
  const one = { ...exact, restored: { layers: 1, paths: 1, bytes: 900 } };
  test.each<[string, CacheReport, boolean]>([
    ['exact hit, 5 paths taken, 2 layers downloaded (1.3 MB); about 34 s won', exact, false],
    ['exact hit, 1 path taken, 1 layer downloaded (900 B); about 34 s won', one, false],
    [
      'partial hit, 1 path taken, 1 layer downloaded (900 B)',
      { ...one, hit: 'partial', secondsWon: -3 },
      true,
    ],
    ['exact hit, nothing had to be taken', { ...emptyReport, hit: 'exact' }, false],
    [
      'exact hit, no path taken, 1 layer downloaded (9 B)',
      { ...emptyReport, hit: 'exact', restored: { layers: 1, paths: 0, bytes: 9 } },
      true,
    ],
    ['nothing in it for this build', emptyReport, true],
    ['not needed: nothing had to be built', emptyReport, false],
  ])('%s', (line, report, hasBuilt) => {
    expect(describeFound(report, hasBuilt)).toBe(line);
  });
});

describe('the job summary', () => {
  /** The rows of the cache's table. */
  const rowsOf = (cache: CacheReport | null) => {
    const summary = summarise({ ...new Progress().result('built'), cache });
    const [, table = ''] = summary.split(/^\| closure cache \| {2}\|\n/m);
    return (table.split('\n\n')[0] ?? '').split('\n').slice(1);
  };

  test('says what was had from it', () => {
    expect(rowsOf(exact)).toEqual([
      '| hit | exact: it had this very build |',
      '| restored | 5 paths taken, 2 layers downloaded (1.3 MB) |',
      '| time won | about 34 s: the time it took to build that, one by one, less that of getting it |',
    ]);
  });

  test('says what was put into it', () => {
    expect(rowsOf(saved)).toEqual(['| hit | none |', '| saved | 1 path (4.0 kB) |']);
  });

  test.each([0, -1.5])('says nothing of a win where there is none: %d s', (secondsWon) => {
    expect(rowsOf({ ...exact, hit: 'partial', secondsWon })).toEqual([
      '| hit | partial: it had some of this build |',
      '| restored | 5 paths taken, 2 layers downloaded (1.3 MB) |',
    ]);
  });

  test('says nothing of a cache that was not used', () => {
    expect(rowsOf(null)).toEqual([]);
    expect(summarise(new Progress().result('built'))).not.toContain('cache');
  });

  test('the output cache-hit says the same', () => {
    const result = new Progress().result('built');
    expect(outputsOf({ ...result, cache: exact }, '')['cache-hit']).toBe('exact');
    expect(outputsOf(result, '')['cache-hit']).toBe('none');
  });
});
