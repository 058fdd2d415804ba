// An installer whose user is not root, as that of the official ISO: what there is to do is done through sudo.
import { expect } from 'vitest';
import { configuration, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { passwordsBy, script, startMachine, targetOf, withPasswords } from '../support/machine';
import { testRuntime } from '../support/runtime';

const run = (name: string, commands: string) =>
  `derivation { name = "${name}"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "${commands}" ]; }`;
const lines = '#!/bin/sh\\\\nid -un >/run/disko-by; mount -t tmpfs none /mnt\\\\n';
const built = configuration
  .replace('drv "nixos-system-demo"', () => run('nixos-system-demo', 'mkdir $out'))
  .replace('drv "disko"', () => run('disko', `printf '${lines}' >$out; chmod 755 $out`));

test('one who logs in to the installer as another user than root: all is done through sudo', async () => {
  const password = 'nobody knows it';
  const sudoers = 'Defaults env_keep += "PATH NIX_CONF_DIR"\nguest ALL=(ALL) NOPASSWD: ALL\n';
  const sshd = await startMachine({
    installer: true,
    config: passwordsBy('password'),
    etc: { ...withPasswords({ guest: password }), sudoers },
  });
  const done = await runBundle({
    inputs: {
      ...inputsFor(sshd, `${makeFlake(`{ nixosConfigurations.demo = ${built}; }`)}#demo`),
      'target-host': `guest@${sshd.host}`,
      'ssh-private-key': '',
      'ssh-password': password,
      plan: 'false',
      phases: 'disko,install',
      'allow-lockout': 'true',
    },
  });
  expect(done.code, done.log).toBe(0);
  expect(done.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
  const logins = [...sshd.log().matchAll(/Accepted \S+ for (\S+)/g)].map(([, user]) => user);
  expect(new Set(logins)).toEqual(new Set(['guest']));
  // no key is put anywhere
  const look = 'cat /run/disko-by; ls -A /root/.ssh 2>/dev/null; stat -c %U /mnt/etc/NIXOS';
  const { stdout } = await targetOf(sshd, testRuntime()).run(script(look), []);
  expect(stdout).toBe('root\nroot\n');
});
