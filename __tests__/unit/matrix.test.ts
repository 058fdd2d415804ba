// The input matrix has gone through a workflow: it is what list-hosts gave, or it is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MatrixHost, matrix, matrixJson } from '../../src/inputs/matrix';
import { nothingGathered } from '../../src/report/fleet-results';
import { outputsOf } from '../../src/report/outputs';
import { type FleetReport, type Outcome, Progress } from '../../src/report/result';
import { matrixHost } from '../support/results';
import { nastyText } from './support';

const digest = `sha256:${'a'.repeat(64)}`;

describe('matrix', () => {
  test.each<MatrixHost[][]>([
    [[]],
    [[matrixHost('web-0')]],
    [
      [
        matrixHost('web-1.example.org', {
          flake: 'github:me/fleet/main#web-1.example.org',
          tags: ['web', 'canary'],
          environment: 'production of web',
          secrets: { SSH_PRIVATE_KEY: 'WEB_1_KEY', FLEET_SECRET_DISK_KEY: 'web_1_disk' },
          reason: 'update: it runs another system',
          'approved-plan': digest,
        }),
        matrixHost('__proto__'),
      ],
    ],
  ])('what was written is read', (hosts) => {
    expect(matrix(matrixJson(hosts))).toEqual({ ok: { include: hosts } });
  });

  const changed = (of: Record<string, unknown>) =>
    JSON.stringify({ include: [{ ...matrixHost('web-0'), ...of }] });
  test.each([
    ['', 'is no whole JSON'],
    ['{"include":[', 'is no whole JSON'],
    ['[]', 'its include is not a list'],
    ['{"include":{}}', 'its include is not a list'],
    ['{"include":[1]}', 'it is no object'],
    ['{"include":[],"exclude":[]}', 'it has "exclude" in it'],
    [changed({ other: 1 }), 'it has "other" in it'],
    ['{"include":[{"__proto__":{"host":"web-0"}}]}', 'it has "__proto__" in it'],
    [changed({ host: 'a b' }), 'its host is not'],
    [changed({ host: 1 }), 'its host is not'],
    [changed({ host: 'web-1' }), 'its flake of web-1 is not the one of that host'],
    [changed({ flake: '.' }), 'its flake of web-0'],
    [changed({ flake: '--eval#web-0' }), 'its flake of web-0'],
    [changed({ tags: 'web' }), 'its tags is not a list'],
    [changed({ tags: ['a', 'b c'] }), 'its tag is not'],
    [changed({ environment: 'a\nb' }), 'its environment is not'],
    [changed({ secrets: { PATH: 'a-b' } }), 'its secret is not'],
    [changed({}).replace('"secrets":{}', '"secrets":{"__proto__":"X"}'), 'its variable is not'],
    [changed({ reason: 'x'.repeat(1001) }), 'its reason is not'],
    [changed({ 'approved-plan': '' }), 'its approved-plan is not'],
    [changed({ 'approved-plan': 'yes' }), 'its approved-plan is not'],
    [changed({ 'approved-plan': digest.toUpperCase() }), 'its approved-plan is not'],
    [matrixJson([matrixHost('web-0'), matrixHost('web-0')]), 'has the host web-0 twice'],
    [
      matrixJson(Array.from({ length: 257 }, (_, index) => matrixHost(`web-${index}`))),
      'has 257 hosts, more than 256',
    ],
  ])('refuses %.60s', (text, problem) => {
    expect(matrix(text)).toEqual({
      problem: expect.stringMatching(/; hand on the output matrix of list-hosts as it is$/),
    });
    expect(matrix(text)).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  test('takes any text for no more than it is', () => {
    fc.assert(
      fc.property(fc.oneof(nastyText, fc.json()), (text) => {
        expect('problem' in matrix(text)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever a field holds, what is read can be written', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(matrixHost('a'))), fc.jsonValue(), (field, value) => {
        const read = matrix(changed({ [field]: value }));
        if ('ok' in read) expect(matrix(matrixJson(read.ok.include))).toEqual(read);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('outputs of a run over many hosts', () => {
  function outputsFor(
    hosts: readonly MatrixHost[],
    of: Partial<FleetReport> = {},
    outcome: Outcome = 'listed',
  ) {
    const result = new Progress().result(outcome);
    const fleet = { selected: 9, hosts, failed: [], evaluations: 0, results: [], files: null, ...of };
    const { matrix: all, canary, rest, ...outputs } = outputsOf({ ...result, fleet }, '');
    const names = (text: string) =>
      text === '' ? '' : (JSON.parse(text) as { include: MatrixHost[] }).include.map(({ host }) => host);
    return { ...outputs, matrix: names(all), canary: names(canary), rest: names(rest) };
  }
  const [a, b, c] = [matrixHost('a'), matrixHost('b', { tags: ['canary'] }), matrixHost('c')];
  const d = matrixHost('d', { tags: ['web', 'canary'] });

  test.each<[string, MatrixHost[], string[], string[], string[]]>([
    ['none', [], [], [], []],
    ['one', [a], ['a'], ['a'], []],
    ['many: the first is the canary', [a, c], ['a', 'c'], ['a'], ['c']],
    ['one with the tag', [a, b, c], ['a', 'b', 'c'], ['b'], ['a', 'c']],
    ['two with the tag', [a, b, c, d], ['a', 'b', 'c', 'd'], ['b', 'd'], ['a', 'c']],
    ['all with the tag', [b, d], ['b', 'd'], ['b', 'd'], []],
  ])('%s', (_, hosts, all, canary, rest) => {
    expect(outputsFor(hosts)).toMatchObject({
      matrix: all,
      count: String(hosts.length),
      canary,
      rest,
      'failed-hosts': '[]',
    });
  });

  test('failed hosts are those that cannot be evaluated, or whose runs failed', () => {
    expect(outputsFor([a], { failed: [{ host: 'x', message: '' }] })['failed-hosts']).toBe('["x"]');
    const result = { targetState: null, seconds: 0, failure: null, plan: null, newHostKeys: [] };
    const results = (['failed', 'missing', 'updated'] as const).map((outcome) => ({
      ...result,
      host: outcome,
      outcome,
    }));
    expect(outputsFor([a], { results }, 'gathered')['failed-hosts']).toBe('["failed","missing"]');
  });

  test('a run that failed does not say that there is nothing to do', () => {
    const nothing = { matrix: '', count: '', canary: '', rest: '', 'failed-hosts': '' };
    expect(outputsFor([], { selected: 0 }, 'failed')).toMatchObject(nothing);
    const { files } = nothingGathered;
    expect(outputsFor([], { selected: 3, files }, 'failed')).toMatchObject(nothing);
    // what was built can go on
    const failed = [{ host: 'x', at: 'build' as const, message: '' }];
    expect(outputsFor([a], { failed }, 'failed')).toMatchObject({ count: '1', 'failed-hosts': '["x"]' });
  });
});
