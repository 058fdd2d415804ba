// Addresses of hosts out of what a flake says to deploy-rs and colmena, by a real Nix.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { Nix } from '../../src/nix/nix';
import { type DeployTool, deployTools, hostsOfTools, readAddresses } from '../../src/plan/deploy-tools';
import { makeFlake } from '../support/bundle';
import { test } from '../support/concurrent';
import { failure, testRuntime } from '../support/runtime';

const options = { options: [], printBuildLogs: false, idleMs: 30_000 };
/** Of colmena's own evaluation, as far as it is looked at. */
const evaluated = (deployment: string) => `{ config.deployment = ${deployment}; }`;
/** What every second flake has, and Nix would take it for the output of that name. */
const package_ = 'derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; }';

async function addresses(
  outputs: string,
  names: readonly string[],
  from: readonly DeployTool[] = deployTools,
) {
  const runtime = testRuntime();
  const nix = new Nix(options, runtime);
  const folder = makeFlake(outputs);
  writeFileSync(join(folder, 'node.nix'), '{ ... }: { deployment.targetHost = "192.0.2.3"; }');
  const found = await readAddresses(folder, names, from, nix, runtime.signal);
  return Object.fromEntries(
    [...found].map(([name, { attribute, inputs }]) => [name, { attribute, ...inputs }]),
  );
}

/** The one host. */
const addressOf = async (outputs: string) => (await addresses(outputs, ['web'])).web;

describe('deploy-rs', () => {
  const web = (more: string, top = '') =>
    `{ deploy = { ${top} nodes.web = { hostname = "192.0.2.1"; ${more} }; }; }`;
  const at = { attribute: 'deploy.nodes.web' };

  test('gives host, user and port; what is nearer to the profile comes first', async () => {
    expect(await addressOf(web(''))).toEqual({ ...at, 'target-host': '192.0.2.1' });
    expect(
      await addressOf(web('profiles.system.path = throw "is not looked at";', 'sshUser = "top";')),
    ).toEqual({
      ...at,
      'target-host': 'top@192.0.2.1',
    });
    const both = 'sshUser = "node"; sshOpts = [ "-A" "-p" "2222" ];';
    expect(await addressOf(web(both, 'sshUser = "top"; sshOpts = [ "-p" "1" ];'))).toEqual({
      ...at,
      'target-host': 'node@192.0.2.1',
      'ssh-port': '2222',
    });
    const profile = `${both} profiles.system = { sshUser = "profile"; sshOpts = [ "-p" "3333" ]; };`;
    expect(await addressOf(web(profile))).toEqual({
      ...at,
      'target-host': 'profile@192.0.2.1',
      'ssh-port': '3333',
    });
  });

  test('gives the port in whatever way ssh takes it', async () => {
    const port = async (opts: string) => (await addressOf(web(`sshOpts = [ ${opts} ];`)))?.['ssh-port'];
    expect(await port('"-p2222"')).toBe('2222');
    expect(await port('"-p 2222"')).toBe('2222');
    expect(await port('"-o" "Port=2222"')).toBe('2222');
    expect(await port('"-oPort 2222"')).toBe('2222');
    expect(await port('"-i" "/key" "-o" "ForwardAgent=yes" "-p" "22"')).toBe('22');
    expect(await port('"-o" "SetEnv=p 2222" "-i" "-p2222x"')).toBeUndefined();
  });

  test('that says nothing of a host, or cannot be evaluated for one, takes nothing else along', async () => {
    const outputs = `{ deploy.nodes = {
      broken.hostname = throw "x";
      gone = throw "x";
      list.hostname = [ 1 ];
      odd = { hostname = "192.0.2.2"; sshUser = throw "x"; profiles = throw "x"; };
      web.hostname = "192.0.2.1";
    }; }`;
    expect(Object.keys(await addresses(outputs, ['broken', 'gone', 'list', 'odd', 'web', 'absent']))).toEqual(
      ['odd', 'web'],
    );
  });
});

describe('colmena', () => {
  test('gives what its own evaluation says', async () => {
    const deployment = evaluated('{ targetHost = "192.0.2.1"; targetUser = "me"; targetPort = 2222; }');
    expect(await addressOf(`{ colmenaHive.nodes.web = ${deployment}; colmena = throw "no"; }`)).toEqual({
      attribute: 'colmenaHive.nodes.web',
      'target-host': 'me@192.0.2.1',
      'ssh-port': '2222',
    });
    const local = evaluated('{ targetHost = null; targetUser = "me"; targetPort = null; }');
    expect(await addressOf(`{ colmenaHive.nodes.web = ${local}; }`)).toBeUndefined();
    const plain = evaluated('{ targetHost = "a.example"; targetUser = null; targetPort = null; }');
    expect(await addressOf(`{ colmenaHive.nodes.web = ${plain}; }`)).toEqual({
      attribute: 'colmenaHive.nodes.web',
      'target-host': 'a.example',
    });
  });

  const raw = async (node: string, more = '') =>
    (await addressOf(`{ colmena = { meta = throw "is not looked at"; web = ${node}; ${more} }; }`))?.[
      'target-host'
    ];

  test('gives what its modules say by themselves', async () => {
    const set = '{ deployment.targetHost = "192.0.2.1"; }';
    expect(await raw(set)).toBe('192.0.2.1');
    expect(
      await raw(
        `{ pkgs, lib, ... }: { imports = [ ]; environment.x = pkgs.x; deployment.targetHost = "192.0.2.1"; }`,
      ),
    ).toBe('192.0.2.1');
    expect(await raw(`{ name, nodes, ... }: { deployment.targetHost = "\${name}.example"; }`)).toBe(
      'web.example',
    );
    expect(await raw(`args: { deployment.targetHost = "\${args.name}.example"; }`)).toBe('web.example');
    expect(await raw('{ name, extra ? "given", ... }: { deployment.targetHost = extra; }')).toBe('given');
    expect(await raw(`[ { } (_: ${set}) ]`)).toBe('192.0.2.1');
    expect(await raw(`{ config = ${set}; }`)).toBe('192.0.2.1');
    expect(
      await raw('{ deployment.targetHost = { _type = "override"; priority = 50; content = "192.0.2.1"; }; }'),
    ).toBe('192.0.2.1');
    expect(await raw('./node.nix')).toBe('192.0.2.3');
  });

  test('gives nothing that only NixOS could tell', async () => {
    expect(await raw('{ lib, ... }: lib.mkIf true { deployment.targetHost = "192.0.2.1"; }')).toBeUndefined();
    expect(
      await raw('{ config, ... }: { deployment.targetHost = config.networking.hostName; }'),
    ).toBeUndefined();
    expect(
      await raw('{ config, ... }: { deployment = { targetHost = "192.0.2.1"; targetUser = config.x; }; }'),
    ).toBe('192.0.2.1');
    expect(await raw('{ deployment.tags = [ ]; }')).toBeUndefined();
    expect(await raw('throw "x"')).toBeUndefined();
  });

  test('has defaults for all, unless an import may say otherwise', async () => {
    const defaults = `defaults = { name, ... }: { deployment = { targetHost = "\${name}.example"; targetUser = "me"; }; };`;
    expect(await raw('{ }', defaults)).toBe('me@web.example');
    expect(await raw('{ deployment.targetHost = "192.0.2.1"; }', defaults)).toBe('me@192.0.2.1');
    expect(await raw('{ imports = [ ./x.nix ]; }', defaults)).toBeUndefined();
  });
});

test('the tools are asked one after the other, until all hosts are found', async () => {
  const outputs = `{
    packages.x86_64-linux = { deploy = ${package_}; colmena = ${package_}; };
    deploy.nodes.a.hostname = "a";
    colmenaHive.nodes = { a = throw "is known"; b = ${evaluated('{ targetHost = "b"; }')}; };
    colmena.c.deployment.targetHost = "c";
  }`;
  const found = await addresses(outputs, ['a', 'b', 'c', 'd']);
  expect(Object.values(found).map(({ attribute }) => attribute)).toEqual([
    'deploy.nodes.a',
    'colmenaHive.nodes.b',
    'colmena.c',
  ]);
  expect(Object.keys(await addresses(outputs, ['a', 'b', 'c'], ['deploy', 'colmena']))).toEqual(['a', 'c']);
});

test('an output that cannot be evaluated is told, and which it is', async () => {
  const error = await failure(addresses('{ deploy = throw "no nodes today"; }', ['web']));
  expect(error.message).toMatch(/^the evaluation of .*#deploy failed: error: no nodes today$/);
});

test('the hosts are those of the first tool that has any', async () => {
  const hosts = async (outputs: string) => {
    const runtime = testRuntime();
    return hostsOfTools(makeFlake(outputs), new Nix(options, runtime), runtime.signal);
  };
  const node = 'throw "is not looked at"';
  expect(
    await hosts(`{ deploy.nodes = { }; colmenaHive.nodes = { "b.example" = ${node}; a = ${node}; }; }`),
  ).toEqual([
    { name: 'a', attribute: 'colmenaHive.nodes.a' },
    { name: 'b.example', attribute: 'colmenaHive.nodes."b.example"' },
  ]);
  expect(await hosts(`{ colmena = { meta = ${node}; defaults = ${node}; web = ${node}; }; }`)).toEqual([
    { name: 'web', attribute: 'colmena.web' },
  ]);
  expect(await hosts('{ deploy = 5; colmena = [ ]; }')).toEqual([]);
});
