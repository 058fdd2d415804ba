// Secrets that the flake only names get to nobody: not to the Nix that reads what names them, nor into a log or a file.
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { nixString } from '../../src/nix/nix-string';
import { configuration, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { distinctLines, expectNoLeak, LeakWatch, makeSecretKey, slowNix, visible } from '../support/leak';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

const flakeOf = (data: unknown) =>
  `${makeFlake(`{ nixosConfigurations.demo = ${configuration}; nixosAnywhere.demo = builtins.fromJSON ${nixString(JSON.stringify(data))}; }`)}#demo`;

describe('what host data names', () => {
  test('is shown to no child, also not to the Nix that reads it, and written nowhere', async () => {
    const key = makeSecretKey();
    const [disk, sudo, host, idle] = [0, 1, 2, 3].map((index) => `secret ${index} ${randomUUID()}`);
    const secrets = [...distinctLines(key.private), ...[disk, sudo, host, idle].map(String)];
    const sshd = await startMachine({ authorizedKeys: [key.public] });
    const { flake: _, plan, 'ssh-private-key': __, ...address } = inputsFor(sshd, '');
    const dir = temporaryFolder('leak');
    const watch = new LeakWatch(dir, secrets, ['FLEET_SECRET_', 'INPUT_']);
    const file = join(temporaryFolder('secret'), 'host');
    writeFileSync(file, String(host));
    const data = {
      ...address,
      'ssh-private-key': 'env:FLEET_SECRET_KEY',
      'sudo-password': 'env:FLEET_SECRET_SUDO',
      'disk-encryption-keys': '/tmp/disk.key env:FLEET_SECRET_DISK',
      'secret-files': `/etc/host.key exec:cat ${file}`,
    };
    const run = await runBundle({
      inputs: { plan: plan ?? '', flake: flakeOf(data), debug: 'true', 'show-trace': 'true' },
      env: {
        PATH: slowNix(),
        FLEET_SECRET_KEY: key.private,
        FLEET_SECRET_SUDO: String(sudo),
        FLEET_SECRET_DISK: String(disk),
        // for another host, so that nobody reads it
        FLEET_SECRET_IDLE: String(idle),
        // by its value nobody could tell
        FLEET_SECRET_BLANK: ' ',
        // as a careless step hands it on once more
        COPY: `a ${String(disk)}`,
        COPY_OF_IDLE: String(idle),
      },
      dir,
      onStart: watch.onStart,
      onLine: watch.onLine,
    });
    watch.stop();
    expect(run.code, run.log).toBe(0);
    expect([...watch.watcher.commands].join('\n')).toMatch(/nix .*eval.*#\.nixosAnywhere/);
    expectNoLeak({ ...run, watch }, secrets, [join(file, '..')]);
    expect(JSON.stringify(run.result)).not.toContain(disk);
  });

  test('has to be set, and is asked for by its place', async () => {
    const flake = flakeOf({ 'target-host': 'a.example', 'ssh-private-key': 'env:FLEET_SECRET_ABSENT' });
    const run = await runBundle({ inputs: { flake } });
    expect(run.errors[0]).toMatch(
      /^input ssh-private-key \(nixosAnywhere\.demo of the flake\): the variable FLEET_SECRET_ABSENT is not set; set it with env: of this step\n/,
    );
  });
});

describe('a secret that stands in the flake', () => {
  test('is refused and never printed, not even in debug', async () => {
    const secret = `hunter2-${randomUUID()}`;
    const lines = distinctLines(makeSecretKey().private);
    const data = {
      'target-host': 'a.example',
      'ssh-private-key': lines.join('\n'),
      'ssh-password': secret,
      'sudo-password': [secret],
      netrc: { machine: secret },
      'ssh-pasword': secret,
      'ssh-private-key-file': `-----BEGIN\n${secret}`,
      secrets: { SSH_PRIVATE_KEY: secret },
      environment: `\n${secret}`,
      tags: [` ${secret}`],
    };
    const flake = flakeOf(data);
    for (const inputs of [
      { flake, debug: 'true', 'show-trace': 'true' },
      { flake: flake.replace('#demo', ''), 'list-hosts': 'true', debug: 'true' },
    ]) {
      const run = await runBundle({ inputs, env: { ACTIONS_STEP_DEBUG: 'true', RUNNER_DEBUG: '1' } });
      expect(run.code).toBe(1);
      expect(run.errors[0]).toMatch(/ssh-password \(nixosAnywhere\.demo of the flake\): holds a secret/);
      // where Nix has copied the flake to
      rmSync(join(run.dir, 'store'), { recursive: true });
      expectNoLeak(run, [secret, ...lines]);
      expect(visible(run.log)).not.toContain(secret);
    }
  });
});
