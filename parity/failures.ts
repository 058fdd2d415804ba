import type { TestName } from './row';

/** A failure that users of nixos-anywhere know, in the words of the log. */
interface Known {
  /** A real text of it. */
  readonly text: string;
  readonly cause: string;
}

/** The program says it in the same words here: the table of hints knows what to do. */
export interface HintedFailure extends Known {
  /** Words of the hint. */
  readonly hint: RegExp;
}

/** It is noticed here before it happens, or said in words of ours. */
export interface OwnMessage extends Known {
  readonly here: string;
  readonly test: TestName;
}

export const hinted: readonly HintedFailure[] = [
  {
    text: 'authorize.sh failed with exit code 1 on the target: sh: 12: cannot create /root/.ssh/authorized_keys: Permission denied',
    cause: 'a managed or read-only file',
    hint: /stands in it already/,
  },
  {
    text: 'sh: can’t create /root/.ssh/authorized_keys: Read-only file system',
    cause: 'a managed or read-only file',
    hint: /stands in it already/,
  },
  {
    text: 'Received disconnect from 203.0.113.7 port 22:2: Too many authentication failures',
    cause: 'an agent offers many keys',
    hint: /one key only/,
  },
  {
    text: 'sudo: a terminal is required to read the password',
    cause: 'sudo wants a password',
    hint: /NOPASSWD/,
  },
  {
    text: 'curl: (6) Could not resolve host: github.com',
    cause: 'the machine is offline, or has IPv6 only',
    hint: /kexec/,
  },
  {
    text: 'gzip: stdin: unexpected end of file',
    cause: 'the image broke off while it was fetched',
    hint: /fetch/,
  },
  {
    text: 'sh: 1: exec: /root/nixos-anywhere/image/kexec/run: not found',
    cause: 'another layout of the tarball (#608)',
    hint: /nixos-images/,
  },
  { text: 'kexec invoked oom-killer: gfp_mask=0x140cca', cause: 'under 1.5 GB of memory', hint: /memory/ },
  { text: 'sh: line 1:  1234 Killed', cause: 'under 1.5 GB of memory', hint: /memory/ },
  {
    text: 'Initramfs unpacking failed: Failure unpacking initrd',
    cause: 'under 1.5 GB of memory',
    hint: /memory/,
  },
  { text: 'kexec_load failed: Invalid argument', cause: 'mostly memory', hint: /memory/ },
  { text: 'kexec_load failed: Address not available', cause: 'mostly memory', hint: /memory/ },
  {
    text: 'kexec_load failed: Permission denied',
    cause: 'Secure Boot, lockdown, container',
    hint: /Secure Boot/,
  },
  {
    text: 'kexec_load failed: Operation not permitted',
    cause: 'Secure Boot, lockdown, container',
    hint: /Secure Boot/,
  },
  {
    text: 'kexec_file_load failed: Key was rejected by service',
    cause: 'an old kernel and an old image',
    hint: /newer kexec image/,
  },
  {
    text: 'smp: CPUs are stuck in the kernel',
    cause: 'a Raspberry Pi, or another ARM board',
    hint: /other media/,
  },
  {
    text: 'kexec: Device or resource busy',
    cause: 'a Raspberry Pi, or another ARM board',
    hint: /other media/,
  },
  { text: 'Could not get memory layout', cause: 'a Xen guest', hint: /Xen/ },
  {
    text: '/dev/sda1 is mounted; will not make a filesystem here!',
    cause: 'left over from an earlier run',
    hint: /reboot the installer/,
  },
  {
    text: 'umount: /mnt: target is busy.',
    cause: 'left over from an earlier run',
    hint: /reboot the installer/,
  },
  {
    text: 'Error: Partition(s) 1 on /dev/sda have been written, but we have been unable to inform the kernel of the change',
    cause: 'RAID or LVM is active',
    hint: /RAID/,
  },
  { text: 'error: No disks defined', cause: 'the disko configuration is not imported', hint: /disk layout/ },
  {
    text: 'error: writing to file: No space left on device',
    cause: 'the installer’s memory, or the runner’s disk, is full',
    hint: /no-disko-deps/,
  },
  {
    text: "error: cannot add path '/nix/store/x' because it lacks a signature by a trusted key",
    cause: 'not a trusted user',
    hint: /copy as root/,
  },
  {
    text: "error: a 'aarch64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'x86_64-linux'",
    cause: 'another architecture',
    hint: /build-on/,
  },
  {
    text: "error: a 'x86_64-linux' with features {kvm, nixos-test} is required to build '/nix/store/x.drv'",
    cause: 'no KVM',
    hint: /KVM/,
  },
  {
    text: "warning: ignoring untrusted substituter 'https://cache.example.org', you are not a trusted user.",
    cause: 'not a trusted user on the runner',
    hint: /trusted-users/,
  },
  {
    text: "error: 'config' is not a recognised command",
    cause: 'an old Nix on the machine',
    hint: /newer installer/,
  },
  {
    text: "error: flake 'path:/x' does not provide attribute 'nixosConfigurations.web'",
    cause: 'a wrong configuration name',
    hint: /configuration name/,
  },
  {
    text: 'nixos-install failed with exit code 1 on the target: File system "/boot" is not a FAT EFI System Partition',
    cause: 'BIOS and EFI mixed up, no EFI partition',
    hint: /not rebooted/,
  },
  {
    text: 'Failed to get the data key required to decrypt the SOPS file. Group 0: FAILED … 0 successful groups required, got 0',
    cause: 'the host key is no recipient',
    hint: /recipient/,
  },
  {
    text: "error: file 'nixpkgs' was not found in the Nix search path (add it using $NIX_PATH or -I)",
    cause: 'no channels on the new system, by design',
    hint: /nix\.nixPath/,
  },
  {
    text: 'Please specify the name of the NixOS configuration to be installed, as a URI fragment in the flake-uri.',
    cause: 'no #NAME, said by disko',
    hint: /#NAME/,
  },
  {
    text: 'mode must be either create, mount or zap_create_mount',
    cause: 'a foreign or old disko script',
    hint: /store-paths/,
  },
  {
    text: 'disko config must be an existing file or flake must be set',
    cause: 'the configuration has no disko devices',
    hint: /disk layout/,
  },
];

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
