// Nothing secret of a run gets into the cache, and what lets one into the cache gets nowhere.
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { makeKey } from '../../testbed/sshd.mts';
import { type BundleRun, buildable, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { buildRun, flakeOf } from '../support/cache';
import { generateKey } from '../support/cache-attack';
import { atEnd, test, testEach } from '../support/concurrent';
import { takeApart } from '../support/forged-layer';
import { distinctLines, expectNoLeak, LeakWatch, needlesOf, visible } from '../support/leak';
import { startMachine } from '../support/machine';
import { failure, temporaryFolder } from '../support/runtime';

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** What the client needs of the environment, and no child has in its own. */
const names = ['ACTIONS_RUNTIME_TOKEN', 'ACTIONS_RESULTS_URL', 'INPUT_', 'CACHE_KEY', 'DISK_KEY', 'TOKEN='];

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

/** All that the service has been told and given, with the NARs as they are without compression. */
function everythingIn({ entries, requests }: CacheService): string {
  const contents = entries.flatMap(({ bytes }) => {
    const { nars, manifest } = takeApart(bytes);
    const unpacked = (manifest.layers[0]?.paths ?? []).map(({ offset, fileSize }) =>
      zstdDecompressSync(nars.subarray(offset, offset + fileSize)).toString('latin1'),
    );
    expect(unpacked.length).toBeGreaterThan(0);
    return [bytes.toString('latin1'), JSON.stringify(manifest), ...unpacked];
  });
  return [JSON.stringify([requests, entries.map(({ key }) => key)]), ...contents].join('\n');
}

function expectNothingOf(secrets: readonly string[], service: CacheService): void {
  const everything = everythingIn(service);
  const found = needlesOf(secrets).filter((needle) =>
    everything.includes(Buffer.from(needle).toString('latin1')),
  );
  expect(found, 'secrets in the cache').toEqual([]);
}

/** The token, and addresses that need none. */
function expectNoWayIn(run: BundleRun, service: CacheService): void {
  const said = JSON.stringify([visible(run.log), run.summary, run.outputs, run.state]);
  expect(said).not.toContain(service.token);
  expect(said).not.toMatch(/[?&]sig=|\/caches\/[0-9a-f-]{36}/);
}

testEach<string, boolean>([
  ['a key of its own', true],
  ['a key derived from the one that logs in', false],
])(
  'an install with %s: its secrets are neither in the cache, nor with a child, nor anywhere',
  async (_, own) => {
    const service = await startService();
    const files = temporaryFolder('extra');
    const marks = Object.fromEntries(
      ['extra', 'disk', 'token', 'netrc', 'option', 'job'].map((name) => [name, `${name}-${randomUUID()}`]),
    ) as Record<'extra' | 'disk' | 'token' | 'netrc' | 'option' | 'job', string>;
    mkdirSync(join(files, 'etc'));
    writeFileSync(join(files, 'etc/secret'), marks.extra);
    const keyFolder = temporaryFolder('key');
    const key = makeKey(join(keyFolder, 'key'), 'ed25519');
    rmSync(keyFolder, { recursive: true });
    const signing = generateKey().split(':')[1] ?? '';
    const secrets = [
      ...distinctLines(key.private),
      signing,
      marks.extra,
      marks.disk,
      marks.token,
      marks.netrc,
    ];
    const flake = makeFlake(`{ nixosConfigurations.demo = ${buildable}; }`);
    const runs: BundleRun[] = [];
    for (const nth of [1, 2]) {
      const sshd = await startMachine({ installer: true, authorizedKeys: [key.public] });
      const dir = temporaryFolder('leak');
      const watch = new LeakWatch(dir, [...secrets, service.token], names);
      const run = await runBundle({
        dir,
        inputs: {
          ...inputsFor(sshd, `${flake}#demo`),
          'ssh-private-key': key.private,
          ...(own ? { 'cache-signing-key': 'env:CACHE_KEY' } : {}),
          plan: 'false',
          phases: 'disko,install',
          'allow-lockout': 'true',
          debug: 'true',
          'extra-files': files,
          'secret-files': '/etc/token env:TOKEN',
          'disk-encryption-keys': '/tmp/disk.key env:DISK_KEY',
          netrc: `machine cache.example login me password ${marks.netrc}`,
          option: `user-agent-suffix ${marks.option}`,
        },
        env: {
          ...service.environment,
          ...(own ? { CACHE_KEY: `mine:${signing}` } : {}),
          TOKEN: marks.token,
          DISK_KEY: marks.disk,
          JOB: marks.job,
        },
        onStart: watch.onStart,
        onLine: watch.onLine,
      });
      watch.stop();
      runs.push(run);
      // how far it comes there is of no matter: it has built, sent its secrets, and saved or restored
      expect(run.result.cache?.[nth === 1 ? 'saved' : 'restored'].paths, run.log).toBeGreaterThan(1);
      expect([...watch.watcher.commands].join('\n')).toMatch(/dist\/cache\/index\.js/);
      expectNoLeak({ ...run, watch }, [...secrets, service.token], [files]);
      expectNoWayIn(run, service);
    }
    expect(service.entries[0]?.key).not.toContain('unsigned');
    expectNothingOf([...secrets, marks.option, marks.job, service.token], service);
  },
);

test('a secret that a configuration builds into the store is found in the cache', async () => {
  const service = await startService();
  const planted = `planted-${randomUUID()}`;
  const run = await buildRun(service, flakeOf(planted), { debug: 'true' });
  expect(run.code, run.log).toBe(0);
  expectNoWayIn(run, service);
  const error = await failure(Promise.resolve().then(() => expectNothingOf([planted], service)));
  expect(error.message).toContain('secrets in the cache');
});

test('a token in the environment of the client is seen', async () => {
  const service = await startService();
  const action = temporaryFolder('leaky');
  for (const name of ['action.yml', 'dist'])
    cpSync(join(repository, name), join(action, name), { recursive: true });
  const bundle = readFileSync(join(action, 'dist/index.js'), 'utf8');
  const patched = bundle.replace(
    /(const options = \{) (input, idleMs, signal, onLine)/,
    '$1 env: JSON.parse(input).environment, $2',
  );
  expect(patched).not.toBe(bundle);
  writeFileSync(join(action, 'dist/index.js'), patched);
  const dir = temporaryFolder('leak');
  const watch = new LeakWatch(dir, [service.token]);
  const run = await buildRun(service, flakeOf('1'), {}, { action, dir, onStart: watch.onStart });
  watch.stop();
  expect(run.code, run.log).toBe(0);
  const found = watch.watcher.sightings.map(({ where, found }) => [where, found]);
  expect(found).toContainEqual(['environment', service.token]);
});
