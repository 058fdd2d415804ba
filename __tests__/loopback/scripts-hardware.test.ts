import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Machine, shells } from './scripts';

describe.each(shells)('hardware-config.sh under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  /** Puts a program on the machine that says how it was called, and what it can read. */
  function put(name: string): void {
    writeFileSync(join(machine.bin, name), `#!/bin/sh\necho "${name}: $* $(cat)"\n`);
    chmodSync(join(machine.bin, name), 0o755);
  }

  const ask = (backend: string) =>
    machine.run('hardware-config.sh', [backend], { input: Buffer.from('not for the program') });

  test('runs nixos-facter, with nothing to read', () => {
    put('nixos-facter');
    put('nix');
    expect(ask('nixos-facter')).toEqual({ code: 0, stdout: 'nixos-facter:  \n', stderr: '' });
  });

  test('takes that of nixpkgs where there is none, and says so apart from it', () => {
    put('nix');
    expect(ask('nixos-facter')).toEqual({
      code: 0,
      stdout:
        'nix: --extra-experimental-features nix-command flakes shell nixpkgs#nixos-facter -c nixos-facter \n',
      stderr: 'the installer has no nixos-facter: taking that of nixpkgs\n',
    });
  });

  test('runs nixos-generate-config, which leaves file systems to disko', () => {
    put('nixos-generate-config');
    expect(ask('nixos-generate-config').stdout).toBe(
      'nixos-generate-config: --show-hardware-config --no-filesystems \n',
    );
  });

  test('fails where the program is missing', () => {
    expect(ask('nixos-generate-config')).toMatchObject({ code: 127, stdout: '' });
  });
});
