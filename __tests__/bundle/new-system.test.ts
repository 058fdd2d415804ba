// What an install puts on the disks beside the system, from the inputs to a machine, and that nothing of it goes elsewhere.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { ageRecipient } from '../../src/ssh/age-recipient';
import { parsePublicKeys } from '../../src/ssh/host-keys';
import { makeKey } from '../../testbed/sshd.mts';
import { runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { machineToInstall } from '../support/install';
import { distinctLines, expectNoLeak, LeakWatch, tracesOnTarget } from '../support/leak';
import { script, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

/** Files with a secret in one of them, as somebody would prepare them. */
function extraFiles(secret: string): string {
  const folder = temporaryFolder('extra');
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    chmodSync(join(folder, path), mode);
  };
  write('etc/motd', 'hello\n');
  write('home/alice/.ssh/id_ed25519', secret, 0o600);
  write('home/alice/with blank/-n', 'x', 0o755);
  chmodSync(join(folder, 'home/alice/.ssh'), 0o700);
  chmodSync(join(folder, 'etc'), 0o700);
  symlinkSync('/etc/shadow', join(folder, 'home/alice/link'));
  return folder;
}

function hookFolder(scripts: Record<string, string>): string {
  const folder = temporaryFolder('hooks');
  for (const [name, text] of Object.entries(scripts))
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  return folder;
}

const told = (name: string) =>
  `#!/bin/sh\necho "${name}: $NIXOS_ANYWHERE_HOOK $NIXOS_ANYWHERE_SYSTEM_PATH"\n`;

test('an install puts files, secrets and owners where they belong, between the hooks', async () => {
  const { sshd, inputs, disk, store } = await machineToInstall();
  const id = randomUUID();
  const keys = temporaryFolder('keys');
  const hostKey = makeKey(join(keys, 'host'));
  rmSync(join(keys, 'host'));
  const secrets = [`token ${id}`, `in the files ${id}`, ...distinctLines(hostKey.private)];
  const extra = extraFiles(`in the files ${id}`);
  const hooks = hookFolder({
    here: told('here'),
    // files and owners are there, the boot loader's too, and the machine is not yet rebooted
    there: `${told('there')}cat /mnt/etc/motd\nls /mnt/etc/NIXOS\nstat -c '%u:%g' /mnt/home/alice\n`,
  });
  const dir = temporaryFolder('run');
  const watch = new LeakWatch(dir, secrets, ['TOKEN=', 'HOST_KEY=']);
  watch.watcher.watch(sshd.pid);
  const run = await runBundle({
    inputs: {
      ...inputs,
      'extra-files': extra,
      'secret-files': [
        '/etc/ssh/ssh_host_ed25519_key env:HOST_KEY',
        '"/var/lib/my secrets/token" mode=0440 owner=alice:users env:TOKEN',
      ].join('\n'),
      chown: '/home/alice 1000:100\n/home/alice/.ssh alice:users',
      'copy-host-keys': 'true',
      hooks: `before-disko runner ${hooks}/here\nafter-install target ${hooks}/there`,
      debug: 'true',
    },
    env: {
      NIX_REMOTE: `local?root=${store}`,
      TOKEN: `token ${id}`,
      HOST_KEY: hostKey.private,
      NIXOS_NO_CHECK: '1',
    },
    dir,
    onStart: watch.onStart,
    onLine: watch.onLine,
  });
  watch.stop();
  expect(run.code, run.log).toBe(0);
  const at = (path: string) => join(disk, path);
  const stat = (path: string) => {
    const { mode, uid, gid } = lstatSync(at(path));
    return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
  };

  expect(readFileSync(at('etc/motd'), 'utf8')).toBe('hello\n');
  expect(readFileSync(at('home/alice/.ssh/id_ed25519'), 'utf8')).toBe(`in the files ${id}`);
  expect(readFileSync(at('var/lib/my secrets/token'), 'utf8')).toBe(`token ${id}`);
  expect(readFileSync(at('etc/ssh/ssh_host_ed25519_key'), 'utf8')).toBe(hostKey.private);
  expect(readlinkSync(at('home/alice/link'))).toBe('/etc/shadow');
  const expected: Record<string, string> = {
    '': '755 0:0',
    etc: '755 0:0',
    'etc/motd': '644 0:0',
    'etc/ssh/ssh_host_ed25519_key': '600 0:0',
    'var/lib/my secrets': '755 0:0',
    'var/lib/my secrets/token': '440 1234:100',
    'home/alice': '755 1000:100',
    'home/alice/link': '777 1000:100',
    'home/alice/with blank/-n': '755 1000:100',
    // a name: after the numbers, as the accounts are made by nixos-install
    'home/alice/.ssh': '700 1234:100',
    'home/alice/.ssh/id_ed25519': '600 1234:100',
  };
  expect(Object.fromEntries(Object.keys(expected).map((path) => [path, stat(path)]))).toEqual(expected);

  // the supplied key, and not the installer's, is what the new system will show
  const [key] = parsePublicKeys(hostKey.public);
  if (key === undefined) throw new Error('no key');
  expect(run.outputs['host-keys']).toContain(key.base64);
  expect(run.outputs['host-keys']).not.toContain(sshd.hostKeyLine('ed25519').split(' ')[2]);
  expect(run.outputs['age-public-keys']).toBe(ageRecipient(key));

  expect(run.log).toMatch(/nixos-install> nixos-install: .*--system \S+ NIXOS_NO_CHECK=1/);
  const order = [
    'before-disko> here: before-disko /nix/store/',
    'copied 4 extra files',
    'nixos-install> ',
    'after-install> there: after-install /nix/store/',
    'after-install> hello',
    'after-install> /mnt/etc/NIXOS',
    'after-install> 1000:100',
  ].map((text) => run.log.indexOf(text));
  expect(
    order.every((place) => place > 0),
    String(order),
  ).toBe(true);
  expect(order).toEqual(order.toSorted((a, b) => a - b));

  expectNoLeak(run, secrets, [extra, disk, keys]);
  const observer = targetOf(sshd, testRuntime());
  const onTarget = async (command: string, input: string) =>
    (await observer.run(script(command), [], { stdin: Buffer.from(input) })).stdout;
  expect(await tracesOnTarget(onTarget, secrets, ['/run', '/root', '/var/tmp', '/etc'])).toEqual([]);
  expect(await onTarget('ls /run/nixos-anywhere/tasks', '')).not.toContain('hook');
});

test('a second run over the first comes to the same', async () => {
  const { inputs, disk, store } = await machineToInstall();
  const settings = {
    ...inputs,
    'extra-files': extraFiles('x'),
    'secret-files': '/etc/token env:TOKEN',
    'install-bootloader': 'false',
  };
  for (const token of ['the first', 'the other']) {
    const run = await runBundle({
      inputs: settings,
      env: { NIX_REMOTE: `local?root=${store}`, TOKEN: token },
    });
    expect(run.code, run.log).toBe(0);
    expect(readFileSync(join(disk, 'etc/token'), 'utf8')).toBe(token);
    expect(readdirSync(join(disk, 'home/alice')).toSorted()).toEqual(['.ssh', 'link', 'with blank']);
    expect(run.log).toMatch(/nixos-install> nixos-install: .*--no-bootloader/);
    expect(run.log).toContain('the boot loader was left alone');
    expect(run.warnings.join('\n')).toContain('install-bootloader is false');
  }
});

describe('a hook that fails', () => {
  test('ends the run in its phase, with its last lines', async () => {
    const { inputs, disk, store } = await machineToInstall();
    const hooks = hookFolder({ bad: 'echo "about to fail"; exit 3\n' });
    const run = await runBundle({
      inputs: { ...inputs, hooks: `after-disko target ${hooks}/bad` },
      env: { NIX_REMOTE: `local?root=${store}` },
    });
    expect(run.code).toBe(1);
    expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'partitioned' });
    expect(run.result.failure).toMatchObject({ kind: 'hook', phase: 'disko', lastLines: ['about to fail'] });
    expect(run.errors[0]).toContain('hook-after-disko failed with exit code 3 on the target: about to fail');
    expect(readdirSync(disk)).toEqual([]);
  });
});

describe('before anything is done', () => {
  test('what cannot be copied is named, without a connection', async () => {
    const { sshd, inputs } = await machineToInstall();
    const folder = extraFiles('x');

    execFileSync('mkfifo', [join(folder, 'etc/pipe')]);
    const run = await runBundle({ inputs: { ...inputs, 'extra-files': folder } });
    expect(run.result.failure).toMatchObject({ kind: 'input' });
    expect(run.errors[0]).toContain('input extra-files: "/etc/pipe" is a named pipe');
    expect(sshd.log()).not.toContain('Connection from');
  });

  test('an unpinned machine gets none of it', async () => {
    const { inputs, disk } = await machineToInstall();
    const { 'known-hosts': _, ...unpinned } = inputs;
    for (const [input, value] of [
      ['extra-files', extraFiles('x')],
      ['secret-files', '/etc/token env:TOKEN'],
    ] as const) {
      const run = await runBundle({
        inputs: { ...unpinned, [input]: value },
        env: { TOKEN: 'hunter2hunter2' },
      });
      expect(run.errors[0]).toContain(`this run sends secrets (${input}) to the machine`);
    }
    expect(readdirSync(disk)).toEqual([]);
  });

  test('an approval covers the files, the owners and the hooks', async () => {
    const { inputs, store } = await machineToInstall();
    const folder = extraFiles('x');
    const hooks = hookFolder({ hook: 'true\n' });
    const all = {
      ...inputs,
      'extra-files': folder,
      'secret-files': '/etc/token env:TOKEN',
      chown: '/etc/motd 1:1',
      hooks: `after-disko target ${hooks}/hook`,
    };
    const env = { NIX_REMOTE: `local?root=${store}`, TOKEN: `secret ${randomUUID()}` };
    const digestOf = async (change: Record<string, string> = {}) =>
      (await runBundle({ inputs: { ...all, plan: 'true', ...change }, env })).outputs['plan-digest'] ?? '';
    const approved = await digestOf();
    expect(approved).toMatch(/^sha256:/);
    expect(await digestOf({ chown: '/etc/motd 1:2' })).not.toBe(approved);
    expect(await digestOf({ 'secret-files': '/etc/token mode=0444 env:TOKEN' })).not.toBe(approved);
    writeFileSync(join(hooks, 'hook'), 'false\n');
    expect(await digestOf()).not.toBe(approved);
    writeFileSync(join(hooks, 'hook'), 'true\n');
    expect(await digestOf()).toBe(approved);
    writeFileSync(join(folder, 'etc/motd'), 'other\n');
    const run = await runBundle({ inputs: { ...all, 'approved-plan': approved }, env });
    expect(run.errors[0]).toContain('the plan is not the one that was approved');
    expect(run.result.plan).toMatchObject({ newSystem: { extraFiles: { files: 4 } } });
    expect(JSON.stringify(run.result)).not.toContain(env.TOKEN);
  });
});
