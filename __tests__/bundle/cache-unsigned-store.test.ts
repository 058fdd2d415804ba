// What an unsigned layer leaves in the runner's store: it stays away from machines, and from layers that are signed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';
import { features, nix } from '../support/store';
import { makeTestKey } from '../unit/support';

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

const uploads = (service: CacheService) => service.requests.filter(({ what }) => what === 'upload').length;
const signingKey = () => nix('nix', ['key', 'generate-secret', ...features, '--key-name', 'test-1']);

test('a later step of the job installs nothing, with the cache or without, and signs nothing', async () => {
  const service = await startService();
  const flake = flakeOf('1');
  await buildRun(service, flake);
  const dir = temporaryFolder('job');
  const unsigned = await buildRun(service, flake, {}, { dir });
  expect(unsigned.built, unsigned.log).toBe(0);
  const before = uploads(service);

  const install = {
    'build-only': 'false',
    'target-host': 'root@127.0.0.1',
    // where nobody answers: it is refused before anything is asked
    'ssh-port': '9',
    'ssh-private-key': makeTestKey(),
  };
  for (const cache of ['true', 'false']) {
    const refused = await buildRun(service, flake, { ...install, cache }, { dir });
    expect(refused.code).toBe(1);
    expect(refused.result.failure).toMatchObject({
      kind: 'guard',
      message: expect.stringContaining('layers of the cache that nobody has signed'),
      hint: expect.stringContaining('cache-signing-key'),
    });
    expect(refused.requests).toEqual([]);
  }
  const signed = await buildRun(service, flake, { 'cache-signing-key': signingKey() }, { dir });
  expect(signed.code, signed.log).toBe(0);
  expect(signed.said).toEqual([expect.stringContaining('earlier step of this job')]);
  expect(uploads(service)).toBe(before);
});

test('a job that found nothing in it, or had a key, may do what it likes', async () => {
  const service = await startService();
  const [dir, flake] = [temporaryFolder('job'), flakeOf('2')];
  await buildRun(service, flake, {}, { dir });
  const key = { 'cache-signing-key': signingKey() };
  const signed = await buildRun(service, flake, key, { dir });
  expect(
    signed.requests.some(({ what }) => what === 'upload'),
    signed.log,
  ).toBe(true);
  await buildRun(service, flake, key, { dir: temporaryFolder('other') });
  expect(existsSync(join(dir, 'tmp', 'nixos-anywhere-unsigned-layers'))).toBe(false);
});

test('a runner that keeps its store takes and gives nothing unsigned', async () => {
  const service = await startService();
  const flake = flakeOf('3');
  await buildRun(service, flake);
  const run = await buildRun(service, flake, {}, { env: { RUNNER_ENVIRONMENT: 'self-hosted' } });
  expect(run.built).toBe(derivationsOfFlake);
  expect(run.requests).toEqual([]);
  expect(run.said).toEqual([
    expect.stringContaining('without cache-signing-key only on GitHub’s own runners'),
  ]);
});
