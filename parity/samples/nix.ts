import { imitated, real, type Sample } from './sample';

export const nixSamples = {
  'runner-disk-full': [
    ...imitated('Nix', 'nix build', 'error: writing to file: No space left on device'),
    ...imitated('Node', 'unexpected build', 'ENOSPC: no space left on device, write'),
  ],
  'nix-memory': imitated('Nix', 'nix preflight', 'error: out of memory'),
  'build-memory': imitated(
    'Nix',
    'nix build',
    "error: builder for '/nix/store/x.drv' failed due to signal 9 (Killed)",
    'g++: fatal error: Killed signal terminated program cc1plus',
  ),
  'no-nix-daemon': imitated(
    'Nix',
    'nix preflight',
    "error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': Connection refused",
  ),
  'nix-not-yours': imitated(
    'Nix',
    'nix preflight',
    "error: opening lock file '/nix/var/nix/db/big-lock': Permission denied",
  ),
  'no-kvm': imitated(
    'Nix',
    'nix build',
    "error: a 'x86_64-linux' with features {kvm, nixos-test} is required to build '/nix/store/x.drv', but I am a 'x86_64-linux' with features {benchmark, big-parallel, nixos-test, uid-range}",
    "Required system: 'x86_64-linux' with features {kvm}",
  ),
  'other-architecture': imitated(
    'Nix',
    'nix build',
    "error: a 'aarch64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'x86_64-linux'",
    'Reason: required system or feature not available',
  ),
  'signature-untrusted': imitated(
    'Nix',
    'nix build',
    "error: cannot add path '/nix/store/x' because it lacks a signature by a trusted key",
  ),
  'hash-mismatch': imitated(
    'Nix',
    'nix build',
    "error: hash mismatch in fixed-output derivation '/nix/store/x.drv':",
  ),
  'input-forbidden': imitated(
    'Nix',
    'nix preflight',
    "error: unable to download 'https://api.github.com/repos/o/r/commits/HEAD': HTTP error 404",
  ),
  'name-unknown': imitated(
    'Nix',
    'nix build',
    "error: unable to download 'https://cache.example.org/nix-cache-info': Could not resolve hostname (6) Could not resolve host: cache.example.org",
  ),
  'not-in-git': imitated(
    'Nix',
    'nix preflight',
    "error: getting status of '/nix/store/x-source/hardware.nix': No such file or directory",
    "error: path '/nix/store/x-source/hardware.nix' does not exist",
  ),
  'git-owner': imitated(
    'Nix',
    'nix preflight',
    "repository path '/github/workspace' is not owned by current user",
  ),
  'channel-missing': imitated(
    'Nix',
    'nix preflight',
    "error: file 'nixpkgs' was not found in the Nix search path (add it using $NIX_PATH or -I)",
  ),
  'configuration-unnamed': imitated(
    'disko',
    'remote-command disko',
    'Please specify the name of the NixOS configuration to be installed, as a URI fragment in the flake-uri.',
  ),
  'attribute-missing': imitated(
    'Nix',
    'nix preflight',
    "error: flake 'path:/x' does not provide attribute 'nixosConfigurations.web'",
  ),
  'nix-too-old': imitated('Nix', 'remote-command disko', "error: 'config' is not a recognised command"),
  'no-nix-there': real(
    'loopback/bring › a machine without Nix: what is missing, and advice',
    'nix install',
    'sh: …: nix-daemon: not found',
  ),
  'substituter-untrusted': imitated(
    'Nix',
    'nix build',
    "warning: ignoring untrusted substituter 'https://cache.example.org', you are not a trusted user.",
  ),
  'evaluation-fails': imitated(
    'our own words',
    'nix preflight',
    'the evaluation of .#nixosConfigurations.web failed',
  ),
} as const satisfies Record<string, readonly Sample[]>;
