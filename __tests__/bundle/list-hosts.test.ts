// A list of hosts is a promise: what the flake says of each is read as its run would, before any of them begins.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Matrix } from '../../src/inputs/matrix';
import { nixString } from '../../src/nix/nix-string';
import { runAction } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { type BundleRun, configuration, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { makeFleet } from '../support/fleet';
import { temporaryFolder } from '../support/runtime';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const nixOf = (data: unknown) => `builtins.fromJSON ${nixString(JSON.stringify(data))}`;
const list = (flake: string, more: Record<string, string> = {}) =>
  runBundle({ inputs: { flake, 'list-hosts': 'true', ...more } });

function hostsIn(run: BundleRun): string[] {
  expect(run.code, run.log).toBe(0);
  return (JSON.parse(run.outputs.matrix ?? '') as Matrix).include.map(({ host }) => host);
}

/** The lines of what is wrong. */
function problemsIn(run: BundleRun): string[] {
  expect(run.code, run.log).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
  expect(run.outputs.matrix ?? '').toBe('');
  return (run.errors[0] ?? '').split('\n').filter((line) => line.startsWith('input '));
}

test('what is wrong with any host is told, with host and place, before there is a matrix', async () => {
  const { folder } = makeFleet({
    count: 8,
    hosts: {
      'web-0': { data: { 'ssh-port': '99999' } },
      'web-1': { data: { 'wipe-disks': ['any', '/dev/vda'] } },
      'web-2': { data: { 'known-hosts': `other.example ${key}` } },
      'web-3': { data: { phases: ['kexec', 'dance'] } },
      'web-4': { data: { 'install-id': 'a b', 'on-installed': 'converge' } },
      'web-5': { data: { 'ssh-prot': 22, environment: 5 } },
      'web-6': { data: { 'ssh-password': 'hunter2', 'disk-encryption-keys': '/mnt/key env:FLEET_SECRET_A' } },
    },
  });
  const run = await list(folder);
  const at = (input: string, host: string) => `input ${input} (nixosAnywhere.${host} of the flake): `;
  expect(problemsIn(run)).toEqual(
    [
      `${at('ssh-port', 'web-0')}is "99999"`,
      at('wipe-disks', 'web-1'),
      `${at('known-hosts', 'web-2')}has no key for 192.0.2.3, only for other.example`,
      at('phases', 'web-3'),
      `${at('install-id', 'web-4')}is "a b"`,
      `${at('ssh-prot', 'web-5')}is no input of this action; did you mean ssh-port?`,
      at('environment', 'web-5'),
      at('disk-encryption-keys', 'web-6'),
      `${at('ssh-password', 'web-6')}holds a secret`,
    ].map((line) => expect.stringContaining(line)),
  );
  expect(run.log).not.toContain('hunter2');
  // what is not chosen is not in the way
  expect(hostsIn(await list(folder, { hosts: 'web-7' }))).toEqual(['web-7']);
});

test('what only the run itself can have is not missed: secrets, its files, its inputs', async () => {
  const { folder } = makeFleet({
    count: 1,
    hosts: {
      'web-0': {
        data: {
          'target-host': null,
          'on-installed': 'converge',
          'known-hosts': `web.example ${key}`,
          'ssh-private-key': 'exec:exit 1',
          'ssh-private-key-passphrase': 'env:FLEET_SECRET_PASS',
          'sudo-password': 'env:FLEET_SECRET_SUDO',
          'post-install-ssh-private-key': 'env:FLEET_SECRET_KEY',
          netrc: 'env:FLEET_SECRET_NETRC',
          'disk-encryption-keys': '/tmp/a env:FLEET_SECRET_A\n/tmp/b ./made-there',
          'secret-files': '/etc/a exec:exit 1',
          'extra-files': './made-there',
          hooks: 'before-kexec runner ./made-there.sh',
          kexec: './fetched-there.tar.gz',
        },
      },
    },
  });
  expect(hostsIn(await list(folder))).toEqual(['web-0']);
});

test('a mistake in all of many hosts is shown as far as anybody reads', async () => {
  const wrong = Array.from({ length: 60 }, (_, index) => [`web-${index}`, { data: { verify: 'maybe' } }]);
  const problems = problemsIn(await list(makeFleet({ count: 60, hosts: Object.fromEntries(wrong) }).folder));
  expect(problems).toHaveLength(41);
  expect(problems.at(-1)).toBe('input flake: has 20 more such problems');
});

test('tags that are wrong are told where hosts are chosen by them', async () => {
  const { folder } = makeFleet({ count: 2, hosts: { 'web-1': { data: { tags: 'even' } } } });
  expect(problemsIn(await list(folder, { hosts: 'tag:even' }))).toEqual([
    expect.stringContaining('input tags (nixosAnywhere.web-1 of the flake): must be a list'),
  ]);
  expect(hostsIn(await list(folder, { hosts: 'web-0' }))).toEqual(['web-0']);
});

test('a flake that describes no hosts: those of other tools, else all configurations', async () => {
  const systems = `nixosConfigurations = { a = ${configuration}; b = ${configuration}; };`;
  const flake = (outputs: string) => makeFlake(`{ ${systems} ${outputs} }`);
  const deploy = nixOf({ a: { hostname: 'a.example', sshUser: 'me' } });
  expect(hostsIn(await list(flake(`deploy.nodes = ${deploy};`)))).toEqual(['a']);
  expect(hostsIn(await list(flake('colmenaHive.nodes.b = throw "is not looked at";')))).toEqual(['b']);
  expect(hostsIn(await list(flake('colmena = { meta = { }; b = throw "is not known"; };')))).toEqual(['b']);
  expect(hostsIn(await list(flake('')))).toEqual(['a', 'b']);
  expect(hostsIn(await list(flake('nixosAnywhere = { };')))).toEqual([]);
  expect(problemsIn(await list(makeFlake('{ }')))).toEqual([
    expect.stringMatching(
      /^input flake: .* has no hosts: neither nixosAnywhere, .* nor nixosConfigurations$/,
    ),
  ]);
  expect(problemsIn(await list(makeFlake('{ nixosAnywhere = [ ]; }')))).toEqual([
    expect.stringMatching(/ has an output nixosAnywhere that is no set of hosts$/),
  ]);
});

test('addresses of other tools are held against the known hosts', async () => {
  const flake = makeFlake(`{
    nixosAnywhere = ${nixOf({ a: { 'known-hosts': `a.example ${key}` }, b: { 'known-hosts': `b.example ${key}` }, c: {} })};
    deploy.nodes = ${nixOf({ a: { hostname: 'a.example' }, b: { hostname: '192.0.2.1' } })};
    colmenaHive.nodes.c = throw "is not looked at";
    colmena.c.deployment.targetHost = "a b";
  }`);
  expect(problemsIn(await list(flake))).toEqual([
    expect.stringContaining('input known-hosts (nixosAnywhere.b of the flake): has no key for 192.0.2.1'),
    expect.stringContaining('input target-host (colmena.c of the flake): is "a b"'),
  ]);
});

test('names that are no words of a workflow are refused, where they are chosen', async () => {
  const flake = makeFlake('{ nixosAnywhere = { ok = { }; "a b" = { }; "web.example.org" = { }; }; }');
  expect(problemsIn(await list(flake))).toEqual([expect.stringContaining('has the host "a b"')]);
  expect(hostsIn(await list(flake, { hosts: 'ok web.example.org' }))).toEqual(['ok', 'web.example.org']);
});

test('the flake may lie in another folder, and is the one that the matrix names', async () => {
  const { folder } = makeFleet({ count: 1 });
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub', 'flake.nix'), '{ outputs = _: { nixosAnywhere.other = { }; }; }');
  const run = await list(`path:${folder}/sub`);
  const { include } = JSON.parse(run.outputs.matrix ?? '{}') as Matrix;
  expect(include.map(({ flake }) => flake)).toEqual([`path:${folder}/sub#other`]);
});

test('a list that cannot be handed on is none', async () => {
  const { folder } = makeFleet({ count: 1 });
  const dir = temporaryFolder('full');
  const hook = join(dir, 'full.cjs');
  // as on a disk that is full
  writeFileSync(
    hook,
    `const fs = require('node:fs');
     const append = fs.appendFileSync;
     fs.appendFileSync = (file, ...rest) => {
       if (file === process.env.GITHUB_OUTPUT) throw new Error('ENOSPC: no space left on device');
       return append(file, ...rest);
     };`,
  );
  const run = await runAction({
    inputs: { flake: folder, 'list-hosts': 'true' },
    dir,
    env: { ...nixEnvironment(), NODE_OPTIONS: `--require ${hook}` },
  });
  expect(run.log).toContain('The outputs could not be written: ENOSPC');
  expect(run.code).toBe(1);
});
