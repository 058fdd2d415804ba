import type { TestName } from './row';

/** A failure that users of nixos-anywhere know, which is noticed here before it happens, or said in words of ours. */
export interface OwnMessage {
  /** As it says it. */
  readonly text: string;
  readonly cause: string;
  readonly here: string;
  readonly test: TestName;
}

export const ownMessages: readonly OwnMessage[] = [
  {
    text: 'Permission denied (publickey)',
    cause: 'the wrong key or user',
    here: 'the login is refused with the user, the key’s fingerprint and what to check',
    test: 'bundle/refusals › a key that is not authorised',
  },
  {
    text: 'Load key: error in libcrypto',
    cause: 'a public half, CRLF, a missing last newline, a passphrase',
    here: 'line ends are mended, the others are called what they are, before any connection',
    test: 'unit/private-key › upstream: a public key gives error in libcrypto; it is called what it is, %s',
  },
  {
    text: 'REMOTE HOST IDENTIFICATION HAS CHANGED',
    cause: 'reinstalled, or somebody in between',
    here: 'refused before the login, with both fingerprints',
    test: 'loopback/connection › another key than the pinned one is refused before the login, with both fingerprints',
  },
  {
    text: 'no tar command found, but required to unpack kexec tarball',
    cause: 'a minimal or BusyBox system',
    here: 'said in the preflight, all that is missing at once',
    test: 'bundle/refusals › that lacks what kexec needs',
  },
  {
    text: 'no setsid command found, but required to run the kexec script under a new session',
    cause: 'a minimal or BusyBox system',
    here: 'the same; that of BusyBox will do',
    test: 'bundle/refusals › that lacks what kexec needs',
  },
  {
    text: 'Unsupported architecture: riscv64; The default kexec image only support x86_64 cpus',
    cause: 'no default image for it',
    here: 'said in the preflight: give `kexec`',
    test: 'unit/plan › stop at %s',
  },
  {
    text: 'Retrieving host facts via ssh failed',
    cause: 'a banner, an exotic shell, a dead link',
    here: 'the missing fact is named, with what came instead; banners and rc files are no obstacle',
    test: 'unit/facts › names the first missing fact when nothing came, and shows what came instead',
  },
  {
    text: 'This script requires Linux as the operating system, but got Darwin',
    cause: 'the machine does not run Linux',
    here: 'said first of all: boot an installer',
    test: 'unit/plan › stop at %s',
  },
  {
    text: 'ssh: connect to host: the old system still answers',
    cause: 'kexec fell back',
    here: 'the boot that answers is compared with the old one',
    test: 'bundle/flags › kexec-timeout ends the wait for an installer that does not come',
  },
  {
    text: 'No route to host (after kexec)',
    cause: 'the address has changed',
    here: 'a deadline, and the inputs that name another address',
    test: 'loopback/boot › nothing that answers: an error with what was seen last',
  },
  {
    text: 'failed to execute kexec/run',
    cause: 'another layout of the tarball',
    here: 'what the tarball holds is looked at before it is started',
    test: 'loopback/staging › of the wrong layout: what it holds, and which layout is wanted',
  },
  {
    text: 'must be existing store-paths',
    cause: 'a missing or wrong input',
    here: 'each path is named with what is wrong with it',
    test: 'unit/store-paths › refuses what is neither, or not there, or twice the same',
  },
  {
    text: 'flake must be set',
    cause: 'a missing input',
    here: 'the ways to name a configuration are listed',
    test: 'bundle/inputs › nothing given: the required inputs are named',
  },
  {
    text: 'ssh-host must be set',
    cause: 'a missing input',
    here: '`target-host` is named',
    test: 'bundle/inputs › nothing given: the required inputs are named',
  },
];
