// The inputs of the cache: each changes what a second run finds.
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';
import { features, nix } from '../support/store';

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

const makeKey = (name: string) => nix('nix', ['key', 'generate-secret', ...features, '--key-name', name]);
/** A run that found nothing. */
const missed = { built: derivationsOfFlake, outputs: { 'cache-hit': 'none' } };
const hit = { built: 0, outputs: { 'cache-hit': 'exact' } };

test('cache: false asks the service for nothing and gives it nothing', async () => {
  const service = await startService();
  const run = await buildRun(service, flakeOf('1'), { cache: 'false' });
  expect(run).toMatchObject({ ...missed, code: 0, requests: [], said: [], result: { cache: null } });
  expect(run.summary).not.toContain('closure cache');
});

test('cache-key: under another one nothing is found, under the same all', async () => {
  const service = await startService();
  const flake = flakeOf('1');
  const key = { 'cache-key': 'ours' };
  expect(await buildRun(service, flake, key)).toMatchObject(missed);
  expect(service.entries.map((entry) => entry.key.split('/')[0])).toEqual(['ours']);
  expect(await buildRun(service, flake)).toMatchObject(missed);
  expect(await buildRun(service, flake, key)).toMatchObject(hit);
});

test('cache-signing-key: jobs with the same one share, and no others with them', async () => {
  const service = await startService();
  const flake = flakeOf('1');
  const key = { 'cache-signing-key': makeKey('ours-1') };
  expect(await buildRun(service, flake, key)).toMatchObject(missed);
  expect(await buildRun(service, flake)).toMatchObject(missed);
  expect(await buildRun(service, flake, { 'cache-signing-key': makeKey('ours-1') })).toMatchObject(missed);
  const last = await buildRun(service, flake, key);
  expect(last).toMatchObject(hit);
  expect(last.log).toMatch(/^taken from the cache: \S+ \S+ in \S+ s \(\d paths\)$/m);
  expect(last.log).toContain(`${derivationsOfFlake} derivations to build or to take from the cache`);
  expect(last.summary).toContain('| hit ');
});
