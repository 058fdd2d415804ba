// One job builds for many hosts; their own jobs, each on a runner with an empty store, find all of it in the cache.
import { expect, vi } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { makeFlake } from '../support/bundle';
import { type BuildRun, buildRun, flakeWith } from '../support/cache';
import { generateKey } from '../support/cache-attack';
import { atEnd, test } from '../support/concurrent';

// many runs, one after another
vi.setConfig({ testTimeout: 180_000 });

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

const common = { shared: 'echo shared >$out' };
const hosts = (changed = '') => ({
  'web-1': { ...common, one: `echo 1 ${changed} >$out` },
  'web-2': { ...common, two: 'echo 2 >$out' },
  'web-3': { ...common, three: 'echo 3 >$out' },
});
/** Shared by all, and of each host a package, the system and the disko script. */
const derivations = 1 + 3 * 3;
const saves = ({ requests }: BuildRun) => requests.filter(({ what }) => what === 'create').length;

test('hosts are built by one job that saves one layer, of which each host’s own job builds nothing', async () => {
  const service = await startService();
  const key = { 'cache-signing-key': generateKey() };
  const build = (flake: string) => buildRun(service, flake, { flake, hosts: 'web-*', ...key });
  const own = (flake: string, host: string) =>
    buildRun(service, flake, { flake: `${flake}#${host}`, ...key });
  const flake = flakeWith(hosts());
  const all = await build(flake);
  expect(all.code, all.log).toBe(0);
  expect([all.built, saves(all)]).toEqual([derivations, 1]);
  expect(all.warnings).toEqual([]);
  // no configuration's
  expect(service.entries.map(({ key }) => key.split('/')[4])).toEqual([expect.stringMatching(/^hosts_-/)]);
  expect(all.outputs).toMatchObject({ outcome: 'built', count: '3', 'failed-hosts': '[]' });
  expect(all.result.fleet).toMatchObject({ selected: 3, evaluations: 1 });
  for (const host of Object.keys(hosts())) {
    const run = await own(flake, host);
    expect(run, run.log).toMatchObject({ code: 0, built: 0, uploaded: 0 });
    expect(run.outputs['cache-hit']).toBe('exact');
    expect(run.result.cache?.restored).toMatchObject({ layers: 1, paths: 4 });
  }
  // nothing has changed
  expect(await build(flake)).toMatchObject({ code: 0, built: 0, uploaded: 0 });

  const changed = flakeWith(hosts('again'));
  const second = await build(changed);
  // the package and the system
  expect([second.code, second.built, saves(second)]).toEqual([0, 2, 1]);
  expect(second.result.cache?.saved.paths).toBe(2);
  for (const host of Object.keys(hosts()))
    expect(await own(changed, host)).toMatchObject({ code: 0, built: 0, uploaded: 0 });
});

/** Configurations whose disko script and specialArgs can be chosen. */
const choosable = (data: Record<string, string>, systems: Record<string, string> = {}) => {
  const named = (value: (name: string) => string) =>
    `{ ${Object.keys(data)
      .map((name) => `${name} = ${value(name)};`)
      .join(' ')} }`;
  return makeFlake(`let
    build = system: name: text: derivation {
      inherit name system; builder = "/bin/sh"; args = [ "-c" "echo \${text} >$out" ];
    };
    make = system: name: args: let drv = build system; in {
      pkgs = { inherit system; };
      extendModules = { specialArgs }: make system name specialArgs;
      config = {
        networking.hostName = name;
        system.build = {
          toplevel = drv "nixos-system-\${name}" (args.version or "plain");
          diskoScript = drv "disko" name;
          diskoScriptNoDeps = drv "disko-no-deps" name;
          formatScript = drv "format" name;
        };
      };
    };
  in {
    nixosConfigurations = ${named((name) => `make "${systems[name] ?? 'x86_64-linux'}" "${name}" { }`)};
    nixosAnywhere = ${named((name) => data[name] ?? '')};
  }`);
};

const builtNames = ({ log }: BuildRun) =>
  log
    .split('\n')
    .flatMap((line) => /^::debug::building \/nix\/store\/\w{32}-(\S+)\.drv$/.exec(line)?.[1] ?? [])
    .toSorted();

test('hosts get what their data asks for: the disko script and the system of their own runs', async () => {
  const service = await startService();
  const key = { 'cache-signing-key': generateKey() };
  const flake = choosable({
    usual: '{ }',
    small: '{ no-disko-deps = true; }',
    kept: '{ disko-mode = "format"; }',
    newer: '{ special-args = { version = "2"; }; phases = [ "kexec" "install" ]; }',
  });
  const all = await buildRun(service, flake, { flake, hosts: '*', ...key });
  expect(all.code, all.log).toBe(0);
  const systems = ['kept', 'newer', 'small', 'usual'].map((name) => `nixos-system-${name}`);
  expect(builtNames(all)).toEqual(['disko', 'disko-no-deps', 'format', ...systems]);
  for (const host of ['usual', 'small', 'kept', 'newer'])
    expect(await buildRun(service, flake, { flake: `${flake}#${host}`, ...key })).toMatchObject({
      code: 0,
      built: 0,
      uploaded: 0,
    });
  // an input is for all of them, as in their own runs
  const without = await buildRun(service, flake, { flake, hosts: '*', phases: 'kexec,install', ...key });
  expect([without.code, without.uploaded]).toEqual([0, 0]);
  expect(without.log).not.toMatch(/copying \S+-(disko|format)/);
});

test('a host that cannot be evaluated or built fails the run, and no other host', async () => {
  const service = await startService();
  const key = { 'cache-signing-key': generateKey() };
  const broken = {
    'web-1': { ...common, one: '/bin/sleep 3; echo 1 >$out' },
    'web-2': { ...common, two: 'echo why it fails >&2; exit 1' },
    'web-3': { ...common, three: '/bin/sleep 3; echo 3 >$out' },
    'web-4': { ...common, four: `\${throw "no such package"}` },
  };
  const flake = flakeWith(broken);
  const run = await buildRun(service, flake, { flake, hosts: 'web-*', option: 'max-jobs 4', ...key });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toMatch(/2 of 4 hosts could not be built: web-2, web-4/);
  expect(run.outputs['failed-hosts']).toBe('["web-2","web-4"]');
  expect(run.result).toMatchObject({ outcome: 'failed', failure: { phase: 'build', kind: 'nix' } });
  expect(run.result.fleet?.failed).toEqual([
    { host: 'web-2', at: 'build', message: expect.stringMatching(/two\.drv' failed.*\nwhy it fails$/s) },
    { host: 'web-4', message: expect.stringContaining('no such package') },
  ]);
  expect(run.result.fleet?.hosts.map(({ host }) => host)).toEqual(['web-1', 'web-3']);
  expect(run.summary).toMatch(/web-2.*❌ was not built/);
  for (const host of ['web-1', 'web-3'])
    expect(await buildRun(service, flake, { flake: `${flake}#${host}`, ...key })).toMatchObject({
      code: 0,
      built: 0,
    });
});

test('hosts that others have to build are told, and left to them', async () => {
  const service = await startService();
  const key = { 'cache-signing-key': generateKey() };
  const flake = choosable(
    {
      here: '{ }',
      machine: '{ build-on = "remote"; }',
      later: '{ generate-hardware-config = "nixos-facter /nonexistent/facter.json"; }',
      apart: '{ cache-key = "apart"; }',
      arm: '{ }',
    },
    { arm: 'aarch64-linux' },
  );
  const run = await buildRun(service, flake, { flake, hosts: '*', ...key });
  expect(run.code, run.log).toBe(0);
  expect(builtNames(run)).toEqual(['disko', 'nixos-system-here']);
  const reasons = run.result.fleet?.hosts.map(({ host, reason }) => [host, reason]);
  expect(Object.fromEntries(reasons ?? [])).toEqual({
    here: 'is built',
    machine: expect.stringContaining('on the machine itself'),
    later: expect.stringContaining('/nonexistent/facter.json'),
    apart: expect.stringContaining('another cache-key (apart)'),
    arm: expect.stringContaining('aarch64-linux'),
  });
  for (const [, reason = ''] of reasons ?? []) expect(run.log).toContain(reason);
});

test('hosts of two systems that the runner builds are a layer for each of these', async () => {
  const service = await startService();
  const key = { 'cache-signing-key': generateKey() };
  const flake = choosable({ usual: '{ }', old: '{ }' }, { old: 'i686-linux' });
  const all = await buildRun(service, flake, { flake, hosts: '*', ...key });
  expect(all.code, all.log).toBe(0);
  expect([all.built, saves(all), all.result.cache?.saved.paths]).toEqual([4, 2, 4]);
  for (const host of ['usual', 'old']) {
    const run = await buildRun(service, flake, { flake: `${flake}#${host}`, ...key });
    expect(run, run.log).toMatchObject({ code: 0, built: 0, uploaded: 0 });
    expect(run.result.cache?.restored).toMatchObject({ layers: 1, paths: 2 });
  }
});

test('cancelled in the middle, it stops at once and saves nothing', async () => {
  const service = await startService();
  const flake = flakeWith({ 'web-1': { one: 'echo 1 >$out' }, 'web-2': { two: 'exec /bin/sleep 60' } });
  const controller = new AbortController();
  let begun = 0;
  const run = await buildRun(
    service,
    flake,
    { flake, hosts: '*', option: 'max-jobs 4' },
    {
      signal: controller.signal,
      onLine: (line) => {
        if (!/^::debug::building \S+-two\.drv/.test(line)) return;
        begun = Date.now();
        controller.abort();
      },
    },
  );
  expect(begun, run.log).toBeGreaterThan(0);
  expect(Date.now() - begun).toBeLessThan(7000);
  expect(run.code).toBe(1);
  expect(run.result.failure).toMatchObject({ kind: 'cancelled', phase: 'build' });
  expect(run.result.fleet).toMatchObject({ selected: 2, failed: [] });
  expect(run.summary).toContain('🛑 Cancelled');
  expect(run.uploaded).toBe(0);
});
