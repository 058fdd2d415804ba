// What of a real store goes into a layer: builds by a real Nix, from real binary caches.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type PathToStore, writeLayer } from '../../src/cache/layer';
import { freshLayerKey } from '../../src/cache/layer-key';
import { LayerFolder } from '../../src/cache/substituter';
import { pathsToKeep, storeFolderOf } from '../../src/cache/wanted';
import { BuildRecord } from '../../src/nix/build-record';
import type { BuildOptions } from '../../src/nix/options';
import { nixEnvironment } from '../../testbed/paths.mts';
import { test, testEach } from '../support/concurrent';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { nix, nixOf } from '../support/store';

/** A tool that only builds need, what was there before, and a system that needs both; all by this version's name. */
const system = `
  let
    build = name: text: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" text ]; };
    tool = build "tool" "echo tool >$out";
    dep = build "dep" "echo dep >$out";
    top = build "top" "read x <\${tool}; echo \${dep} >$out";
  in { inherit dep top; }`;

interface Runner {
  readonly environment: Record<string, string>;
  /** Builds the expression's `top` and says what of it would be kept. */
  paths(expression: string, options?: KeepOptions): Promise<readonly PathToStore[]>;
  /** The same by name. */
  keep(expression: string, options?: KeepOptions): Promise<readonly string[]>;
}

interface KeepOptions extends BuildOptions {
  readonly never?: 'what was asked for';
  readonly fails?: true;
}

/** A runner with a store of its own, which is empty. */
function runnerWith(...settings: readonly string[]): Runner {
  const root = temporaryFolder('root');
  const environment = {
    NIX_REMOTE: `local?root=${root}`,
    NIX_CONFIG: [nixEnvironment().NIX_CONFIG, ...settings].join('\n'),
  };
  const runtime = testRuntime(undefined, environment);
  const { signal } = runtime;
  const here = nixOf(runtime);
  const paths: Runner['paths'] = async (expression, { never, fails, ...options } = {}) => {
    const drvPath = nix('nix-instantiate', ['--expr', expression, '-A', 'top'], environment);
    const record = new BuildRecord(() => 0);
    const build = here.build([`${drvPath}^*`], signal, { ...options, record });
    if (fails) await failure(build);
    else await build;
    const outPaths = fails
      ? []
      : nix('nix-store', ['--query', '--outputs', drvPath], environment).split('\n');
    const found = await here.settings(signal);
    const subject = { outPaths, never: never === undefined ? [] : outPaths };
    const store = storeFolderOf(found.store, drvPath);
    expect(store).toEqual({ logical: '/nix/store', real: join(root, 'nix/store') });
    return pathsToKeep(subject, record, found, store, here, signal);
  };
  const keep: Runner['keep'] = async (...args) => (await paths(...args)).map(nameOf).sort();
  return { environment, paths, keep };
}

const nameOf = ({ path }: Pick<PathToStore, 'path'>) => path.slice('/nix/store/'.length + 33);

/** A key pair as Nix makes them, in a file and as text. */
function keyPair(name: string): { file: string; publicKey: string } {
  const file = join(temporaryFolder('key'), 'secret');
  const experimental = ['--extra-experimental-features', 'nix-command'];
  writeFileSync(file, nix('nix', ['key', 'generate-secret', ...experimental, '--key-name', name]));
  const convert = `nix key convert-secret-to-public ${experimental.join(' ')} <"$0"`;
  return { file, publicKey: nix('sh', ['-c', convert, file]) };
}

/** A binary cache that has the dependency, signed with this key. @returns its address */
function cacheOf(key?: { file: string }): string {
  const folder = temporaryFolder('cache');
  const { environment } = runnerWith();
  const args = ['--expr', system, '-A', 'dep', '--no-out-link'];
  const path = nix('nix-build', args, environment);
  const sign = key === undefined ? '' : `?secret-key=${key.file}`;
  const experimental = ['--extra-experimental-features', 'nix-command'];
  nix('nix', ['copy', ...experimental, '--to', `file://${folder}${sign}`, path], environment);
  return `file://${folder}`;
}

describe('what a substituter has', () => {
  test('is left out, and what was built is kept, with what only the build needed', async () => {
    const key = keyPair('cache-1');
    const runner = runnerWith(`substituters = ${cacheOf(key)}`, `trusted-public-keys = ${key.publicKey}`);
    expect(await runner.keep(system)).toEqual(['tool', 'top']);
  });

  test('is kept where the signature is only said to be by its key, or there is none', async () => {
    const [real, forged] = [keyPair('cache-1'), keyPair('cache-1')];
    for (const from of [cacheOf(forged), cacheOf()]) {
      const settings = [
        `substituters = ${from}`,
        `trusted-public-keys = ${real.publicKey}`,
        'require-sigs = false',
      ];
      const runner = runnerWith(...settings);
      expect(await runner.keep(system)).toEqual(['dep', 'tool', 'top']);
    }
  });

  test('is kept where a key of this runner has signed it, though it trusts that', async () => {
    const key = keyPair('own-1');
    const runner = runnerWith(
      `substituters = ${cacheOf(key)}`,
      `trusted-public-keys = ${key.publicKey}`,
      `secret-key-files = ${key.file}`,
    );
    expect(await runner.keep(system)).toEqual(['dep', 'tool', 'top']);
  });

  test('is kept where the next run has no substituters', async () => {
    const key = keyPair('cache-1');
    const runner = runnerWith(`trusted-public-keys = ${key.publicKey}`);
    const substituter = { uri: cacheOf(key), publicKey: key.publicKey };
    expect(await runner.keep(system, { substituter })).toEqual(['dep', 'tool', 'top']);
  });
});

test('what comes from a layer is taken and kept, though the runner trusts the key that signs layers', async () => {
  const folder = temporaryFolder('layer');
  const file = join(folder, 'layer');
  const key = freshLayerKey();
  const { signal } = new AbortController();
  const { entry } = await writeLayer(
    file,
    { key: 'layer', made: 1, storeFolder: '/nix/store' },
    await runnerWith().paths(system),
    [],
    { key, limit: 1e9, signal },
  );
  const cache = await LayerFolder.create(join(folder, 'cache'), '/nix/store');
  await cache.describe([entry]);
  await cache.fill(file, entry.paths, signal);
  const runner = runnerWith(`substituters = ${cacheOf()}`, `trusted-public-keys = ${key.publicKey}`);
  // without the tool: nothing was built
  expect(await runner.keep(system, { substituter: cache.substituter })).toEqual(['dep', 'top']);
});

describe('of a build', () => {
  const build = (name: string, more: string) =>
    `derivation ({ name = "${name}"; system = "x86_64-linux"; builder = "/bin/sh"; } // { ${more} })`;

  test('what an evaluation has brought is left out, and fixed outputs are kept', async () => {
    const source = temporaryFolder('source');
    writeFileSync(join(source, 'file'), 'text');
    const expression = `let
        path = builtins.path { path = ${source}; name = "source"; };
        text = builtins.toFile "text" "text";
        fixed = ${build('fixed', 'outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = builtins.hashString "sha256" "x"; args = [ "-c" "printf x >$out" ];')};
        top = ${build('top', `args = [ "-c" "echo \${path} \${text} \${fixed} >$out" ];`)};
      in { inherit top; }`;
    expect(await runnerWith().keep(expression)).toEqual(['fixed', 'top']);
  });

  test('all outputs are kept, and derivations never, though one is referred to', async () => {
    const expression = `let
        dep = ${build('dep', 'args = [ "-c" "echo >$out" ];')};
        top = ${build('top', `outputs = [ "out" "dev" ]; args = [ "-c" "echo \${builtins.unsafeDiscardOutputDependency dep.drvPath} >$out; echo >$dev" ];`)};
      in { inherit top; }`;
    expect(await runnerWith().keep(expression)).toEqual(['top', 'top-dev']);
  });

  test('what is never to be kept is not', async () => {
    expect(await runnerWith().keep(system, { never: 'what was asked for' })).toEqual(['dep', 'tool']);
  });

  testEach([
    ['', ''],
    [
      'that are addressed by their contents',
      '__contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256";',
    ],
  ] as const)(
    'that failed what was built is kept, with failed derivations %s',
    async (_, contentAddressed) => {
      const expression = `let
        good = ${build('good', 'args = [ "-c" "echo good >$out" ];')};
        other = ${build('other', `${contentAddressed} args = [ "-c" "echo other >$out" ];`)};
        bad = ${build('bad', `${contentAddressed} args = [ "-c" "read x <\${good}; exit 1" ];`)};
        top = ${build('top', `args = [ "-c" "echo \${other} \${bad} >$out" ];`)};
      in { inherit top; }`;
      const runner = runnerWith('extra-experimental-features = ca-derivations', 'keep-going = true');
      expect(await runner.keep(expression, { fails: true })).toEqual(['good', 'other']);
    },
  );
});

test('a store is where its address says', async () => {
  const out = '/nix/store/x-y';
  const real = (address: string) => storeFolderOf(address, out).real;
  expect(['auto', 'daemon', 'local', 'unix:///run/x'].map(real)).toEqual(Array(4).fill('/nix/store'));
  expect(real('local?root=/a%20b+c')).toBe('/a b+c/nix/store');
  expect(real('unix:///run/x?root=/a&real=/b/c')).toBe('/b/c');
  expect(real('/chroot')).toBe('/chroot/nix/store');
});
