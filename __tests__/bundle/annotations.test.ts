// Where GitHub shows what Nix says of a flake in the workspace: at file and line.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type BundleRun, commandsOf, configuration, runBundle } from '../support/bundle';
import { test, testEach } from '../support/concurrent';
import { git } from '../support/fleet';
import { temporaryFolder } from '../support/runtime';

const hosts = '{ demo = import ./hosts/demo.nix; }';
const flake = (outputs = `{ nixosConfigurations = ${hosts}; }`) =>
  `{\n  outputs = { self }:\n    ${outputs};\n}\n`;
const undefinedVariable = '{\n\tpkgs.system = "x86_64-linux";\n\tconfig = konfig;\n}\n';
/** What it is when it is evaluated; an undefined variable is seen when the file is read. */
const at = (file: string, line: number, col: number) => `file=${file},line=${line},col=${col}`;

interface Workspace {
  readonly dir: string;
  readonly folder: string;
}

/** Files in the workspace of a run to come. */
function workspaceWith(files: Readonly<Record<string, string>>, { isGit = true } = {}): Workspace {
  const dir = temporaryFolder('annotations');
  const folder = join(dir, 'workspace');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  if (isGit) {
    git(folder, 'init', '-q');
    git(folder, 'add', '.');
  }
  return { dir, folder };
}

/** The places of a run's annotations, in the runner's own spelling. */
function placesOf({ log }: BundleRun, kind: 'error' | 'warning'): string[] {
  return commandsOf(log)
    .filter(({ name }) => name === kind)
    .map(({ properties }) => properties.replace(/^title=[^,]*,?/, ''));
}

async function failingPlan(dir: string, inputs: Record<string, string>): Promise<string[]> {
  const run = await runBundle({ dir, inputs: { plan: 'offline', ...inputs } });
  expect(run.code, run.log).toBe(1);
  return placesOf(run, 'error');
}

const inRoot = { 'flake.nix': flake(), 'hosts/demo.nix': undefinedVariable };
const below = Object.fromEntries(Object.entries(inRoot).map(([path, text]) => [`nix/${path}`, text]));

testEach<string, [Record<string, string>, Record<string, string>, string, { isGit: boolean }?]>([
  ['a checkout', [inRoot, { flake: '.#demo' }, at('hosts/demo.nix', 3, 11)]],
  ['show-trace', [inRoot, { flake: '.#demo', 'show-trace': 'true' }, at('hosts/demo.nix', 3, 11)]],
  ['a folder', [inRoot, { flake: '.#demo' }, at('hosts/demo.nix', 3, 11), { isGit: false }]],
  ['a subfolder', [below, { flake: './nix#demo' }, at('nix/hosts/demo.nix', 3, 11)]],
  ['path:', [below, { flake: 'path:nix#demo' }, at('nix/hosts/demo.nix', 3, 11)]],
  [
    '?dir=',
    [
      { ...below, 'flake.nix': '{ outputs = _: { }; }' },
      { flake: '.?dir=nix#demo' },
      at('nix/hosts/demo.nix', 3, 11),
    ],
  ],
  [
    'the flake itself',
    [
      { 'flake.nix': flake('{ nixosConfigurations = { demo = 1 }; }') },
      { flake: '.#demo' },
      at('flake.nix', 3, 40),
    ],
  ],
  [
    'a throw',
    [
      {
        'flake.nix': flake(),
        'hosts/demo.nix': 'let a = throw "no such disk";\nin { config = a; pkgs = { }; }\n',
      },
      { flake: '.#demo' },
      at('hosts/demo.nix', 1, 9),
    ],
  ],
  [
    'a name that needs care',
    [
      {
        'flake.nix': flake('{ nixosConfigurations.demo = import (./. + "/a,b: ü%.nix"); }'),
        'a,b: ü%.nix': '\n{ a = b; }\n',
      },
      { flake: '.#demo' },
      at('a%2Cb%3A ü%25.nix', 2, 7),
    ],
  ],
  ['nix-file', [inRoot, { 'nix-file': 'hosts/demo.nix' }, at('hosts/demo.nix', 3, 11), { isGit: false }]],
])('an error in the workspace is shown at its line: %s', async (_, [files, inputs, place, options]) => {
  const { dir } = workspaceWith(files, options);
  expect(await failingPlan(dir, inputs)).toEqual([place]);
});

test('of a copy that was made for a hardware configuration the original is shown', async () => {
  const host = '{\n  pkgs = import ./hardware.nix;\n  config = konfig;\n}\n';
  const { dir, folder } = workspaceWith({ 'flake.nix': flake(), 'hosts/demo.nix': host });
  // git does not know it, so that Nix would not see it
  writeFileSync(join(folder, 'hosts/hardware.nix'), '{ }');
  const hardware = { 'generate-hardware-config': 'nixos-generate-config hosts/hardware.nix' };
  expect(await failingPlan(dir, { flake: '.#demo', ...hardware })).toEqual([at('hosts/demo.nix', 3, 12)]);
});

test('of a flake elsewhere no file is shown, though the workspace has one of this name', async () => {
  const { folder } = workspaceWith(inRoot);
  const { dir } = workspaceWith(inRoot);
  const inputs = { flake: `git+file://${folder}#demo` };
  expect(await failingPlan(dir, inputs)).toEqual(['']);
});

test('each host that cannot be evaluated has its own annotation', async () => {
  const host = (name: string) => configuration.replace('"demo"', `"${name}"`);
  const files = {
    'flake.nix': flake(
      `{\n      nixosConfigurations = builtins.mapAttrs (name: _: import (./hosts + "/\${name}.nix")) (builtins.readDir ./names);\n      nixosAnywhere = builtins.mapAttrs (_: _: { target-host = "root@192.0.2.1"; }) (builtins.readDir ./names);\n    }`,
    ),
    'hosts/a.nix': host('a'),
    'hosts/b.nix': host('b'),
    'hosts/c.nix': host('c'),
    'names/a': '',
    'names/b': '',
    'names/c': '',
  };
  const { dir, folder } = workspaceWith(files);
  git(folder, 'commit', '-qm', 'first');
  writeFileSync(join(folder, 'hosts/a.nix'), '{\n  a = b;\n}\n');
  writeFileSync(join(folder, 'hosts/b.nix'), '{\n  b = 1\n}\n');
  const listed = await runBundle({
    dir,
    inputs: { flake: '.', 'list-hosts': 'true', 'changed-since': 'HEAD' },
  });
  expect(listed.code, listed.log).toBe(0);
  const places = [at('hosts/a.nix', 2, 7), at('hosts/b.nix', 3, 1)];
  expect(placesOf(listed, 'warning')).toEqual(places);
  // where it is is for annotations alone: the result is read elsewhere
  expect(Object.keys(listed.result.fleet?.failed[0] ?? {})).toEqual(['host', 'message']);

  const built = await runBundle({ dir, inputs: { flake: '.', 'build-only': 'true', hosts: '*' } });
  expect(built.code, built.log).toBe(1);
  expect(placesOf(built, 'warning')).toEqual(places);
  expect(built.warnings[0]).toContain("a cannot be evaluated: undefined variable 'b'");
});
