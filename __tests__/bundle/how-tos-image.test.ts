// docs/installer-image.md: a kexec image of one's own, built by the flake and the step that the page shows. nixpkgs and nixos-images
// cannot be fetched here: stand-ins of the same outputs make a tar archive of the same layout, which shows what the module said.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { runBundle } from '../support/bundle';
import { onMachine } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { blocksOf, expectShown, expectTroubles } from '../support/documents';
import { installableFlake } from '../support/install';
import { startMachine } from '../support/machine';
import { makeFiles, makeNixpkgs } from '../support/nixpkgs';
import { temporaryFolder } from '../support/runtime';
import { shownStep, stepsOf } from '../support/shown-steps';
import { nix } from '../support/store';

const page = 'docs/installer-image.md';
const heading = 'An image of your own';

const kexecInstaller = `{ config, ... }: {
  system.build.kexecInstallerTarball = derivation {
    name = "kexec-tarball";
    system = "x86_64-linux";
    builder = "/bin/sh";
    modules = toString config.boot.kernelModules;
    keys = toString config.users.users.root.openssh.authorizedKeys.keys;
    args = [ "-euc" ''
      mkdir kexec $out
      for name in kexec ip bzImage initrd; do echo $name >kexec/$name; done
      printf '#!/bin/sh\\necho "with %s, and %s"\\necho jumping\\n' "$modules" "$keys" >kexec/run
      chmod 755 kexec/run
      tar -cf $out/nixos-kexec-installer-x86_64-linux.tar.gz kexec
    '' ];
  };
}`;

/** The checkout with the flake of the page, whose inputs are locked to the stand-ins. */
function checkout(): string {
  const folder = temporaryFolder('checkout');
  mkdirSync(join(folder, 'installer'));
  for (const { language, text } of blocksOf(page, heading)) {
    const [, path] = /^# (installer\/\S+)\n/.exec(text) ?? [];
    if (language === 'nix' && path !== undefined) writeFileSync(join(folder, path), text);
  }
  const nixpkgs = makeNixpkgs();
  const systems = '{ outputs = _: { lib.nixosSystem = args: import ./nixos/lib/eval-config.nix args; }; }';
  writeFileSync(join(nixpkgs, 'flake.nix'), systems);
  const images = makeFiles({
    'flake.nix': `{ inputs.nixos-stable.url = "path:${nixpkgs}"; outputs = _: { nixosModules = {
      kexec-installer = ./kexec-installer.nix; noninteractive = { ... }: { }; }; }; }`,
    'kexec-installer.nix': kexecInstaller,
  });
  const installer = join(folder, 'installer');
  nix('nix', [
    'flake',
    'lock',
    `path:${installer}`,
    '--extra-experimental-features',
    'nix-command flakes',
    '--override-input',
    'nixos-images',
    `path:${images}`,
  ]);
  const lock = JSON.parse(readFileSync(join(installer, 'flake.lock'), 'utf8'));
  lock.nodes['nixos-images'].original = { type: 'github', owner: 'nix-community', repo: 'nixos-images' };
  writeFileSync(join(installer, 'flake.lock'), JSON.stringify(lock));
  return folder;
}

/** What the step before ours gives to it. */
function buildImage(): string {
  const [step] = stepsOf(page, heading);
  const outputs = join(temporaryFolder('outputs'), 'outputs');
  execFileSync('bash', ['-e', '-c', step?.run ?? 'exit 1'], {
    cwd: checkout(),
    env: {
      ...process.env,
      ...nixEnvironment(),
      GITHUB_OUTPUT: outputs,
      NIX_CONFIG: `${nixEnvironment().NIX_CONFIG}\nexperimental-features = nix-command flakes`,
    },
    stdio: 'pipe',
  });
  const [, path = ''] = /^path=(.*)$/m.exec(readFileSync(outputs, 'utf8')) ?? [];
  atEnd(
    () => void nix('nix-store', ['--delete', '--ignore-liveness', path.split('/').slice(0, 4).join('/')]),
  );
  return path;
}

test('an image of one’s own: built by the page’s flake, sent, and started; others are refused', async () => {
  const image = buildImage();
  const isInstaller = join(temporaryFolder('flag'), 'installer');
  const sshd = await startMachine({ installer: isInstaller });
  const here = onMachine(sshd, {
    expressions: { 'steps.image.outputs.path': image },
    instead: { flake: `${installableFlake('true')}#demo` },
    besides: { phases: 'kexec' },
  });
  const { inputs } = shownStep(page, heading, here);
  const other = { ...inputs, 'kexec-sha256': 'f'.repeat(64) };
  const wrongLayout = join(temporaryFolder('layout'), 'image.tar');
  execFileSync('tar', ['-cf', wrongLayout, '-C', '/etc', 'hostname']);
  const refused = [
    await runBundle({ inputs: other }),
    await runBundle({ inputs: { ...inputs, kexec: wrongLayout } }),
  ];
  for (const each of refused) expect(each.outputs['target-state'], each.log).toBe('untouched');
  expectTroubles(
    refused.map(({ log }) => log),
    page,
    heading,
  );
  const run = await runBundle({
    inputs,
    onLine: (line) => {
      if (line !== 'target> jumping') return;
      writeFileSync(isInstaller, '');
      setTimeout(() => void sshd.restart(), 500);
    },
  });
  expect(run.outputs, run.log).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  expect(run.log).toContain('target> with mlx5_core, and ssh-ed25519 AAAA… admin');
  expectShown(run.log, 'docs/installer-image.md', 'An image of your own');
});
