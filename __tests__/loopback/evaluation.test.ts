// What a real Nix says of configurations written like NixOS's, about those parts that guards are made of.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { evaluateFlake } from '../../src/plan/evaluate';
import type { ConfigurationEvaluation } from '../../src/plan/evaluation';
import { test, testEach } from '../support/concurrent';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { nixOf } from '../support/store';

/** @param config Nix text of attributes of `config`, on top of the least that is needed */
async function evaluationOf(
  config: string,
  files: Record<string, string> = {},
): Promise<ConfigurationEvaluation> {
  const folder = temporaryFolder('flake');
  const toplevel = 'derivation { name = "t"; system = "x86_64-linux"; builder = "/bin/sh"; }';
  const text = `{ outputs = { self }: { nixosConfigurations.demo = {
    pkgs.system = "x86_64-linux";
    config = { system.build.toplevel = ${toplevel}; ${config} };
  }; }; }`;
  for (const [name, content] of Object.entries({ 'flake.nix': text, ...files }))
    writeFileSync(join(folder, name), content);
  const runtime = testRuntime(undefined, { NIX_REMOTE: `local?root=${temporaryFolder('store')}` });
  const evaluation = await evaluateFlake(
    nixOf(runtime),
    { uri: `path:${folder}`, name: 'demo', path: [] },
    { script: undefined, installTest: false, specialArgs: undefined },
    runtime.signal,
  );
  if (evaluation.source !== 'configuration') throw new Error('it should have been taken for a configuration');
  return evaluation;
}

test('a configuration without any of it', async () => {
  expect(await evaluationOf('')).toMatchObject({
    sshd: { enabled: false, ports: [22] },
    logins: [],
    bootLoader: {
      kind: 'other',
      efiMountPoint: '/boot',
      entriesMountPoint: '/boot',
      grubBoots: [{ path: '/boot', efiMountPoint: '/boot' }],
    },
    initrdSsh: { enabled: false },
  });
});

test('who is let in, by keys of all kinds', async () => {
  const { logins } = await evaluationOf(
    `services.openssh = { enable = true; settings.PasswordAuthentication = false; settings.KbdInteractiveAuthentication = false; };
     users.users = {
       root = { openssh.authorizedKeys = { keys = [ "ssh-ed25519 AAAA a" ]; keyFiles = [ ./keys ]; }; hashedPassword = "$y$x"; };
       attribute = { name = "real"; openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA b" ]; };
       off = { enable = false; openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA c" ]; };
       daemon = { };
     };`,
    { keys: 'ssh-ed25519 AAAA d\nssh-ed25519 AAAA e\n' },
  );
  expect(logins).toEqual([
    { name: 'real', keys: ['ssh-ed25519 AAAA b'], password: false },
    {
      name: 'root',
      keys: ['ssh-ed25519 AAAA a', 'ssh-ed25519 AAAA d', 'ssh-ed25519 AAAA e'],
      password: false,
    },
  ]);
});

testEach<string, boolean>([
  ['hashedPassword = "$y$j9T$salt$hash";', true],
  ['initialPassword = "secret";', true],
  ['initialHashedPassword = "$6$x";', true],
  ['hashedPasswordFile = "/run/secrets/pw";', true],
  ['password = null; initialHashedPassword = "!";', false],
  ['hashedPassword = "*";', false],
  ['hashedPassword = "!$y$j9T$locked";', false],
  ['initialPassword = "";', false],
])('a password is told from none: %s', async (attributes, counts) => {
  const { logins } = await evaluationOf(
    `services.openssh.enable = true; users.users.bob = { ${attributes} };`,
  );
  expect(logins).toEqual(counts ? [{ name: 'bob', keys: [], password: true }] : []);
  expect(JSON.stringify(logins)).not.toMatch(/secret|\$|pw/);
});

testEach<string>([['keyFiles = [ ./missing.pub ];'], ['keyFiles = [ "/home/nobody/missing.pub" ];']])(
  'a file with keys that is not there is named: %s',
  async (attributes) => {
    const error = await failure(evaluationOf(`users.users.bob.openssh.authorizedKeys.${attributes}`));
    expect(error.message).toMatch(/files with authorized keys that do not exist: \/\S+missing\.pub$/);
    expect(error).toMatchObject({ hint: expect.stringContaining('git add') });
  },
);

test('boot loaders with their places', async () => {
  const grub = `boot.loader = { efi.efiSysMountPoint = "/efi";
    grub = { enable = true; efiSupport = true; devices = [ "nodev" ]; mirroredBoots = [ { path = "/boot1"; devices = [ "/dev/sda" ]; } { path = "/boot2"; efiSysMountPoint = "/efi2"; } ]; }; };`;
  expect((await evaluationOf(grub)).bootLoader).toEqual({
    kind: 'grub',
    grubDevices: ['nodev', '/dev/sda'],
    grubEfi: true,
    efiMountPoint: '/efi',
    entriesMountPoint: '/efi',
    grubBoots: [
      { path: '/boot1', efiMountPoint: '/boot1' },
      { path: '/boot2', efiMountPoint: '/efi2' },
    ],
  });
  const xbootldr = 'boot.loader.systemd-boot = { enable = true; xbootldrMountPoint = "/boot"; };';
  expect(
    (await evaluationOf(`${xbootldr} boot.loader.efi.efiSysMountPoint = "/efi";`)).bootLoader,
  ).toMatchObject({ kind: 'systemd-boot', efiMountPoint: '/efi', entriesMountPoint: '/boot' });
});

test('what disko makes over disks, by its own name', async () => {
  const { groups } = await evaluationOf(
    'disko.devices = { lvm_vg.pool = { name = "other"; lvs = throw "not asked for"; }; zpool.zroot = { }; mdadm = { }; };',
  );
  expect(groups).toEqual([
    { kind: 'lvm_vg', name: 'other' },
    { kind: 'zpool', name: 'zroot' },
  ]);
});
