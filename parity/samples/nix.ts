import { imitated, real, type Sample } from './sample';

const builds = (title: string) => `loopback/known-builds › ${title}` as const;
const evaluations = (title: string) => `loopback/known-evaluations › ${title}` as const;
const newer = 'Nix since 2.29, which Debian does not have yet';

export const nixSamples = {
  'runner-disk-full': [
    ...real(builds('the runner’s disk is full'), 'nix build', 'No space left on device'),
    ...imitated('the words of Node', 'unexpected build', 'ENOSPC: no space left on device, write'),
  ],
  'nix-memory': [
    ...real(builds('an evaluation takes more memory than there is'), 'nix preflight', 'error: out of memory'),
    ...real(
      'loopback/known-evaluations › Nix is killed',
      'nix preflight',
      'Nix was killed, most likely for lack of memory',
    ),
  ],
  'build-memory': [
    ...real(builds('a builder is killed'), 'nix build', "builder for '…-web.drv' failed with exit code 137"),
    ...imitated(
      'the words of GCC',
      'nix build',
      'g++: fatal error: Killed signal terminated program cc1plus',
      "error: builder for '/nix/store/x.drv' failed due to signal 9 (Killed)",
    ),
  ],
  'no-nix-daemon': real(
    builds('the daemon of the runner is not there'),
    'nix preflight',
    "cannot connect to socket at '…'",
  ),
  'nix-not-yours': [
    ...real(
      builds('the store of the runner belongs to somebody else'),
      'nix preflight',
      "creating directory '…/nix/store': Permission denied",
    ),
    ...imitated(
      'Nix, where the store has been used before',
      'nix preflight',
      "error: opening lock file '/nix/var/nix/db/big-lock': Permission denied",
    ),
  ],
  'no-kvm': [
    ...real(
      builds('a build needs KVM, and there is none'),
      'nix build',
      "a 'x86_64-linux' with features {kvm, nixos-test} is required to build '…-web.drv'",
    ),
    ...imitated(newer, 'nix build', "Required system: 'x86_64-linux' with features {kvm}"),
  ],
  'other-architecture': [
    ...real(
      builds('a build is for another architecture'),
      'nix build',
      "a 'aarch64-linux' with features {} is required to build '…-web.drv', but I am a 'x86_64-linux'",
    ),
    ...imitated(newer, 'nix build', 'Reason: required system or feature not available'),
    ...imitated(
      'Nix, where extra-platforms has what binfmt_misc has not',
      'nix build',
      "error: executing '/nix/store/x-bash/bin/bash': Exec format error",
    ),
  ],
  'signature-untrusted': [
    ...real(
      builds('a store has paths that nobody has signed'),
      'nix build',
      "cannot add path '…' because it lacks a signature by a trusted key",
    ),
    ...imitated('Nix 2.3', 'nix build', "cannot add path '/nix/store/x' because it lacks a valid signature"),
  ],
  'hash-mismatch': real(
    builds('a file is not what its hash says'),
    'nix build',
    "hash mismatch in fixed-output derivation '…-web.drv':",
  ),
  'input-forbidden': imitated(
    'Nix; what GitHub answers for a private repository, and beyond its rate limit',
    'nix preflight',
    "error: unable to download 'https://api.github.com/repos/o/r/commits/HEAD': HTTP error 404",
    "error: unable to download 'https://api.github.com/repos/o/r/commits/HEAD': HTTP error 403",
  ),
  'git-refused': [
    ...real(
      evaluations('a git repository is on a server that does not answer'),
      'nix preflight',
      "error: resolving Git reference 'master': revspec 'master' not found",
    ),
    ...imitated(
      'Nix of the time before it',
      'nix preflight',
      'fatal: Could not read from remote repository.',
    ),
  ],
  'name-unknown': [
    ...real(
      builds('a substituter has a name that nobody knows'),
      'nix build',
      "unable to download '…': Could not resolve hostname (6) Could not resolve host: …",
    ),
    ...imitated(
      'Nix with an older curl',
      'nix build',
      "unable to download 'https://cache.example.org/nix-cache-info': Couldn't resolve host name (6)",
    ),
  ],
  'not-in-git': [
    ...real(
      evaluations('a file of the flake is not known to git'),
      'nix preflight',
      "path '…-source/hardware.nix' does not exist",
    ),
    ...imitated(
      'Nix issue 8389',
      'nix preflight',
      "error: getting status of '/nix/store/x-source/hardware.nix': No such file or directory",
    ),
    ...imitated(
      newer,
      'nix preflight',
      'Path \'hardware.nix\' in the repository "/work" is not tracked by Git.',
    ),
  ],
  'git-owner': real(
    evaluations('the checkout belongs to another user'),
    'nix preflight',
    "repository path '…' is not owned by current user",
  ),
  'outside-the-flake': [
    ...real(
      evaluations('a flake says <nixpkgs>'),
      'nix preflight',
      "cannot look up '<nixpkgs>' in pure evaluation mode",
    ),
    ...imitated(
      'Nix',
      'nix preflight',
      "access to absolute path '/etc/nixos/hardware-configuration.nix' is forbidden in pure evaluation mode (use '--impure' to override)",
    ),
  ],
  'channel-missing': real(
    evaluations('a file says <nixpkgs>'),
    'nix preflight',
    "file 'nixpkgs' was not found in the Nix search path (add it using $NIX_PATH or -I)",
  ),
  'configuration-unnamed': imitated(
    'the words of disko',
    'remote-command disko',
    'Please specify the name of the NixOS configuration to be installed, as a URI fragment in the flake-uri.',
  ),
  'attribute-missing': [
    ...real(
      evaluations('an attribute that is not there'),
      'nix preflight',
      "flake '…' does not provide attribute",
    ),
    ...imitated('nix-build', 'nix preflight', "error: attribute 'b' in selection path 'a.b' not found"),
  ],
  'nix-too-old': imitated(
    'Nix 2.8 of Debian 12, tried by hand: on the runner an old one is refused before',
    'remote-command install',
    "error: 'config' is not a recognised command",
  ),
  'no-nix-there': real(
    'loopback/bring › a machine without Nix: what is missing, and advice',
    'nix install',
    'sh: …: nix-daemon: not found',
  ),
  'substituter-untrusted': [
    ...real(
      builds('the daemon of the runner does not trust the user'),
      'nix build',
      "ignoring untrusted substituter 'http://127.0.0.1:9', you are not a trusted user.",
    ),
    ...imitated(
      'Nix',
      'nix build',
      "ignoring the client-specified setting 'sandbox', because it is a restricted setting and you are not a trusted user",
    ),
  ],
  'evaluation-fails': real(
    evaluations('a configuration has an error'),
    'nix preflight',
    'the evaluation of … failed: error: …',
  ),
} as const satisfies Record<string, readonly Sample[]>;
