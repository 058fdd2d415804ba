// docs/runners.md: runners that keep their store, that have few programs, and that run Windows.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { inputsFor, makeFlake, runBundle } from '../support/bundle';
import { onMachine } from '../support/carry-out';
import { test } from '../support/concurrent';
import { expectShown, expectTroubles } from '../support/documents';
import { installableFlake } from '../support/install';
import { nixFolder, startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';
import { shownStep } from '../support/shown-steps';

const page = 'docs/runners.md';

async function stepFor(heading: string, installer = false) {
  const sshd = await startMachine({ installer });
  const flake = `${installableFlake('mount -t tmpfs none /mnt')}#demo`;
  return shownStep(page, heading, onMachine(sshd, { instead: { flake } })).inputs;
}

/** A folder with these programs of this computer, as the PATH of a service has them. */
function pathOf(programs: readonly string[]): string {
  const folder = temporaryFolder('path');
  for (const name of programs) symlinkSync(join('/usr/bin', name), join(folder, name));
  return folder;
}

test('a store that stays: what the first run has built the second finds; and a service that does not see Nix', async () => {
  const heading = 'A runner that keeps its Nix store';
  const inputs = { ...(await stepFor(heading, true)), 'on-installed': 'reinstall', phases: 'disko' };
  const env = { NIX_REMOTE: `local?root=${temporaryFolder('store')}` };
  const first = await runBundle({ inputs, env });
  expect(first.log).toContain('building /nix/store/');
  const second = await runBundle({ inputs, env });
  expect(second.code, second.log).toBe(0);
  expect(second.log).not.toContain('building /nix/store/');
  expectShown(second.log, 'docs/runners.md', 'A runner that keeps its Nix store');
  const without = await runBundle({ inputs, env: { PATH: pathOf(['sh', 'bash', 'git']) } });
  expectTroubles([without.log], page, heading);
});

test('the programs that the service of NixOS has are enough; others are missed by what calls them', async () => {
  const heading = 'On NixOS';
  const coreutils = execFileSync('dpkg', ['-L', 'coreutils'], { encoding: 'utf8' })
    .split('\n')
    .flatMap((path) => /^\/(?:usr\/)?bin\/([^/]+)$/.exec(path)?.[1] ?? [])
    .filter((name) => existsSync(join('/usr/bin', name)));
  const path = pathOf([...new Set(['sh', 'bash', 'git', 'tar', 'gzip', ...coreutils])]);
  for (const name of readdirSync(join(nixFolder(), 'bin')))
    symlinkSync(join(nixFolder(), 'bin', name), join(path, name));
  const env = { ...nixEnvironment(), PATH: path };
  const inputs = await stepFor(heading);
  const run = await runBundle({ inputs, env });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/runners.md', 'On NixOS');
  const secret = { 'ssh-private-key': 'exec:sops --decrypt key.yaml' };
  const missed = await runBundle({ inputs: { ...inputs, ...secret }, env });
  expectTroubles([missed.log], page, heading);
});

test('Windows is refused, and Linux, as which a runner in WSL2 counts, is not', async () => {
  const sshd = await startMachine();
  const inputs = inputsFor(sshd, `${makeFlake()}#demo`);
  const run = await runBundle({ inputs });
  expectShown(run.log, 'docs/runners.md', 'On Windows, by WSL2');
  const hook = join(temporaryFolder('hook'), 'hook.cjs');
  // os first: with it come line ends, and the files that answer the runner are read here as on Linux
  writeFileSync(hook, `require('node:os'); Object.defineProperty(process, 'platform', { value: 'win32' });`);
  const windows = await runBundle({ inputs, env: { NODE_OPTIONS: `--require ${hook}` } });
  expectTroubles([windows.log], page, 'On Windows, by WSL2');
});
