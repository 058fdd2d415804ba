// What a plan says of the work ahead, asked of a real Nix: store, substituter, signatures.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import { parseNixLog } from '../../src/nix/log';
import { parseMissing } from '../../src/nix/missing';
import { parsePathInfo } from '../../src/nix/path-info';
import type { Evaluation } from '../../src/plan/evaluation';
import { describeStorePaths } from '../../src/plan/store-paths';
import { observeWork } from '../../src/plan/work';
import { nixEnvironment, oldNixBin } from '../../testbed/paths.mts';
import { atEnd, test } from '../support/concurrent';
import { temporaryFolder, testRuntime } from '../support/runtime';
import { features, makeClosure, nix, nixOf } from '../support/store';

const nixCommand = (...args: string[]) => nix('nix', [args[0] ?? '', ...features, ...args.slice(1)]);

/** A system of this store path, whose configuration trusts this key and has a substituter. */
function evaluationOf(outPath: string, drvPath: string | undefined, key?: string): Evaluation {
  return {
    source: 'outputs',
    buildSystem: undefined,
    system: 'x86_64-linux',
    hostName: '',
    toplevel: { drvPath, outPath },
    diskoScript: undefined,
    installTest: undefined,
    substituters: key === undefined ? [] : ['https://cache.example.org'],
    trustedPublicKeys: key === undefined ? [] : [key],
    groups: [],
    hostKeys: [],
    disks: undefined,
    sshd: undefined,
    logins: undefined,
    bootLoader: undefined,
    initrdSsh: undefined,
  };
}

test('what is not there yet is counted: to build, to fetch from a cache, and of which size', async () => {
  const folder = temporaryFolder('stores');
  const name = `part-${randomUUID()}`;
  const part = `derivation { name = "${name}"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo ${'x'.repeat(9000)} >$out" ]; }`;
  const whole = `derivation { name = "whole-${name}"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo \${${part}} >$out" ]; }`;
  const built = nixCommand('build', '--no-link', '--print-out-paths', '--impure', '--expr', part);
  nixCommand('copy', '--to', `file://${join(folder, 'cache')}?compression=none`, built);
  nix('nix-store', ['--delete', built]);
  const drv = nixCommand('eval', '--raw', '--impure', '--expr', `(${whole}).drvPath`);
  const drvs = nix('nix-store', ['--query', '--requisites', drv]).split('\n');
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', ...drvs]));
  const out = nixCommand('eval', '--raw', '--impure', '--expr', `(${whole}).outPath`);

  const cache = {
    NIX_CONFIG: `substituters = file://${join(folder, 'cache')}\nrequire-sigs = false\nbuild-users-group =`,
  };
  for (const [environment, build, paths] of [
    [cache, 1, 1],
    [{}, 2, 0],
  ] as const) {
    const runtime = testRuntime(undefined, { ...environment, XDG_CACHE_HOME: join(folder, `${paths}`) });
    const evaluation = evaluationOf(out, drv);
    const work = await observeWork(
      evaluation,
      [{ drvPath: drv, outPath: out }],
      nixOf(runtime),
      runtime,
      50_000,
    );
    expect(work, runtime.log.text).toMatchObject({
      build: { derivations: build },
      fetch: { paths },
      closure: null,
    });
    expect(work?.build.names).toContain(`whole-${name}`);
    // Nix says it in MiB with two digits after the point
    if (paths === 1) expect(work?.fetch.unpackedBytes).toBe(Math.round(0.01 * 1024 ** 2));
  }
});

test('a closure of 2000 paths is looked at in seconds; what is signed can be fetched', async () => {
  const { path, count } = makeClosure({ small: 2000, large: 0 });
  const folder = temporaryFolder('keys');
  const secret = join(folder, 'secret');
  nix('nix-store', ['--generate-binary-cache-key', 'cache-1', secret, join(folder, 'public')]);
  const some = nix('nix-store', ['--query', '--references', path]).split('\n').slice(0, 500);
  nixCommand('store', 'sign', '--key-file', secret, path, ...some);
  const runtime = testRuntime();
  const start = performance.now();
  const work = await observeWork(
    evaluationOf(path, undefined, 'cache-1:cHVi'),
    [{ drvPath: undefined, outPath: path }],
    nixOf(runtime),
    runtime,
    50_000,
  );
  const seconds = (performance.now() - start) / 1000;
  expect(seconds).toBeLessThan(10);
  expect(work, runtime.log.text).toMatchObject({
    build: { derivations: 0 },
    fetch: { paths: 0 },
    // the path itself was built here: the key's signature does not put it into a cache
    closure: { paths: count, fetchable: { paths: 500 } },
  });
  expect(work?.closure?.bytes).toBeGreaterThan(2000 * 100);
});

test('store paths must be valid in the store, and a system must say what it is for', async () => {
  const { path } = makeClosure({ small: 1, large: 0 });
  const runtime = testRuntime();
  const missing = `/nix/store/${'0'.repeat(32)}-never-built`;
  const of = (system: string) =>
    describeStorePaths(nixOf(runtime), { system, diskoScript: undefined }, runtime.signal);
  await expect(of(missing)).rejects.toThrow(`${missing} is not valid in the store`);
  await expect(of(path)).rejects.toThrow(/does not say for which system/);
  const alone = await describeStorePaths(
    nixOf(runtime),
    { system: undefined, diskoScript: path },
    runtime.signal,
  );
  expect(alone).toMatchObject({
    source: 'outputs',
    diskoScript: { drvPath: undefined, outPath: path },
    toplevel: undefined,
    disks: undefined,
  });
  expect(runtime.log.text).not.toContain("don't know how to build");
});

test('what was built elsewhere is kept from being collected while the run goes on', async () => {
  const { path } = makeClosure({ small: 1, large: 0 });
  const runtime = testRuntime();
  await nixOf(runtime).build([path], runtime.signal);
  const roots = nix('nix-store', ['--query', '--roots', path]);
  expect(roots).toContain(join(runtime.privateFolder, 'results'));
});

test('an old and a new Nix say the same, each in its own shape', async () => {
  const { path, count } = makeClosure({ small: 3, large: 0 });
  const of = (folder: string) => {
    const program = join(folder, 'nix');
    const json = nix(program, ['path-info', ...features, '--json', '--recursive', path]);
    return JSON.parse(json) as unknown;
  };
  const [old, current] = [of(oldNixBin), of(nixBinOf())];
  expect(Array.isArray(old)).toBe(true);
  expect(Array.isArray(current)).toBe(false);
  expect(parsePathInfo(old).size).toBe(count);
  expect(parsePathInfo(old)).toEqual(parsePathInfo(current));

  const [drv = ''] = nix('nix-store', ['--query', '--deriver', path]).split('\n');
  nix('nix-store', ['--delete', '--ignore-liveness', path]);
  const missing = (folder: string, installable: string) => {
    const args = [
      'build',
      ...features,
      '--dry-run',
      '--no-link',
      '--log-format',
      'internal-json',
      installable,
    ];
    const said = spawnSync(join(folder, 'nix'), args, {
      env: { ...process.env, ...nixEnvironment() },
      encoding: 'utf8',
    });
    const events = said.stderr.split('\n').map(parseNixLog);
    return parseMissing(events.flatMap((event) => (event.kind === 'message' ? [event.text] : [])));
  };
  expect(missing(oldNixBin, drv).build).toEqual([drv]);
  expect(missing(nixBinOf(), `${drv}^*`).build).toEqual([drv]);
});

/** That of the runner: of the testbed, or one that is installed. */
function nixBinOf(): string {
  const found = nixEnvironment()
    .PATH.split(delimiter)
    .find((folder) => existsSync(join(folder, 'nix')));
  if (found === undefined) throw new Error('no nix in PATH');
  return found;
}
