// What is installed, in its several ways, as the bundled action takes it.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { PublishedPlan } from '../../src/plan/plan';
import { buildable, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { startMachine } from '../support/machine';
import { makeFiles, makeNixpkgs } from '../support/nixpkgs';
import { temporaryFolder } from '../support/runtime';
import { features, makeClosure, nix } from '../support/store';

const machines = `{ ... }: {
  web = import <nixpkgs/nixos/lib/eval-config.nix> {
    modules = [ ({ role ? "none", ... }: { networking.hostName = "web-\${role}"; inherit role; }) ];
  };
  built = { inherit ((import <nixpkgs/nixos> { configuration = { }; }).config.system.build) toplevel diskoScript; };
}`;

async function planOf(
  inputs: Record<string, string>,
  env: Record<string, string> = {},
): Promise<PublishedPlan> {
  const run = await runBundle({ inputs: { plan: 'offline', ...inputs }, env });
  expect(run.code, run.log).toBe(0);
  return JSON.parse(run.outputs.plan ?? '') as PublishedPlan;
}

test('nix-file: the machine of a default.nix is planned and built', async () => {
  const env = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const file = join(makeFiles({ 'default.nix': machines }, 'with blank'), 'default.nix');
  const inputs = { 'nix-file': file, 'nix-attribute': 'web' };
  expect(await planOf(inputs, env)).toMatchObject({
    offline: {
      configuration: `${file} web`,
      hostName: 'web-none',
      diskoMode: 'disko',
      disks: [{ device: '/dev/vda', destroy: true }],
    },
  });
  const run = await runBundle({ inputs: { ...inputs, 'build-only': 'true' }, env });
  expect(run.code, run.log).toBe(0);
  expect(existsSync(join(run.dir, 'store', run.outputs['system-path'] ?? '?'))).toBe(true);
});

test('nix-file: of derivations without a configuration the disks must be named', async () => {
  const env = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const folder = makeFiles({ 'default.nix': machines });
  const { flake: _, 'wipe-disks': __, ...machine } = inputsFor(await startMachine(), '');
  const inputs = { ...machine, 'nix-file': folder, 'nix-attribute': 'built' };
  const refused = await runBundle({ inputs, env });
  expect(refused.errors[0]).toMatch(/^a disko script without its configuration may wipe any disk/);
  const run = await runBundle({ inputs: { ...inputs, 'wipe-disks': 'any' }, env });
  expect(run.code, run.log).toBe(0);
  expect(run.result.plan).toMatchObject({
    action: 'install',
    offline: { system: 'x86_64-linux', diskoMode: null, disks: null },
    online: { disksKnown: false },
  });
  expect(run.warnings.filter((text) => text.includes('No configuration was evaluated'))).toHaveLength(1);
});

test('special-args reach the modules of a file, and change the plan', async () => {
  const env = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const inputs = { 'nix-file': makeFiles({ 'default.nix': machines }), 'nix-attribute': 'web' };
  const { offline } = await planOf({ ...inputs, 'special-args': '{"role": "db"}' }, env);
  expect(offline.hostName).toBe('web-db');
  expect(offline.toplevel).not.toBe((await planOf(inputs, env)).offline.toplevel);
  const run = await runBundle({ inputs: { ...inputs, 'special-args': '[1]', plan: 'offline' }, env });
  expect(run.errors[0]).toContain('input special-args: is JSON, but a list');
});

test('no-disko-deps takes the script without tools, in every mode', async () => {
  const env = { NIX_PATH: `nixpkgs=${makeNixpkgs()}` };
  const inputs = {
    'nix-file': makeFiles({ 'default.nix': machines }),
    'nix-attribute': 'web',
    'no-disko-deps': 'true',
  };
  const names = await Promise.all(
    ['disko', 'format', 'mount'].map(
      async (mode) => (await planOf({ ...inputs, 'disko-mode': mode }, env)).offline.diskoScript,
    ),
  );
  for (const [n, name] of ['diskoScriptNoDeps', 'formatScriptNoDeps', 'mountScriptNoDeps'].entries())
    expect(names[n]).toMatch(new RegExp(`-${name}$`));
});

test('a flake without a name: the names that exist, and no connection', async () => {
  const flake = makeFlake(
    `{ nixosConfigurations = { web = ${buildable}; "db.example.org" = ${buildable}; }; }`,
  );
  const inputs = { flake, 'target-host': 'root@127.0.0.1', 'ssh-port': '1' };
  const run = await runBundle({
    inputs: { ...inputs, 'ssh-private-key': 'env:KEY' },
    env: { KEY: 'no key' },
  });
  // all that is wrong with the others comes first: it takes no evaluation
  expect(run.errors[0]).toContain('input ssh-private-key');
  const nameless = await runBundle({ inputs: { flake, plan: 'offline' } });
  expect(nameless.code).toBe(1);
  expect(nameless.errors[0]).toMatch(
    /^input flake: names no configuration; write \S+#NAME.*The flake has: db\.example\.org, web/,
  );
  expect(nameless.result.failure).toMatchObject({ kind: 'input', phase: null });
});

test('what is known of why an evaluation fails is the advice, else how to look into it', async () => {
  const advice = async (message: string) => {
    const broken = buildable.replace(
      'networking.hostName = "demo"',
      `networking.hostName = throw "${message}"`,
    );
    const flake = `${makeFlake(`{ nixosConfigurations.demo = ${broken}; }`)}#demo`;
    const run = await runBundle({ inputs: { flake, plan: 'offline' } });
    expect(run.errors[0]).toContain(message);
    return run.result.failure?.hint;
  };
  expect(await advice('No disks defined, did you forget to import your disko config?')).toMatch(
    /disk layout/,
  );
  expect(await advice('something else')).toMatch(/^see whether it evaluates elsewhere .*show-trace: true/);
});

test('show-trace shows where an evaluation came from', async () => {
  const broken = buildable.replace(
    'networking.hostName = "demo"',
    'networking.hostName = (name: throw ("no " + name)) "name"',
  );
  const flake = `${makeFlake(`{ nixosConfigurations.demo = ${broken}; }`)}#demo`;
  const traced = await runBundle({ inputs: { flake, plan: 'offline', 'show-trace': 'true' } });
  expect(traced.errors[0]).toContain('no name');
  expect(traced.log).toMatch(/nix> .*while calling/);
  const plain = await runBundle({ inputs: { flake, plan: 'offline' } });
  expect(plain.errors[0]).toContain('no name');
  expect(plain.log).not.toMatch(/while calling anonymous lambda/);
});

/** Moves a path from this computer's store to a binary cache, until the end of the test. */
function moveToCache(path: string): string {
  const cache = `file://${temporaryFolder('cache')}`;
  nix('nix', ['copy', ...features, '--to', cache, path]);
  nix('nix-store', ['--delete', '--ignore-liveness', path]);
  return cache;
}

/** A system in the store of this computer, as far as anyone looks into it here. */
function addSystem(): string {
  const folder = makeFiles({ 'nixos-system/init': 'init', 'nixos-system/system': 'x86_64-linux' }, 'system');
  const tree = join(folder, 'nixos-system');
  writeFileSync(join(tree, 'nixos-version'), folder);
  mkdirSync(join(tree, 'bin'));
  symlinkSync('/nowhere', join(tree, 'bin/switch-to-configuration'));
  return nix('nix-store', ['--add', tree]);
}

test('upstream: from cannot supply absent paths; store-paths that the runner lacks are copied from there', async () => {
  const system = addSystem();
  const cache = moveToCache(system);
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', system]));
  const env = { NIX_REMOTE: '' };
  const inputs = { 'store-paths': system, 'build-only': 'true', phases: 'install,reboot' };
  const without = await runBundle({ inputs, env });
  expect(without.errors[0]).toContain(`${system} does not exist`);
  const run = await runBundle({ inputs: { ...inputs, from: cache }, env });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain(`::group::fetching store-paths from ${cache}`);
  expect(run.outputs).toMatchObject({ outcome: 'built', 'system-path': system });
});

test('from: what was built elsewhere has to be signed by a trusted key', async () => {
  const { path } = makeClosure({ small: 1, large: 0 });
  const cache = moveToCache(path);
  atEnd(() => void nix('nix', ['copy', ...features, '--no-check-sigs', '--from', cache, path]));
  const inputs = { 'store-paths': path, from: cache, plan: 'offline' };
  const run = await runBundle({ inputs, env: { NIX_REMOTE: '' } });
  expect(run.errors[0]).toContain('lacks a signature by a trusted key');
  expect(run.errors[0]).toContain('extra-trusted-public-keys');
  // what it is can be told once it is here, and it is neither
  const option = 'require-sigs false';
  const fetched = await runBundle({ inputs: { ...inputs, option }, env: { NIX_REMOTE: '' } });
  expect(fetched.errors[0]).toMatch(/^input store-paths: \S+ is neither a system .* nor a disko script/);
});

test('from: what a flake builds is fetched from there where it can be', async () => {
  const flake = `${makeFlake(`{ nixosConfigurations.demo = ${buildable}; }`)}#demo`;
  const built = await runBundle({ inputs: { flake, 'build-only': 'true' } });
  const cache = `file://${temporaryFolder('cache')}`;
  const store = `local?root=${join(built.dir, 'store')}`;
  nix('nix', ['copy', ...features, '--from', store, '--to', cache, built.outputs['system-path'] ?? '']);
  const run = await runBundle({
    inputs: { flake, from: cache, option: 'require-sigs false', plan: 'offline' },
  });
  expect(run.code, run.log).toBe(0);
  expect(run.result.plan?.work).toMatchObject({
    build: { derivations: 1, names: ['disko'] },
    fetch: { paths: 1 },
  });
});
