// When a run has a cache, and what it says where it has none.
import { describe, expect, test } from 'vitest';
import { openCache } from '../../src/cache/open';
import { noCache, RepositoryCache } from '../../src/cache/run-cache';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { Nix } from '../../src/nix/nix';
import { SecretRegistry } from '../../src/secrets';
import { hostSettings } from '../support/settings';
import { fakeRuntime, makeTestKey } from './support';

const service = {
  ACTIONS_CACHE_SERVICE_V2: 'true',
  ACTIONS_RESULTS_URL: 'http://127.0.0.1:9/',
  ACTIONS_RUNTIME_TOKEN: 'token',
  RUNNER_ENVIRONMENT: 'github-hosted',
  RUNNER_TEMP: '/nonexistent',
};

function open(raw: RawInputs, environment: Record<string, string> = service) {
  const runtime = fakeRuntime();
  const inputs = { flake: '.#demo', 'target-host': 'example.org', ...raw };
  const settings = hostSettings(inputs, new SecretRegistry(() => undefined));
  const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 1 }, runtime);
  const cache = openCache(settings, nix, runtime, { environment, worker: [], leave: () => undefined });
  return { cache, lines: runtime.log.lines };
}

const key = { 'ssh-private-key': makeTestKey() };

describe('openCache', () => {
  test.each<[RawInputs]>([[key], [{ 'build-only': 'true' }], [{ 'vm-test': 'true' }]])(
    'there is one for %j, and nothing is said of it before it is used',
    (inputs) => {
      const { cache, lines } = open(inputs);
      expect(cache).toBeInstanceOf(RepositoryCache);
      expect(cache.report).toBeNull();
      expect(lines).toEqual([]);
    },
  );

  test.each<[RawInputs]>([[{ ...key, cache: 'false' }], [{ ...key, plan: 'true' }], [{ plan: 'offline' }]])(
    'there is none for %j, without a word',
    (inputs) => {
      expect(open({ cache: 'true', ...inputs })).toEqual({ cache: noCache, lines: [] });
    },
  );

  test.each([{}, { ...service, ACTIONS_RESULTS_URL: '' }, { ...service, ACTIONS_CACHE_SERVICE_V2: '' }])(
    'without a service it is said only to who has asked for a cache: %j',
    (environment) => {
      const why = 'cache: there is no cache service here';
      expect(open({ ...key, cache: 'true' }, environment)).toEqual({
        cache: noCache,
        lines: [`info: ${why}`],
      });
      expect(open(key, environment)).toEqual({ cache: noCache, lines: [`debug: ${why}`] });
    },
  );

  test('an install that logs in by password alone needs a key for it', () => {
    const password = { 'ssh-password': 'hunter2hunter2', 'known-hosts': knownHosts, cache: 'true' };
    expect(open(password).lines).toEqual([
      expect.stringMatching(/^info: cache: not used for closures.*needs cache-signing-key/),
    ]);
  });
});

const knownHosts =
  'example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHtBv9ZJIfCXqJXPQSl2Qh0WBIgRK0L6gBLgSGMaFAKe';
