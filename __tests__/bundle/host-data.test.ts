// What the flake says of a host is part of its run's inputs: `nixosAnywhere.NAME`, and what it says to other tools.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import { nixString } from '../../src/nix/nix-string';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { commandsOf, configuration, inputsFor, makeFlake, ownCommands, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { git } from '../support/fleet';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

const nixOf = (data: unknown) => `builtins.fromJSON ${nixString(JSON.stringify(data))}`;

/** A flake whose outputs are these, beside the configuration demo. */
const flakeWith = (outputs: string) =>
  `${makeFlake(`{ nixosConfigurations.demo = ${configuration}; ${outputs} }`)}#demo`;
const flakeOf = (data: unknown) => flakeWith(`nixosAnywhere.demo = ${nixOf(data)};`);

/** What leads to the machine, as data, and what a step has to add. */
function apart(sshd: Sshd, without: readonly string[] = []) {
  const { flake: _, plan, 'ssh-private-key': key = '', ...data } = inputsFor(sshd, '');
  const given = { plan: plan ?? '', 'ssh-private-key': key };
  return {
    given,
    data: Object.fromEntries(Object.entries(data).filter(([name]) => !without.includes(name))),
  };
}

/** A `nix` that writes down what it is asked to evaluate. */
function countingNix(): { PATH: string; evaluated: () => string[] } {
  const folder = temporaryFolder('counting');
  const file = join(folder, 'calls');
  const real = nixEnvironment().PATH;
  const text = `#!/bin/sh\nfor word; do last=$word; done\n[ "$1" = eval ] && echo "$last" >>${file}\nPATH='${real}' exec nix "$@"\n`;
  writeFileSync(join(folder, 'nix'), text, { mode: 0o755 });
  return {
    PATH: `${folder}${delimiter}${real}`,
    evaluated: () =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .trim()
            .split('\n')
            .map((line) => line.replace(/^.*#\.?/, ''))
        : [],
  };
}

test('a machine that only the flake knows is reached, and the log says where each value is from', async () => {
  const { given, data } = apart(await startMachine());
  const nix = countingNix();
  const run = await runBundle({
    inputs: { ...given, flake: flakeOf(data), debug: 'true' },
    env: { PATH: nix.PATH },
  });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs.outcome).toBe('planned');
  expect(run.log).toMatch(/sshPort = \{"value":\d+,"source":"flake","place":"nixosAnywhere\.demo"\}/);
  expect(run.log).toMatch(/knownHosts = .*"source":"flake","place":"nixosAnywhere\.demo"/);
  expect(run.log).toMatch(/debug = \{"value":true,"source":"input"\}/);
  // no other output is looked at
  expect(nix.evaluated()).toEqual(['nixosAnywhere', 'nixosConfigurations']);
});

test('an input wins over the flake', async () => {
  const sshd = await startMachine();
  const { given, data } = apart(sshd);
  const wrong = { ...data, 'target-host': 'root@192.0.2.1', 'known-hosts': 'nonsense', 'ssh-port': 'x' };
  const { flake: _, ...inputs } = inputsFor(sshd, '');
  const run = await runBundle({ inputs: { ...inputs, ...given, flake: flakeOf(wrong), debug: 'true' } });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toMatch(/sshPort = \{"value":\d+,"source":"input"\}/);
  expect(run.log).toMatch(/wipeDisks = \{"value":"any","source":"input"\}/);
});

test('all that is wrong is told at once, where it stands, before anything is contacted', async () => {
  const run = await runBundle({
    inputs: {
      flake: flakeOf({ 'target-host': 'a b', 'ssh-port': 99999, 'ssh-prot': 22, option: 'x y', tags: [''] }),
      'ssh-private-key': 'hunter2',
      verify: 'maybe',
    },
  });
  expect(run.code).toBe(1);
  expect(run.result).toMatchObject({ failure: { kind: 'input' }, targetState: 'untouched', phases: [] });
  const where = '(nixosAnywhere.demo of the flake)';
  const [message = ''] = run.errors;
  for (const line of [
    `input target-host ${where}: is "a b"`,
    `input ssh-port ${where}: is "99999"`,
    `input ssh-prot ${where}: is no input of this action; did you mean ssh-port?`,
    `input option ${where}: cannot be data of a host: it changes how Nix works on the runner`,
    `input tags ${where}: must be a list of words`,
    'input ssh-private-key: ',
    'input verify: is "maybe"',
  ])
    expect(message).toContain(line);
});

test('deploy-rs knows the machine: an address for who has none', async () => {
  const sshd = await startMachine();
  const { given, data } = apart(sshd, ['target-host', 'ssh-port']);
  const node = { hostname: sshd.host, sshUser: sshd.user, sshOpts: ['-p', String(sshd.port)] };
  const inputs = { ...given, debug: 'true' };
  const flake = flakeWith(`deploy.nodes.demo = ${nixOf(node)}; nixosAnywhere.demo = ${nixOf(data)};`);
  const run = await runBundle({ inputs: { ...inputs, flake } });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toMatch(/targetHost = .*"source":"flake","place":"deploy\.nodes\.demo"\}/);
  expect(run.log).toMatch(/sshPort = .*"source":"flake","place":"deploy\.nodes\.demo"\}/);
  expect(run.log).toMatch(/knownHosts = .*"place":"nixosAnywhere\.demo"\}/);
});

test('colmena knows it, and nothing else does', async () => {
  const sshd = await startMachine();
  const { given, data } = apart(sshd, ['target-host', 'ssh-port']);
  const deployment = nixOf({ targetHost: sshd.host, targetUser: sshd.user, targetPort: sshd.port });
  const flake = flakeWith(`colmenaHive.nodes.demo.config.deployment = ${deployment};`);
  const run = await runBundle({ inputs: { ...given, ...data, flake, debug: 'true' } });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toMatch(/targetHost = .*"place":"colmenaHive\.nodes\.demo"\}/);
});

test('an address that is wrong is told where it stands; one that is given is not looked for', async () => {
  const nix = countingNix();
  const env = { PATH: nix.PATH };
  const flake = flakeWith('deploy.nodes.demo = { hostname = "a b"; sshOpts = [ "-p" "99999" ]; };');
  const key = { 'ssh-private-key': inputsFor(await startMachine(), '')['ssh-private-key'] ?? '' };
  const run = await runBundle({ inputs: { ...key, flake }, env });
  expect(run.errors[0]).toMatch(/^input target-host \(deploy\.nodes\.demo of the flake\): is "a b"/m);
  expect(run.errors[0]).toMatch(/^input ssh-port \(deploy\.nodes\.demo of the flake\): is "99999"/m);
  expect(nix.evaluated()).toEqual(['nixosAnywhere', 'deploy']);
  const others = [{ ...key, 'target-host': 'a b' }, { plan: 'offline' }];
  for (const inputs of others) await runBundle({ inputs: { ...inputs, flake }, env });
  expect(nix.evaluated().filter((output) => output !== 'nixosAnywhere')).toEqual([
    'deploy',
    'nixosConfigurations',
  ]);
});

test('nobody knows where the machine is', async () => {
  const nix = countingNix();
  const sshd = await startMachine();
  const { 'target-host': _, ...inputs } = inputsFor(sshd, flakeWith(''));
  const run = await runBundle({ inputs, env: { PATH: nix.PATH } });
  expect(run.errors).toEqual([expect.stringMatching(/^input target-host: is required/)]);
  expect(nix.evaluated()).toEqual(['nixosAnywhere', 'deploy', 'colmenaHive', 'colmena']);
});

test('a flake that cannot be evaluated, hangs, or talks to the runner while it is asked', async () => {
  const inputs = {
    'target-host': '192.0.2.1',
    'ssh-private-key': inputsFor(await startMachine(), '')['ssh-private-key'] ?? '',
  };
  const run = (outputs: string, more: Record<string, string> = {}) =>
    runBundle({ inputs: { ...inputs, flake: flakeWith(outputs), ...more } });
  const broken = await run('nixosAnywhere.demo = throw "::set-output name=outcome::installed";');
  expect(broken.result).toMatchObject({
    failure: { kind: 'nix', phase: 'preflight' },
    targetState: 'untouched',
  });
  expect(broken.errors[0]).toMatch(/^the evaluation of \S+[^.\s]#nixosAnywhere failed: error: /);
  expect(commandsOf(broken.log).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
  const talking = 'nixosAnywhere.demo = builtins.trace "##[set-env name=PATH;]/evil" { plan = true; };';
  const said = await run(talking, { 'show-trace': 'true' });
  expect(commandsOf(said.log).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
  expect(said.errors[0]).toMatch(/^input plan \(nixosAnywhere\.demo of the flake\): cannot be data/);
  const named = await run(
    'nixosAnywhere.demo."\\n::set-output name=outcome::installed" = "##[add-path]/evil";',
  );
  expect(named.errors[0]).toContain('(nixosAnywhere.demo of the flake): is no input of this action');
  expect(commandsOf(named.log).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
  const numbers = 'builtins.genList (x: x) 1000000';
  const hanging = `nixosAnywhere.demo = builtins.foldl' (a: _: builtins.seq (builtins.length (${numbers})) a) { } (${numbers});`;
  const hung = await run(hanging, { 'idle-timeout': '2s' });
  expect(hung.result).toMatchObject({ failure: { kind: 'timeout', phase: 'preflight' } });
  for (const none of ['nixosAnywhere = [ { } ];', 'nixosAnywhere = _: { };'])
    expect((await run(none)).errors[0]).toMatch(
      /^input flake: .* has an output nixosAnywhere that is no set of hosts\n/,
    );
});

test('show-trace says nothing of outputs that a flake need not have', async () => {
  const run = await runBundle({ inputs: { flake: flakeWith(''), plan: 'offline', 'show-trace': 'true' } });
  expect(run.code, run.log).toBe(0);
  expect(run.log).not.toContain('does not provide');
});

test('what the flake names beside itself is run where it is a folder of the runner, as it is there', async () => {
  const sshd = await startMachine();
  const { given, data } = apart(sshd);
  const keys = temporaryFolder('keys');
  writeFileSync(join(keys, 'key'), given['ssh-private-key'], { mode: 0o600 });
  const [folder = ''] = flakeOf({
    ...data,
    'ssh-private-key': `exec:cat ${keys}/key; touch ${keys}/ran`,
  }).split('#');
  git(folder, 'init', '-q', '-b', 'main');
  git(folder, 'add', '.');
  git(folder, 'commit', '-qm', 'first');
  const run = (flake: string) => runBundle({ inputs: { plan: 'true', flake } });
  const committed = await run(`git+file://${folder}?ref=main#demo`);
  expect(committed.errors[0]).toMatch(
    /^input ssh-private-key \(nixosAnywhere\.demo of the flake\): runs a command on the runner, which only a flake in a folder of the runner may/,
  );
  expect(existsSync(join(keys, 'ran'))).toBe(false);
  const local = await run(`${folder}#demo`);
  expect(local.code, local.log).toBe(0);
  expect(existsSync(join(keys, 'ran'))).toBe(true);
});
