// What a flake is evaluated as, before and after the machine has written a file of it, by a real Nix with real git.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tellGit, writeWhole } from '../../src/phases/hardware-file';
import { describeConfiguration } from '../../src/plan/configuration';
import type { Evaluation } from '../../src/plan/evaluation';
import { test, testEach } from '../support/concurrent';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { machineSettings } from '../support/settings';
import { nixOf } from '../support/store';
import { makeTestKey } from '../unit/support';

const key = makeTestKey();

function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', ['-C', folder, ...identity, ...args], { encoding: 'utf8' }).trim();
}

/** A flake whose host name is what the expression says of the file. */
function makeFlake(hostName: string, { folder = temporaryFolder('checkout'), inGit = true } = {}): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'flake.nix'),
    `{ outputs = _: { nixosConfigurations.demo = {
      pkgs.system = "x86_64-linux";
      config.networking.hostName = ${hostName};
      config.system.build.toplevel = derivation { name = "t"; system = "x86_64-linux"; builder = "/bin/sh"; };
    }; }; }\n`,
  );
  if (inGit) {
    git(folder, 'init', '--quiet');
    git(folder, 'add', '--all');
    git(folder, 'commit', '--quiet', '--message', 'a flake');
  }
  return folder;
}

const ofReport =
  'let report = builtins.fromJSON (builtins.readFile ./hosts/facter.json); in report.virtualisation';

/** In a store whose paths are where they say, and that goes with the test. */
function runtimeWithStore() {
  const store = temporaryFolder('store');
  const places = {
    NIX_STORE_DIR: `${store}/store`,
    NIX_STATE_DIR: `${store}/state`,
    NIX_LOG_DIR: `${store}/log`,
  };
  return testRuntime(undefined, { ...places, NIX_REMOTE: '' });
}

function describe(
  uri: string,
  path: string,
  { backend = 'nixos-facter', runtime = runtimeWithStore() } = {},
) {
  const settings = machineSettings({
    flake: `${uri}#demo`,
    'target-host': 'example.org',
    'ssh-private-key': key,
    phases: 'install',
    'generate-hardware-config': `${backend} ${path}`,
  });
  return describeConfiguration(settings, nixOf(runtime), runtime, { system: 'riscv64-linux' });
}

const hostNameOf = ({ evaluation }: { readonly evaluation: Evaluation }) => evaluation.hostName;

testEach([['in git'], ['in no repository']])(
  'upstream: a file that is missing on the first run is no obstacle, %s',
  async (where) => {
    const folder = makeFlake(ofReport, { inGit: where === 'in git' });
    const path = join(folder, 'hosts/facter.json');
    const described = await describe(where === 'in git' ? folder : `path:${folder}`, path);
    expect(hostNameOf(described)).toBe('none');
    expect(described.hardwareFile).toBe('missing');
    // nothing was written to the checkout
    expect(readdirSync(folder).filter((name) => name !== '.git')).toEqual(['flake.nix']);
  },
);

test('the placeholder of a module is for the machine’s system', async () => {
  const folder = makeFlake(
    '((import ./hardware.nix) { lib.mkDefault = value: value; }).nixpkgs.hostPlatform',
  );
  const options = { backend: 'nixos-generate-config' };
  const described = await describe(folder, join(folder, 'hardware.nix'), options);
  expect(hostNameOf(described)).toBe('riscv64-linux');
});

test('a flake below the repository’s root, named from there', async () => {
  const root = temporaryFolder('checkout');
  const folder = makeFlake('builtins.readFile ../facter.json', { folder: join(root, 'nix'), inGit: false });
  git(root, 'init', '--quiet');
  git(root, 'add', '--all');
  expect(hostNameOf(await describe(`git+file://${root}?dir=nix`, join(root, 'facter.json')))).toContain(
    'riscv64',
  );
  expect(hostNameOf(await describe(folder, join(root, 'facter.json')))).toContain('"virtualisation":"none"');
});

test('upstream: what git does not know is evaluated all the same; when it does, the flake itself is', async () => {
  const folder = makeFlake(ofReport);
  const path = join(folder, 'hosts/facter.json');
  writeFileSync(join(folder, '.gitignore'), 'hosts\n');
  git(folder, 'add', '.gitignore');
  const runtime = runtimeWithStore();
  await writeWhole(path, '{"virtualisation":"kvm"}\n');
  const before = await describe(folder, path, { runtime });
  expect([hostNameOf(before), before.hardwareFile]).toEqual(['kvm', 'there']);
  expect(existsSync(join(runtime.privateFolder, 'flake'))).toBe(true);

  const later = runtimeWithStore();
  await tellGit(path, later);
  expect(git(folder, 'status', '--porcelain')).toContain(' A hosts/facter.json');
  expect(hostNameOf(await describe(folder, path, { runtime: later }))).toBe('kvm');
  expect(existsSync(join(later.privateFolder, 'flake'))).toBe(false);
  expect(later.log.text).not.toContain('warning: git');
});

test('what fails without the file makes the plan provisional; what fails with it is an error', async () => {
  const folder = makeFlake(`${ofReport} + report.hardware.missing`);
  const path = join(folder, 'hosts/facter.json');
  const runtime = runtimeWithStore();
  const { evaluation } = await describe(folder, path, { runtime });
  expect(evaluation).toMatchObject({
    source: 'provisional',
    buildSystem: 'riscv64-linux',
    toplevel: undefined,
  });
  expect(runtime.log.text).toMatch(/cannot be evaluated as long as there is no \S+facter\.json: .*missing/);
  await writeWhole(path, '{"virtualisation":"kvm","hardware":{}}\n');
  expect((await failure(describe(folder, path))).message).toMatch(/missing/);
});

test('an unknown configuration is no matter of hardware', async () => {
  const folder = makeFlake('"x"');
  writeFileSync(join(folder, 'flake.nix'), '{ outputs = _: { nixosConfigurations.other = { }; }; }');
  expect((await failure(describe(folder, join(folder, 'facter.json')))).message).toMatch(/it has other$/);
});

testEach<string, (folder: string) => readonly [string, string]>([
  ['outside of the flake', (folder) => [folder, '/tmp/facter.json']],
  ['outside by way of a symbolic link', (folder) => [folder, join(folder, 'link/facter.json')]],
  [
    'for a commit',
    (folder) => [`git+file://${folder}?rev=${git(folder, 'rev-parse', 'HEAD')}`, join(folder, 'x')],
  ],
])('a file that the flake would not see is refused: %s', async (_, of) => {
  const folder = makeFlake('"x"');
  symlinkSync('/var', join(folder, 'link'));
  const [uri, path] = of(folder);
  expect(await failure(describe(uri, path))).toMatchObject({
    kind: 'guard',
    message: expect.stringMatching(/it would not see the file/),
  });
});

test('without git a file is written, and a warning says that git does not know it', async () => {
  const folder = makeFlake('"x"');
  const runtime = testRuntime(undefined, { PATH: '/nonexistent' });
  await tellGit(join(folder, 'facter.json'), runtime);
  expect(runtime.log.text).toMatch(/^warning: git could not be told of .*facter\.json/);
  const outside = testRuntime(undefined, { PATH: '/nonexistent' });
  await tellGit(join(temporaryFolder('no-repository'), 'facter.json'), outside);
  expect(outside.log.text).toBe('');
});

test('a symbolic link in the flake that leads nowhere is not written through for the placeholder', async () => {
  const folder = makeFlake('builtins.readFile ./hardware/facter.json', { inGit: false });
  const outside = join(temporaryFolder('outside'), 'victim');
  mkdirSync(join(folder, 'hardware'));
  symlinkSync(outside, join(folder, 'hardware/facter.json'));
  const runtime = runtimeWithStore();
  const described = await describe(`path:${folder}`, join(folder, 'hardware/facter.json'), { runtime });
  expect(hostNameOf(described)).toContain('"version":1');
  expect(existsSync(outside)).toBe(false);
  expect(readFileSync(join(runtime.privateFolder, 'flake/flake.nix'), 'utf8')).toContain(
    'nixosConfigurations',
  );
});
