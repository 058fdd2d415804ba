// The ways in which a configuration is named, with a real Nix: flakes, and files as the how-to texts of nixos-anywhere
// and nix.dev write them. nixpkgs is a stand-in.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { InputError } from '../../src/errors';
import { parseFlakeReference } from '../../src/inputs/flake-reference';
import type { DiskoMode } from '../../src/inputs/settings';
import { requireName } from '../../src/plan/configuration';
import { evaluateFile, evaluateFlake, type Wanted } from '../../src/plan/evaluate';
import { test, testEach } from '../support/concurrent';
import { makeFiles, makeNixpkgs } from '../support/nixpkgs';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { nix, nixOf } from '../support/store';

const wanted: Wanted = {
  script: { mode: 'disko', withTools: true },
  installTest: false,
  specialArgs: undefined,
};

function runtimeWith(environment: Record<string, string> = {}) {
  return testRuntime(undefined, {
    NIX_REMOTE: `local?root=${temporaryFolder('store')}`,
    NIX_PATH: '',
    ...environment,
  });
}

/** What the flake of these tests has: eval-config's results, and one that git alone would not find. */
const outputs = (nixpkgs: string) => `{
  outputs = { self }:
    let system = modules: import ${nixpkgs}/nixos/lib/eval-config.nix { inherit modules; }; in {
      nixosConfigurations = {
        demo = system [ { networking.hostName = "demo"; } ];
        "host.example.org" = system [ { networking.hostName = "dotted"; } ];
        "ünï code" = system [ { networking.hostName = "unicode"; } ];
        role = system [ ({ role ? throw "no role was given", ... }: { networking.hostName = "role"; inherit role; }) ];
        fixed = { inherit (system [ ]) config pkgs; };
      };
    };
}`;

/** The stand-in for nixpkgs lies inside the flake: a pure evaluation reads nothing else. */
function makeFlake(name = 'flake'): string {
  const nixpkgs = makeNixpkgs();
  const folder = makeFiles({}, name);
  execFileSync('cp', ['-r', nixpkgs, join(folder, 'nixpkgs')]);
  execFileSync('tee', [join(folder, 'flake.nix')], {
    input: outputs('./nixpkgs'),
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return folder;
}

function commit(folder: string, branch: string): void {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      cwd: folder,
      stdio: 'ignore',
    });
  git('init', '-b', branch);
  git('add', '.');
  git('commit', '-m', 'x');
}

function evaluateReference(text: string, change: Partial<Wanted> = {}) {
  const reference = parseFlakeReference(text);
  if (typeof reference === 'string') throw new Error(reference);
  const runtime = runtimeWith();
  return evaluateFlake(nixOf(runtime), reference, { ...wanted, ...change }, runtime.signal);
}

testEach<string, string>([
  ['#demo', 'demo'],
  ['#nixosConfigurations.demo', 'demo'],
  ['#nixosConfigurations.demo.config', 'demo'],
  ['#host.example.org', 'dotted'],
  ['#"host.example.org"', 'dotted'],
  ['#nixosConfigurations."host.example.org".config', 'dotted'],
  ['#"ünï code"', 'unicode'],
])('%s names a configuration in full or in short', async (fragment, hostName) => {
  const evaluation = await evaluateReference(`path:${makeFlake()}${fragment}`);
  expect(evaluation).toMatchObject({ source: 'configuration', system: 'x86_64-linux', hostName });
  expect(evaluation.toplevel?.outPath).toContain(`nixos-system-${hostName}`);
  expect(evaluation.diskoScript?.outPath).toMatch(/-diskoScript$/);
});

test('a variant is a configuration of its own, on the platform of the one around it', async () => {
  const variant = '#nixosConfigurations.demo.config.virtualisation.vmVariant';
  const evaluation = await evaluateReference(`path:${makeFlake()}${variant}`, { script: undefined });
  expect(evaluation).toMatchObject({ source: 'configuration', system: 'x86_64-linux' });
  expect(evaluation.toplevel?.outPath).toContain('nixos-vm-demo');
});

test('addresses: folders and path: with blanks and letters beyond ASCII, git with a branch, a folder below', async () => {
  const folder = makeFlake('with blank ü');
  for (const uri of [folder, `path:${folder}`])
    expect(await evaluateReference(`${uri}#demo`)).toMatchObject({ hostName: 'demo' });
  const below = makeFiles({});
  execFileSync('cp', ['-r', makeFlake(), join(below, 'sub')]);
  commit(below, 'other');
  const uris = [`git+file://${below}?ref=other&dir=sub`, `${below}?dir=sub`, `path:${below}?dir=sub`];
  for (const uri of uris) expect(await evaluateReference(`${uri}#demo`)).toMatchObject({ hostName: 'demo' });
});

test('an unknown name, or none, is answered with those that exist', async () => {
  const uri = `path:${makeFlake()}`;
  const names = 'demo, fixed, host.example.org, role, ünï code';
  expect((await failure(evaluateReference(`${uri}#other`))).message).toBe(
    `nixosConfigurations of the flake ${uri} has no other; it has ${names}`,
  );
  expect((await failure(evaluateReference(`${uri}#nixosConfigurations.demo.confg`))).message).toMatch(
    /^demo of nixosConfigurations of the flake \S+ has no confg; it has config, extendModules/,
  );
  const runtime = runtimeWith();
  const nameless = (of: string) =>
    failure(
      requireName({ kind: 'flake', flake: { uri: of, name: '', path: [] } }, nixOf(runtime), runtime.signal),
    );
  const error = await nameless(uri);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toContain(`input flake: names no configuration; write ${uri}#NAME`);
  expect(error.message).toContain(`The flake has: ${names}`);
  expect((await nameless('path:/nonexistent')).message).toContain('Which there are cannot be told');
});

test('special-args reach the modules, and change what is installed', async () => {
  const uri = `path:${makeFlake()}`;
  expect((await failure(evaluateReference(`${uri}#role`))).message).toContain('no role was given');
  const of = async (role: string) =>
    (await evaluateReference(`${uri}#role`, { specialArgs: { role } })).toplevel?.drvPath;
  expect(await of('web')).not.toBe(await of(`it's "a" $\{db}\n`));
  const error = await failure(evaluateReference(`${uri}#fixed`, { specialArgs: {} }));
  expect(error.message).toContain('takes no special-args: it has no extendModules');
});

testEach<DiskoMode, string>([
  ['disko', 'diskoScript'],
  ['format', 'formatScript'],
  ['mount', 'mountScript'],
])('disko-mode %s, with tools and without', async (mode, name) => {
  const uri = `path:${makeFlake()}`;
  expect(await modeOf(mode, uri, true)).toBe(name);
  expect(await modeOf(mode, uri, false)).toBe(`${name}NoDeps`);
});

async function modeOf(mode: DiskoMode, uri: string, withTools: boolean) {
  const { diskoScript } = await evaluateReference(`${uri}#demo`, { script: { mode, withTools } });
  return diskoScript?.outPath.replace(/^.*\/[0-9a-z]{32}-/, '');
}

// files

const configuration = `{ modulesPath, ... }: {
  imports = [ (modulesPath + "/profiles/qemu-guest.nix") ./disks.nix ];
  networking.hostName = "module";
}`;
const disks = '{ ... }: { disko.devices.disk.main.device = "/dev/sda"; }';

async function evaluateIn(
  folder: string,
  file: string,
  {
    path = [] as string[],
    environment = {},
    ...change
  }: Partial<Wanted> & { path?: string[]; environment?: Record<string, string> } = {},
) {
  const runtime = runtimeWith(environment);
  const name = file.startsWith('<') ? file : join(folder, file);
  return evaluateFile(nixOf(runtime), { file: name, path }, { ...wanted, ...change }, runtime.signal);
}

/** What nix-build would build of it. */
function instantiated(environment: Record<string, string>, ...args: string[]): string {
  const store = { NIX_REMOTE: `local?root=${temporaryFolder('store')}` };
  return nix('nix-instantiate', args, { ...store, ...environment });
}

test('configuration.nix: what nix-build -I nixos-config=… <nixpkgs/nixos> gives', async () => {
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const folder = makeFiles({ 'configuration.nix': configuration, 'disks.nix': disks });
  const evaluation = await evaluateIn(folder, 'configuration.nix', { environment });
  expect(evaluation).toMatchObject({
    source: 'configuration',
    hostName: 'module',
    disks: [{ device: '/dev/sda', destroy: true }],
  });
  const drvPath = instantiated(
    environment,
    '-I',
    `nixos-config=${folder}/configuration.nix`,
    '-E',
    '(import <nixpkgs/nixos> {}).config.system.build.toplevel',
  );
  expect(evaluation.toplevel?.drvPath).toBe(drvPath);
});

test('<nixpkgs/nixos> with nixos-config in NIX_PATH, as nixos-rebuild build --no-flake', async () => {
  const folder = makeFiles({ 'configuration.nix': configuration, 'disks.nix': disks });
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}:nixos-config=${folder}/configuration.nix` };
  const evaluation = await evaluateIn(folder, '<nixpkgs/nixos>', { environment });
  expect(evaluation).toMatchObject({ source: 'configuration', hostName: 'module' });
  expect(await evaluateIn(folder, '<nixos-config>', { environment })).toMatchObject({ hostName: 'module' });
  // it has no extendModules; the module itself gets them
  const error = await failure(evaluateIn(folder, '<nixpkgs/nixos>', { environment, specialArgs: {} }));
  expect(error.message).toContain('takes no special-args');
});

test('pkgs.nixos: ((import <nixpkgs> {}).nixos [ ./configuration.nix ])', async () => {
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const expression = '(import <nixpkgs> {}).nixos [ ./configuration.nix ]';
  const folder = makeFiles({
    'default.nix': expression,
    'configuration.nix': configuration,
    'disks.nix': disks,
  });
  const evaluation = await evaluateIn(folder, '', { environment, installTest: true });
  expect(evaluation).toMatchObject({ source: 'configuration', hostName: 'module' });
  for (const [name, of] of [
    ['installTest', evaluation.installTest],
    ['diskoScript', evaluation.diskoScript],
  ] as const) {
    const text = `((import <nixpkgs> {}).nixos [ ${folder}/configuration.nix ]).${name}`;
    expect(of?.drvPath).toBe(instantiated(environment, '-E', text));
  }
});

test('npins beside the module stand in for NIX_PATH, which comes first', async () => {
  const nixpkgs = makeNixpkgs();
  const folder = makeFiles({
    'configuration.nix': configuration,
    'disks.nix': disks,
    'npins/default.nix': `{ nixpkgs = { outPath = ${nixpkgs}; }; }`,
  });
  expect(await evaluateIn(folder, 'configuration.nix')).toMatchObject({ hostName: 'module' });
  const environment = { NIX_PATH: 'nixpkgs=/nonexistent' };
  const error = await failure(evaluateIn(folder, 'configuration.nix', { environment }));
  expect(error.message).toMatch(/nixpkgs.*was not found in the Nix search path/);
  expect(error).toMatchObject({ hint: expect.stringMatching(/^set NIX_PATH .* entry for nixpkgs/) });
});

/** A default.nix with machines, as without flakes they are kept. */
const machines = `{ name ? "a", ... }:
let system = modules: import <nixpkgs/nixos/lib/eval-config.nix> { inherit modules; }; in
{
  web = system [ { networking.hostName = "web"; } ];
  "db.example.org" = system [ ({ role ? "none", ... }: { networking.hostName = "db"; inherit role; }) ];
  deep = { ... }: { one = (system [ ]).config; };
  built = { inherit ((system [ ]).config.system.build) toplevel diskoScript; };
  older = { system = (system [ ]).config.system.build.toplevel; disko = (system [ ]).config.system.build.diskoScript; };
  oldest.diskNoDeps = (system [ ]).config.system.build.diskoScriptNoDeps;
  text = "text";
  another = throw "not asked for";
}`;

test('default.nix: attributes lead to machines, through functions too', async () => {
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const folder = makeFiles({ 'default.nix': machines }, 'with blank "ü"');
  const of = (path: string[], change: Partial<Wanted> = {}) =>
    evaluateIn(folder, '', { path, environment, ...change });
  expect(await of(['web'])).toMatchObject({ source: 'configuration', hostName: 'web' });
  expect(await of(['deep', 'one'])).toMatchObject({ source: 'configuration', hostName: 'nixos' });
  const db = await of(['db.example.org'], { specialArgs: { role: 'db' } });
  expect(db.toplevel?.drvPath).not.toBe((await of(['db.example.org'])).toplevel?.drvPath);
  const drvPath = instantiated(
    environment,
    join(folder, 'default.nix'),
    '-A',
    'web.config.system.build.toplevel',
  );
  expect((await of(['web'])).toplevel?.drvPath).toBe(drvPath);
});

testEach<string, { system: boolean; script: string }>([
  ['built', { system: true, script: 'diskoScript' }],
  ['older', { system: true, script: 'diskoScript' }],
  ['oldest', { system: false, script: 'diskoScriptNoDeps' }],
])('default.nix: derivations without their configuration: %s', async (name, { system, script }) => {
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const folder = makeFiles({ 'default.nix': machines });
  const evaluation = await evaluateIn(folder, 'default.nix', { path: [name], environment });
  expect(evaluation).toMatchObject({ source: 'outputs', system: 'x86_64-linux', disks: undefined });
  expect(evaluation.toplevel !== undefined).toBe(system);
  expect(evaluation.diskoScript?.outPath.endsWith(`-${script}`)).toBe(true);
});

test('config.system.build itself is a set of derivations too', async () => {
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const folder = makeFiles({ 'default.nix': machines });
  const path = ['web', 'config', 'system', 'build'];
  expect(await evaluateIn(folder, 'default.nix', { path, environment })).toMatchObject({ source: 'outputs' });
});

test('what is not there, or no configuration, is named with what there is', async () => {
  const environment = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const folder = makeFiles({ 'default.nix': machines, 'module.nix': configuration });
  const message = async (file: string, path: string[]) =>
    (await failure(evaluateIn(folder, file, { path, environment }))).message;
  expect(await message('default.nix', ['wbe'])).toBe(
    `${folder}/default.nix has no wbe; it has another, built, db.example.org, deep, older, oldest, text, web`,
  );
  expect(await message('default.nix', [])).toMatch(
    /is no NixOS configuration; it has another, built, db\.example\.org/,
  );
  expect(await message('default.nix', ['text'])).toMatch(/default\.nix text is no NixOS configuration/);
  expect(await message('default.nix', ['web', 'config', 'system', 'build', 'toplevel'])).toMatch(
    /toplevel is no NixOS configuration/,
  );
  expect(await message('module.nix', ['web'])).toMatch(/module\.nix is a function that needs modulesPath/);
});
