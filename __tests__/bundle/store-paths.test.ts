// What was built elsewhere, instead of a flake: the runner's own store, and no evaluation.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { inputsFor, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';
import { nix } from '../support/store';

/** A system and a disko script in the store of this computer, as far as anyone looks into them here. */
function addPaths(): { system: string; script: string; folder: string } {
  const folder = temporaryFolder('elsewhere');
  const tree = join(folder, 'nixos-system-elsewhere');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  for (const name of ['init', 'bin/switch-to-configuration']) symlinkSync('/nowhere', join(tree, name));
  writeFileSync(join(tree, 'nixos-version'), folder);
  writeFileSync(join(tree, 'system'), 'x86_64-linux');
  const file = join(folder, 'disko-elsewhere');
  writeFileSync(file, `#!/bin/sh\n# ${folder}\nexit 1\n`);
  chmodSync(file, 0o755);
  const [system, script] = [nix('nix-store', ['--add', tree]), nix('nix-store', ['--add', file])];
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', system, script]));
  return { system, script, folder };
}

/** Not the store of its own that tests otherwise give the action. */
const env = { NIX_REMOTE: '' };

test('an offline plan says what they are, and what is not known', async () => {
  const { system, script, folder } = addPaths();
  symlinkSync(system, join(folder, 'result'));
  const run = await runBundle({
    inputs: { 'store-paths': `${join(folder, 'result')}\n${script}`, plan: 'offline' },
    env,
  });
  expect(run.code, run.log).toBe(0);
  expect(run.result.plan).toMatchObject({
    offline: {
      configuration: `${system} ${script}`,
      system: 'x86_64-linux',
      toplevel: system,
      diskoScript: script,
      diskoMode: null,
      disks: null,
    },
    work: { build: { derivations: 0 }, fetch: { paths: 0 }, closure: { paths: 1, fetchable: { paths: 0 } } },
  });
  expect(run.log).toContain('not known: the disko script may wipe any');
  expect(run.summary).toContain('Which disks are wiped is not known');
});

test('there is nothing to build, also of one path alone', async () => {
  const { system, script } = addPaths();
  for (const path of [system, script]) {
    const run = await runBundle({ inputs: { 'store-paths': path, 'build-only': 'true' }, env });
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ outcome: 'built', 'system-path': path === system ? system : '' });
    expect(run.log).toContain(`there already: ${path}`);
  }
});

test('a plan of a machine is made without an evaluation; the disks must be named', async () => {
  const { system, script } = addPaths();
  const { flake: _, 'wipe-disks': __, ...machine } = inputsFor(await startMachine(), '');
  const inputs = { ...machine, 'store-paths': `${system} ${script}` };
  const refused = await runBundle({ inputs, env });
  expect(refused.errors[0]).toMatch(/input wipe-disks: is required with store-paths/);

  const run = await runBundle({ inputs: { ...inputs, 'wipe-disks': 'any' }, env });
  expect(run.code, run.log).toBe(0);
  expect(run.result.plan).toMatchObject({ action: 'install', online: { disksKnown: false } });
  expect(run.warnings.filter((text) => text.includes('No configuration was evaluated'))).toHaveLength(1);
  expect(run.warnings.filter((text) => text.includes('disko.devices.disk'))).toEqual([]);
  expect(run.log).toContain(`Plan: install ${system} ${script} on root@127.0.0.1`);
});

test('a path that is not valid in the store is refused, whatever lies there', async () => {
  const store = join(temporaryFolder('store'), 'store');
  const path = join(store, `${'a'.repeat(32)}-disko`);
  mkdirSync(store);
  writeFileSync(path, '#!/bin/sh\n', { mode: 0o755 });
  const run = await runBundle({
    inputs: { 'store-paths': path, plan: 'offline' },
    env: { NIX_STORE_DIR: store, NIX_STATE_DIR: join(store, '../state'), NIX_REMOTE: '' },
  });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toContain(`${path} is not valid in the store of this runner's Nix`);
});
