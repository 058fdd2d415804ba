// What a real Nix says that it can build, and what follows from that for configurations.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Nix } from '../../src/nix/nix';
import { buildPlace } from '../../src/plan/build-place';
import { evaluateFlake } from '../../src/plan/evaluate';
import { test, testEach } from '../support/concurrent';
import { temporaryFolder, testRuntime } from '../support/runtime';
import { machineSettings } from '../support/settings';
import { makeTestKey } from '../unit/support';

const settings = machineSettings({
  flake: '.#demo',
  'target-host': 'example.org',
  'ssh-private-key': makeTestKey(),
});

function nixWith(options: readonly (readonly [string, string])[] = []) {
  const runtime = testRuntime(undefined, { NIX_REMOTE: `local?root=${temporaryFolder('store')}` });
  return { runtime, nix: new Nix({ options, printBuildLogs: false, idleMs: 20_000 }, runtime) };
}

/** Where a runner with these settings has a configuration built that is built on one system and runs on another. */
async function placeOf(options: readonly (readonly [string, string])[], builtOn: string, runsOn = builtOn) {
  const folder = temporaryFolder('flake');
  const toplevel = `derivation { name = "t"; system = "${builtOn}"; builder = "/bin/sh"; }`;
  writeFileSync(
    join(folder, 'flake.nix'),
    `{ outputs = _: { nixosConfigurations.demo = { pkgs.system = "${runsOn}"; config.system.build.toplevel = ${toplevel}; }; }; }`,
  );
  const { runtime, nix } = nixWith(options);
  const flake = { uri: `path:${folder}`, name: 'demo', path: [] };
  const wanted = { script: undefined, installTest: false, specialArgs: undefined };
  const evaluation = await evaluateFlake(nix, flake, wanted, runtime.signal);
  const runnerSystems = await nix.builtSystems(runtime.signal);
  return { evaluation, place: buildPlace({ settings, evaluation, runnerSystems }) };
}

test('a configuration of the runner’s own system is built here, one of another on the machine', async () => {
  expect((await placeOf([], 'x86_64-linux')).place).toBe('local');
  expect((await placeOf([], 'i686-linux')).place).toBe('local');
  expect((await placeOf([], 'aarch64-linux')).place).toBe('remote');
});

test('upstream: extra-platforms never matches; here an emulated system is built here', async () => {
  const options = [['extra-platforms', 'armv7l-linux aarch64-linux']] as const;
  expect((await placeOf(options, 'aarch64-linux')).place).toBe('local');
});

test('upstream: auto asks a wrong attribute; here a cross-compiled system is built where its derivations say', async () => {
  const { evaluation, place } = await placeOf([], 'x86_64-linux', 'aarch64-linux');
  expect(evaluation).toMatchObject({ system: 'aarch64-linux', buildSystem: 'x86_64-linux' });
  expect(place).toBe('local');
});

testEach([['in the setting'], ['in a file']])('a remote builder counts: %s', async (where) => {
  const machine = 'ssh://builder aarch64-linux,riscv64-linux /key 4 1 big-parallel - -';
  const file = join(temporaryFolder('machines'), 'machines');
  writeFileSync(file, `# ours\n\n${machine}\n`);
  const builders = ['builders', where === 'in a file' ? `@${file}` : `ssh://other ; ${machine}`] as const;
  expect((await placeOf([builders], 'aarch64-linux')).place).toBe('local');
  expect((await placeOf([builders], 'armv7l-linux')).place).toBe('remote');
});
