// docs/updating.md, carried out: by this action, and by hand as other tools do it, in turns on one machine.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { makeFlake } from '../support/bundle';
import { carryOut, inCheckout, onLoopback, proofsOf } from '../support/carry-out';
import { test } from '../support/concurrent';
import { blockOf, expectShown } from '../support/documents';
import { temporaryFolder } from '../support/runtime';
import { configurationOf, nixosMachine, on } from '../support/workflow';

const page = 'docs/updating.md';

/** A machine with NixOS that is called web-1, as in the page. */
const web1 = (id?: string) =>
  nixosMachine(id, { within: ['unshare', '--uts', 'sh', '-c', 'hostname web-1; exec "$@"', 'sh'] });

/** @param does what its system does when it is switched to */
const flakeOf = (does = '') =>
  makeFlake(`{ nixosConfigurations.web-1 = ${configurationOf('web-1', does)}; }`);

// it runs already when it fails
// biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
const halfDone = 'ln -sfn "${0%/bin/*}" /run/current-system; echo "no such user"; exit 1';

const profile = 'readlink /nix/var/nix/profiles/system | xargs -I @ readlink /nix/var/nix/profiles/@';

test('a push updates the machine, and the next one finds nothing to do', async () => {
  const machine = await web1();
  const here = inCheckout(machine, flakeOf());
  const first = await carryOut(page, 'Update on every push', here);
  expect(first.outputs, first.log).toMatchObject({ outcome: 'updated', verified: 'system' });
  const second = await carryOut(page, 'Update on every push', here);
  expect(second.outputs, second.log).toMatchObject({ outcome: 'unchanged', verified: 'system' });
  expect(await on(machine, 'cat /run/switched')).toBe('web-1');
  expectShown(first.log + second.log, 'docs/updating.md', 'Update on every push');
});

test('one workflow updates a machine of its id, and would install one of another', async () => {
  const machine = await web1('1');
  const here = inCheckout(machine, flakeOf());
  const updated = await carryOut(page, 'Install and update by one workflow', here);
  expect(updated.outputs, updated.log).toMatchObject({ outcome: 'updated' });
  const planned = await carryOut(page, 'Install and update by one workflow', {
    ...here,
    besides: { ...here.besides, 'install-id': '2', plan: 'true' },
  });
  expect(planned.outputs, planned.log).toMatchObject({ outcome: 'planned' });
  expectShown(updated.log + planned.log, 'docs/updating.md', 'Install and update by one workflow');
  await on(machine, 'rm /nix/var/nixos-anywhere/install-id');
  const unknown = await carryOut(page, 'Install and update by one workflow', here);
  expect(unknown.errors[0]).toContain('records no install-id');
});

test('a switch that fails says how to go back, and that goes back', async () => {
  const machine = await web1();
  const good = inCheckout(machine, flakeOf());
  const heading = 'When an update fails, and how to go back';
  const before = await carryOut(page, 'Update on every push', good);
  const failed = await carryOut(page, 'Update on every push', inCheckout(machine, flakeOf(halfDone)));
  expect(failed.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'installed' });
  const path = before.outputs['system-path'] ?? '';
  await on(machine, blockOf(page, heading, 'sh').replaceAll('/nix/store/HASH-nixos-system-web-1', path));
  expect(await on(machine, `readlink /run/current-system; ${profile}`)).toBe(`${path}\n${path}`);
  const again = await carryOut(page, 'Update on every push', good);
  expect(again.outputs).toMatchObject({ outcome: 'unchanged' });
  expectShown(failed.log + again.log, 'docs/updating.md', 'When an update fails, and how to go back');
});

/** The programs `ssh` and `nix` as a page calls them, on their way to a machine on loopback: returns their folder. */
function programsFor(machine: Sshd, knownHosts: string): string {
  const folder = temporaryFolder('programs');
  const write = (name: string, text: string, mode: number) => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
    return join(folder, name);
  };
  const key = write('key', machine.clientKey.private, 0o600);
  const hosts = write('known_hosts', knownHosts, 0o600);
  const options = `-F /dev/null -p ${machine.port} -i ${key} -o UserKnownHostsFile=${hosts} -o StrictHostKeyChecking=yes -o BatchMode=yes`;
  write('ssh', `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`, 0o755);
  return folder;
}

/** Runs shell text of the page, with the machine's address in it, and a store of its own as the reader's. */
function runShown(text: string, machine: Sshd, programs: string, cwd: string): string {
  const { PATH, NIX_CONFIG } = nixEnvironment();
  return execFileSync('sh', ['-euc', text.replaceAll('203.0.113.7', machine.host)], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${programs}:${PATH}`,
      HOME: programs,
      NIX_CONFIG: `${NIX_CONFIG}\nextra-experimental-features = nix-command flakes`,
      NIX_REMOTE: `local?root=${programs}/store`,
    },
  });
}

test('OpenSSH takes the line of host-keys, and asks nothing', async () => {
  const machine = await web1();
  const run = await carryOut(page, 'Update on every push', inCheckout(machine, flakeOf()));
  const programs = programsFor(machine, run.outputs['host-keys'] ?? '');
  const [, , login = ''] = blockOf(page, 'Logging in yourself: known_hosts', 'sh').trimEnd().split('\n');
  const said = runShown(login, machine, programs, programs);
  expect(said.trim()).toBe(run.outputs['system-path']);
  expectShown(said, 'docs/updating.md', 'Logging in yourself: known_hosts');
  const other = programsFor(machine, machine.hostKeyLine('ed25519').replace(/AAAA\S+/, otherKey));
  expect(() => runShown(login, machine, other, other)).toThrow('Host key verification failed');
});

const otherKey = 'AAAAC3NzaC1lZDI1NTE5AAAAINeNit4or/faiDPV7oZP+UaV9L+GT8aV7WJH9oGrY32m';

test('what is brought in by nix copy and switched to by hand is recognised', async () => {
  const machine = await web1();
  const flake = flakeOf('echo by hand >>/run/switched');
  const programs = programsFor(machine, machine.hostKeyLine('ed25519'));
  runShown(blockOf(page, 'nixos-rebuild', 'sh'), machine, programs, flake);
  expect(await on(machine, 'cat /run/switched')).toBe('web-1\nby hand');
  const run = await carryOut(page, 'Update on every push', inCheckout(machine, flake));
  expect(run.outputs, run.log).toMatchObject({ outcome: 'unchanged', verified: 'system' });
  expectShown(run.log, 'docs/updating.md', 'nixos-rebuild');
});

test('the address of deploy-rs or colmena in the flake is enough', async () => {
  const machine = await web1();
  const heading = 'deploy-rs and colmena';
  const { 'ssh-port': _, ...rest } = onLoopback(machine);
  for (const index of [0, 1]) {
    const node = blockOf(page, heading, 'nix', index)
      .replaceAll('203.0.113.7', machine.host)
      .replace(/(?<=targetPort = |"-p" ")22/, String(machine.port));
    // of colmena what its evaluation gives of a node; of deploy-rs nothing that activates is looked at
    const given =
      'let nixpkgs = throw "no"; deploy-rs = throw "no"; colmena.lib.makeHive = hive: { nodes.web-1.config = hive.web-1; }; in';
    const flake = makeFlake(
      `${given} { nixosConfigurations.web-1 = ${configurationOf('web-1', '')}; ${node} }`,
    );
    const run = await carryOut(page, heading, {
      expressions: proofsOf(machine),
      besides: rest,
      env: { GITHUB_WORKSPACE: flake },
    });
    expect(run.code, run.log).toBe(0);
    expect(run.result.target).toBe(`root@${machine.host}:${machine.port}`);
    if (index === 0) expectShown(run.log, 'docs/updating.md', 'deploy-rs and colmena');
  }
});
