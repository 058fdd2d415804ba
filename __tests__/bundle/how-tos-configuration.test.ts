// docs/configuration.md, carried out: what is installed without a flake, with values of the workflow, and as a variant, on a
// stand-in for nixpkgs.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { type BundleRun, inputsFor } from '../support/bundle';
import { carryOut, runShell } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { blockOf, expectShown, expectTroubles } from '../support/documents';
import { startMachine } from '../support/machine';
import { makeNixpkgs } from '../support/nixpkgs';
import { temporaryFolder } from '../support/runtime';
import { stepsOf } from '../support/shown-steps';
import { features, nix } from '../support/store';

const page = 'docs/configuration.md';

/** A job's folder with these files in its checkout. */
function makeJob(files: Readonly<Record<string, string>>): { dir: string; workspace: string } {
  const dir = temporaryFolder('job');
  const workspace = join(dir, 'workspace');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text);
  }
  return { dir, workspace };
}

/** Runs the step of the page in that job, with what the test has to change. */
function runPage(
  dir: string,
  heading: string,
  besides: Record<string, string> = {},
  env: Record<string, string> = {},
): Promise<BundleRun> {
  return carryOut(page, heading, { besides, env }, { dir });
}

/** A machine to plan for, in place of the page's. */
async function machineInputs(): Promise<Record<string, string>> {
  const { flake: _, 'wipe-disks': __, ...inputs } = inputsFor(await startMachine({ installer: true }), '');
  return { ...inputs, 'allow-lockout': 'true' };
}

const module = '{ ... }: { networking.hostName = "web-1"; }';

/** A flake with a nixpkgs in it, as an evaluation may read no other folder. */
function makeFlakeJob(modules: string) {
  const job = makeJob({
    'flake.nix': `{ outputs = _: {
      nixosConfigurations.web-1 = import ./nixpkgs/nixos/lib/eval-config.nix { modules = [ ./web-1.nix ]; };
    }; }`,
    'web-1.nix': modules,
  });
  cpSync(makeNixpkgs(), join(job.workspace, 'nixpkgs'), { recursive: true });
  return job;
}

test('values of the workflow reach the modules', async () => {
  const heading = 'Values from the workflow';
  const { dir } = makeFlakeJob(blockOf(page, heading, 'nix'));
  const run = await runPage(dir, heading);
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/configuration.md', 'Values from the workflow');
  expect((await runPage(dir, heading, { 'special-args': '' })).log).toContain('-nixos-system-web-1\n');
  expectTroubles([(await runPage(dir, heading, { 'special-args': '[1]' })).log], page, heading);
});

test('a variant is named by its attribute in full', async () => {
  const heading = 'A variant of a configuration';
  const drv = (name: string) =>
    `${name} = derivation { name = "${name === 'toplevel' ? 'nixos-system-web-1-vm' : 'disko'}"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo >$out" ]; };`;
  const variant = (build: string) =>
    `{ config, ... }: { virtualisation.vmVariant = config // { system.build = { ${build} }; }; }`;
  const { dir } = makeFlakeJob(variant(drv('toplevel') + drv('diskoScript')));
  const run = await runPage(dir, heading);
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/configuration.md', 'A variant of a configuration');
  const without = makeFlakeJob(variant(drv('toplevel')));
  expectTroubles([(await runPage(without.dir, heading)).log], page, heading);
});

test('a module is evaluated with the nixpkgs of NIX_PATH', async () => {
  const heading = 'With a channel';
  const { dir } = makeJob({ 'configuration.nix': module });
  const inputs = await machineInputs();
  const run = await runPage(dir, heading, inputs, { NIX_PATH: `nixpkgs=${makeNixpkgs()}` });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/configuration.md', 'With a channel');
  expectTroubles([(await runPage(dir, heading, inputs, { NIX_PATH: '' })).log], page, heading);
});

test('a module is evaluated with the nixpkgs that npins has pinned', async () => {
  const heading = 'With npins';
  const pins = `{ nixpkgs = ${makeNixpkgs()}; }`;
  const { dir } = makeJob({ 'configuration.nix': module, 'npins/default.nix': pins });
  const run = await runPage(dir, heading, {}, { NIX_PATH: '' });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/configuration.md', 'With npins');
  // the page says who wins
  const other = await runPage(dir, heading, {}, { NIX_PATH: 'nixpkgs=/no/such' });
  expect(other.code).toBe(1);
});

/** What such a file gives, as far as anyone looks into it here; in this computer's own store. */
const machine = `{ config.system.build = let
  run = name: script: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" script ]; };
in {
  toplevel = run "nixos-system-web-1" "mkdir -p $out/bin; echo >$out/init; echo >$out/bin/switch-to-configuration; echo 25.11 >$out/nixos-version; printf x86_64-linux >$out/system";
  diskoScript = run "disko" "printf '#!/bin/sh\\\\nexit 1\\\\n' >$out; chmod 755 $out";
}; }`;

test('what a step has built is planned by its store paths', async () => {
  const heading = 'What was built already';
  const { dir, workspace } = makeJob({ 'machines/web-1.nix': machine });
  const build = stepsOf(page, heading)[0]?.run ?? '';
  const env = { ...nixEnvironment(), HOME: dir };
  const paths = (await runShell(build, { cwd: workspace, env })).trim().split('\n');
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', ...paths]));
  const inputs = { ...(await machineInputs()), 'wipe-disks': 'any' };
  const run = await runPage(dir, heading, inputs, { NIX_REMOTE: '' });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/configuration.md', 'What was built already');
});

test('what the configuration says of nixpkgs is found on the new system, and nothing without it', () => {
  const heading = 'nix-shell and channels afterwards';
  const run = (command: string, args: readonly string[], NIX_PATH: string) =>
    spawnSync(command, args, {
      env: { ...nixEnvironment(), NIX_PATH, HOME: temporaryFolder('home') },
      encoding: 'utf8',
    });
  const without = run('nix-shell', ['-p', 'hello', '--run', 'true'], '');
  expect(without.stderr).toContain(blockOf(page, heading, 'text').trim());

  const pkgs = `{ pkgs = { path = ${makeNixpkgs()}; }; }`;
  const expression = `((${blockOf(page, heading, 'nix')}) ${pkgs}).nix`;
  const text = nix('nix', ['eval', ...features, '--impure', '--json', '--expr', expression]);
  const { nixPath, registry } = JSON.parse(text);
  expect(registry.nixpkgs.to.type).toBe('path');
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', nixPath[0].replace('nixpkgs=', '')]));
  const [, ...command] = blockOf(page, heading, 'console').trim().split(' ');
  const found = run(command[0] ?? '', command.slice(1), nixPath.join(':'));
  expectShown(found.stdout, 'docs/configuration.md', 'nix-shell and channels afterwards');
  return Promise.resolve();
});
