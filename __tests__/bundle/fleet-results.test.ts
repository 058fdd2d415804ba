// Results of many hosts, gathered by the bundle: what it says, what it hands on, and what it refuses.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { matrixJson } from '../../src/inputs/matrix';
import { planDigest } from '../../src/plan/plan';
import { commandsOf, ownCommands, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { makeFleet } from '../support/fleet';
import { leave, matrixHost, resultOf, updatePlan } from '../support/results';
import { temporaryFolder } from '../support/runtime';

const none = '{"include":[]}';

const digest = planDigest(updatePlan);
const expected = ['web-0', 'web-1', 'web-2', 'web-3'].map((host) =>
  matrixHost(host, { tags: host === 'web-3' ? ['canary'] : [] }),
);

test('summary, log and outputs of many results; failures first, and what cannot be read is a warning', async () => {
  const folder = temporaryFolder('results');
  leave(folder, 'plan-0/nixos-anywhere-a.json', resultOf('web-0'));
  leave(folder, 'plan-1/nixos-anywhere-b.json', resultOf('web-1'));
  leave(folder, 'result-1/nixos-anywhere-b.json', resultOf('web-1', { outcome: 'failed' }));
  leave(folder, 'plan-3/nixos-anywhere-d.json', resultOf('web-3'));
  leave(folder, 'cut.json', '{"version": 1');
  const run = await runBundle({ inputs: { 'fleet-results': folder, matrix: matrixJson(expected) } });
  expect(run.code, run.log).toBe(0);
  const counts = '4 hosts: 1 failed, 1 missing, 2 to be changed (2 update)';
  expect(run.summary.split('\n')[0]).toBe(`## ❌ ${counts}`);
  expect(run.log).toContain(`${counts}\n  FAILED     web-1`);
  expect(run.warnings).toEqual(['cut.json is no whole JSON; was it cut off?']);
  const job = (host: string) =>
    matrixHost(host, {
      tags: host === 'web-3' ? ['canary'] : [],
      reason: 'update: it runs another system',
      'approved-plan': digest,
    });
  expect(run.outputs).toMatchObject({
    outcome: 'gathered',
    matrix: matrixJson([job('web-0'), job('web-3')]),
    count: '2',
    canary: matrixJson([job('web-3')]),
    rest: matrixJson([job('web-0')]),
    'failed-hosts': '["web-1","web-2"]',
  });
  expect(run.result.fleet?.files).toMatchObject({ results: 4, superseded: 1 });
});

test('a folder without results fails, with all hosts told as missing and no count', async () => {
  const folder = temporaryFolder('results');
  const run = await runBundle({ inputs: { 'fleet-results': folder, matrix: matrixJson(expected) } });
  expect(run.code).toBe(1);
  expect(run.errors).toEqual([expect.stringContaining('which holds no result file of the 4 hosts')]);
  expect(run.errors[0]).not.toContain('The machine is');
  expect(run.summary).toMatch(/^## ❌ Results of 4 hosts: 0 failed, 4 missing/);
  expect(run.outputs).toMatchObject({ outcome: 'failed', count: '', matrix: '' });
});

test('a fleet with nothing to do needs no folder', async () => {
  const inputs = { 'fleet-results': '/nonexistent/results', matrix: matrixJson([]) };
  const run = await runBundle({ inputs });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'gathered', count: '0', canary: none, rest: none });
  const without = await runBundle({ inputs: { ...inputs, matrix: matrixJson(expected) } });
  expect(without.errors).toEqual([expect.stringContaining('cannot be read (ENOENT')]);
});

test('what a result file says gives the runner no command and the summary no markup', async () => {
  const folder = temporaryFolder('results');
  const text = '\n::set-output name=count::9\n##[set-env name=X]y\n<img src=x>|\u001b[2J';
  leave(
    folder,
    'a.json',
    resultOf('web-0', {
      outcome: 'failed',
      plan: { ...updatePlan, reason: text },
      failure: { message: text, hint: text },
    }),
  );
  leave(folder, '##[error]b.json', text);
  const run = await runBundle({ inputs: { 'fleet-results': folder } });
  expect(run.code, run.log).toBe(0);
  expect(commandsOf(run.log).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
  expect(run.outputs.count).toBe('0');
  expect(run.summary.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '')).not.toContain('<img');
});

test('a matrix that is not the one of list-hosts is refused before anything is read', async () => {
  const inputs = { 'fleet-results': '/nonexistent', matrix: '{"include":[{"host":"web-0"}]}' };
  const run = await runBundle({ inputs });
  expect(run.errors).toEqual([
    expect.stringMatching(
      /^input matrix: is not that of list-hosts: its flake is not such a text; hand on the output/,
    ),
  ]);
});

test('the steps of one job leave files of different names, and a run that fails early names its host', async () => {
  const { folder } = makeFleet({ count: 2 });
  const dir = temporaryFolder('job');
  const listed = await runBundle({ dir, inputs: { flake: folder, 'list-hosts': 'true' } });
  expect(listed.outputs.count).toBe('2');
  const refused = await runBundle({
    dir,
    inputs: { flake: `${folder}#web-1`, plan: 'offline', 'disko-mode': 'x' },
  });
  expect(refused.code).toBe(1);
  expect(refused.result).toMatchObject({ host: 'web-1', outcome: 'failed' });
  const results = join(dir, 'results');
  leave(results, 'web-1.json', readFileSync(refused.outputs['result-file'] ?? '', 'utf8'));
  const gathered = await runBundle({
    dir,
    inputs: { 'fleet-results': results, matrix: listed.outputs.matrix ?? '' },
  });
  expect(gathered.code, gathered.log).toBe(0);
  expect(gathered.result.fleet?.results).toMatchObject([
    { host: 'web-0', outcome: 'missing' },
    { host: 'web-1', outcome: 'failed', failure: { message: expect.stringContaining('input disko-mode') } },
  ]);
  const files = [listed, refused, gathered].map(({ outputs }) => outputs['result-file'] ?? '');
  expect(files.map((file) => basename(file))).toEqual([
    'nixos-anywhere-hosts.json',
    'nixos-anywhere-web-1.json',
    'nixos-anywhere-fleet.json',
  ]);
  expect(files.every(existsSync)).toBe(true);
});

test('the runs of a workflow are told apart by what the runner says of them', async () => {
  const env = {
    GITHUB_SERVER_URL: 'https://example.org',
    GITHUB_REPOSITORY: 'me/fleet',
    GITHUB_RUN_ID: '7',
    GITHUB_RUN_ATTEMPT: '2',
  };
  const { folder } = makeFleet({ count: 1 });
  const run = await runBundle({ env, inputs: { flake: folder, 'list-hosts': 'true' } });
  expect(run.result.run).toEqual({
    url: 'https://example.org/me/fleet/actions/runs/7',
    attempt: 2,
    startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
});
