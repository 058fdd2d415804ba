// The inputs of the cache, and who writes it.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openCache } from '../../src/cache/open';
import { findCacheService } from '../../src/cache/service';
import { childEnvironment } from '../../src/child-environment';
import { InputError } from '../../src/errors';
import { loadSecrets } from '../../src/inputs/load-secrets';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { Nix } from '../../src/nix/nix';
import { SpawnRunner } from '../../src/process';
import { systemClock } from '../../src/runtime';
import { SecretRegistry } from '../../src/secrets';
import { hostSettings } from '../support/settings';
import { fakeRuntime, makeTestKey } from './support';

const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const secret = Buffer.concat([d, x].map((half) => Buffer.from(half, 'base64url'))).toString('base64');
const signingKey = `mine:${secret}`;
const needed = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': makeTestKey() };

async function read(raw: RawInputs, variables: Record<string, string> = {}) {
  const masks: string[] = [];
  const secrets = new SecretRegistry((mask) => masks.push(mask));
  const environment = { PATH: process.env.PATH, ...variables };
  const processes = new SpawnRunner(() => childEnvironment(environment, secrets));
  const { signal } = new AbortController();
  const loaded = await loadSecrets(raw, { environment, processes, clock: systemClock, signal, secrets });
  try {
    return { settings: hostSettings(raw, secrets, loaded), masks, secrets, problems: [] };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { settings: undefined, masks, secrets, problems: error.problems };
  }
}

describe('cache-signing-key', () => {
  const sources: [string, Record<string, string>?][] = [
    [signingKey],
    [`  ${signingKey}\r\n`],
    ['env:KEY', { KEY: `${signingKey}\n` }],
    [
      `exec:echo '${signingKey.replace(secret, '')}'"$(echo ${Buffer.from(secret).toString('base64')} | base64 -d)"`,
    ],
  ];
  const kinds: RawInputs[] = [
    needed,
    { flake: '.#demo', 'build-only': 'true' },
    { flake: '.#demo', 'vm-test': 'true' },
  ];
  test.each(
    sources.flatMap(([source, variables]) => kinds.map((kind) => [kind, source, variables] as const)),
  )('is read, and masked without its name: %#', async (kind, source, variables) => {
    const { settings, masks, secrets, problems } = await read(
      { ...kind, 'cache-signing-key': source },
      variables,
    );
    expect(problems).toEqual([]);
    expect(settings?.cache.signingKey?.reveal()).toBe(signingKey);
    expect(masks).toContain(secret);
    expect(secrets.redact(`x ${secret} y`)).toBe('x *** y');
    expect(childEnvironment({ KEY: signingKey, OTHER: `a${secret}` }, secrets)).toEqual({});
  });

  test.each([signingKey, 'env:NOT_SET', 'exec:exit 1', 'hunter2'])(
    'is of no use to plan: offline, which has no secrets: %#',
    async (source) => {
      const offline = await read({ flake: '.#demo', plan: 'offline', 'cache-signing-key': source });
      expect(offline.settings?.cache.signingKey).toBeUndefined();
      expect(offline.problems).toEqual([]);
    },
  );

  test.each(['', ' '])('left empty (%j) is not given', async (source) => {
    expect(
      (await read({ ...needed, 'cache-signing-key': source })).settings?.cache.signingKey,
    ).toBeUndefined();
  });

  test.each([
    signingKey.slice(0, -4),
    `a b:${secret}`,
    '/run/secrets/key',
    makeTestKey(),
    `${signingKey}\n${signingKey}`,
  ])('that is none is a problem, which does not say what it was: %#', async (source) => {
    const { problems } = await read({ ...needed, 'cache-signing-key': source });
    expect(problems).toEqual([
      { input: 'cache-signing-key', problem: expect.stringContaining('nix key generate-secret') },
    ]);
    expect(JSON.stringify(problems)).not.toContain(source.slice(0, 20));
  });
});

const service = {
  ACTIONS_CACHE_SERVICE_V2: 'true',
  ACTIONS_RESULTS_URL: 'http://127.0.0.1:9/',
  ACTIONS_RUNTIME_TOKEN: 'token',
};

test.each<[string, RawInputs]>([
  ['a password', { 'ssh-password': 'hunter2hunter2' }],
  ['no key, with the default', { 'ssh-password': 'hunter2hunter2', cache: '' }],
])(
  'an install that logs in with %s has no cache, in one line: nothing is derived from a password',
  async (_, login) => {
    const { settings } = await read({
      flake: '.#demo',
      'target-host': 'example.org',
      'known-hosts': knownHosts,
      ...login,
    });
    const runtime = fakeRuntime();
    const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 1 }, runtime);
    if (settings === undefined) throw new Error('the inputs were refused');
    const cache = openCache(settings, nix, runtime, {
      environment: service,
      worker: [],
      leave: () => undefined,
    });
    const given: unknown[] = [];
    const build = { wanted: [{ drvPath: '/nix/store/a.drv', outPath: '/nix/store/a' }], system: 'x' };
    await cache.around(build, runtime.signal, async (options) => void given.push(options));
    expect(given).toEqual([{}]);
    expect(runtime.log.lines).toEqual([expect.stringMatching(/^info: cache: not used.*cache-signing-key/)]);
  },
);

const knownHosts =
  'example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHtBv9ZJIfCXqJXPQSl2Qh0WBIgRK0L6gBLgSGMaFAKe';

describe('a run of', () => {
  const writableOn = (event: string, mode?: string) =>
    findCacheService(
      { ...service, GITHUB_EVENT_NAME: event, ...(mode === undefined ? {} : { ACTIONS_CACHE_MODE: mode }) },
      [],
      fakeRuntime(),
    )?.writable;

  test.each(['pull_request', 'pull_request_target', 'pull_request_review', 'pull_request_review_comment'])(
    '%s reads and does not write',
    (event) => {
      expect(writableOn(event)).toBe(false);
    },
  );

  test.each(['push', 'schedule', 'workflow_dispatch', 'merge_group', 'release'])(
    '%s writes, too',
    (event) => {
      expect(writableOn(event)).toBe(true);
      expect(writableOn(event, 'read')).toBe(false);
    },
  );
});
