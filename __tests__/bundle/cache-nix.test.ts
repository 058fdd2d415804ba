// The cache with each kind of Nix that a runner may have: a store of its own, the machine's, and one behind a daemon.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test, testEach } from '../support/concurrent';
import { temporaryFolder, until } from '../support/runtime';
import { nix } from '../support/store';

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

const everything = 'cache: exact hit, 4 paths taken, 1 layer downloaded';

describe('a store of its own', () => {
  test('is one whose address has a plus, and blanks do not matter in the folder for temporary files', async () => {
    const service = await startService();
    const flake = flakeOf('1');
    const run = () => {
      const dir = temporaryFolder('run');
      const folders = { root: join(dir, 'the+store'), TMPDIR: join(dir, 'a b+c%20ü') };
      for (const folder of Object.values(folders)) mkdirSync(folder);
      const env = { TMPDIR: folders.TMPDIR, NIX_REMOTE: `local?root=${folders.root}` };
      return buildRun(service, flake, {}, { dir, env });
    };
    expect((await run()).said.at(-1)).toMatch(/saved 5 paths/);
    const second = await run();
    expect(second).toMatchObject({ code: 0, built: 0, uploaded: 0 });
    expect(second.said).toEqual([expect.stringContaining(everything)]);
  });

  test('takes nothing where the settings forbid it, and says so', async () => {
    const service = await startService();
    const env = { NIX_CONFIG: `${nixEnvironment().NIX_CONFIG}\nsubstitute = false` };
    const run = await buildRun(service, flakeOf('1'), {}, { env });
    expect(run).toMatchObject({ code: 0, built: derivationsOfFlake, requests: [] });
    expect(run.said).toEqual([expect.stringContaining('cache: not used: the settings of Nix say')]);
  });
});

test('the machine’s own store gives, and takes what it has not any longer', async () => {
  const service = await startService();
  const flake = flakeOf(randomUUID());
  const env = { NIX_REMOTE: '' };
  const first = await buildRun(service, flake, {}, { env });
  const { systemPath } = { systemPath: first.outputs['system-path'] ?? '' };
  const derivation = nix('nix-store', ['--query', '--deriver', systemPath]);
  const all = nix('nix-store', ['--query', '--requisites', '--include-outputs', derivation]).split('\n');
  const remove = () =>
    nix('nix-store', ['--delete', '--ignore-liveness', ...all.filter((path) => existsSync(path))]);
  atEnd(() => void remove());
  // others may have built the rest
  expect(first.built).toBeGreaterThan(1);
  // nothing to be built: that it is there is all there is to know
  const warm = await buildRun(service, flake, {}, { env });
  expect(warm).toMatchObject({ code: 0, built: 0, uploaded: 0 });
  expect(warm.requests.map(({ what }) => what)).toEqual(['look-up']);
  remove();
  expect(existsSync(systemPath)).toBe(false);
  const second = await buildRun(service, flake, {}, { env });
  expect(second).toMatchObject({ code: 0, built: 0, uploaded: 0 });
  expect(second.said).toEqual([expect.stringContaining('cache: exact hit')]);
  expect(existsSync(systemPath)).toBe(true);
});

/** Reads what only root can reach, since this computer's Nix lies there; but for that a user like any other. */
const asNobody = [
  ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
  ...['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--'],
];

/** Not a shell: it would drop the inputs, whose names have dashes. */
const giveToNobody = `
  const { spawnSync } = require('node:child_process');
  const [dir, command, ...args] = process.argv.slice(1);
  spawnSync('chown', ['-R', '65534:65534', dir]);
  process.exit(spawnSync(command, args, { stdio: 'inherit' }).status ?? 1);`;

/** A run with an empty store behind a daemon that root runs. */
async function runWithDaemon(
  service: CacheService,
  flake: string,
  trusted: string,
  launcher: readonly string[],
) {
  const folder = temporaryFolder('daemon');
  const [socket, root] = [join(folder, 'socket'), join(folder, 'root')];
  const settings = [nixEnvironment().NIX_CONFIG, `trusted-users = ${trusted}`, 'allowed-users = *'];
  writeFileSync(join(folder, 'nix.conf'), settings.join('\n'));
  const env = { NIX_CONFIG: '', NIX_CONF_DIR: folder };
  const daemon = spawn('nix-daemon', ['--option', 'store', `local?root=${root}`], {
    env: { ...process.env, ...nixEnvironment(), ...env, NIX_DAEMON_SOCKET_PATH: socket },
    stdio: 'ignore',
  });
  atEnd(() => void daemon.kill());
  await until('the daemon listens', () => existsSync(socket));
  const dir = temporaryFolder('run');
  const own = [process.execPath, '-e', giveToNobody, dir];
  return buildRun(
    service,
    flake,
    {},
    {
      dir,
      env: { ...env, NIX_REMOTE: `unix://${socket}?root=${root}` },
      ...(launcher.length === 0 ? {} : { launcher: [...own, ...launcher] }),
    },
  );
}

describe('behind a daemon', () => {
  testEach<string, readonly string[]>([
    ['root', []],
    ['nobody', asNobody],
  ])('%s, whom it trusts, builds nothing the second time', async (user, launcher) => {
    const service = await startService();
    const flake = flakeOf('1');
    const first = await runWithDaemon(service, flake, user, launcher);
    expect(first).toMatchObject({ code: 0, built: derivationsOfFlake });
    const second = await runWithDaemon(service, flake, user, launcher);
    expect(second).toMatchObject({ code: 0, built: 0, uploaded: 0 });
    expect(second.said).toEqual([expect.stringContaining(everything)]);
  });

  test('a user whom it does not trust builds all, and one line says what to do', async () => {
    const service = await startService();
    const run = await runWithDaemon(service, flakeOf('1'), 'root', asNobody);
    expect(run).toMatchObject({ code: 0, built: derivationsOfFlake, requests: [], warnings: [] });
    expect(run.said).toEqual([expect.stringContaining('add this user to trusted-users in its nix.conf')]);
  });
});
