import { imitated, real, type Sample } from './sample';

const issue = (number: number) => `nixos-anywhere issue ${number}`;
const disks = (title: string) => `loopback/known-disks › ${title}` as const;
const nixpkgs = (number: number) => `nixpkgs issue ${number}`;

export const machineSamples = {
  'machine-memory': [
    ...imitated(
      issue(348),
      'remote-command kexec',
      '[ 1570.685639] kexec invoked oom-killer: gfp_mask=0x100cc2(GFP_HIGHUSER), order=0, oom_score_adj=0',
    ),
    ...imitated('the kernel', 'remote-command kexec', 'Initramfs unpacking failed: Failure unpacking initrd'),
    ...real(
      'loopback/known-programs › says so in the words of %s',
      'remote-command disko',
      'Killed',
      'bash: line 1:  … Killed                  bash -c',
    ),
  ],
  'installer-memory-full': [
    ...real(
      'e2e-all/full › says that its memory is full before the disks are touched, and goes on when there is room again',
      'nix disko',
      'error: setting journal mode: database or disk is full',
    ),
    ...real(
      disks('whose room is not enough'),
      'remote-command disko',
      "dd: error writing '…/big': No space left on device",
    ),
  ],
  'new-disk-full': real(
    'e2e-all/full › says that the disk is full while the closure is copied, and stays reachable',
    'nix install',
    'error: writing to file: No space left on device',
  ),
  'disk-in-use': [
    ...real(
      disks('is refused by %s'),
      'remote-command disko',
      '/dev/loop… is mounted; will not make a filesystem here!',
      'mkfs.vfat: /dev/loop… contains a mounted filesystem.',
      'mkswap: error: /dev/loop… is mounted; will not make swapspace',
      'wipefs: error: /dev/loop…: probing initialization failed: Device or resource busy',
      'This disk is currently in use - repartitioning is probably a bad idea.',
      'umount: …: target is busy.',
      'Cannot exclusively open /dev/loop…, device in use.',
    ),
    ...imitated(
      'the words of cryptsetup, mdadm, LVM and ZFS; nixos-anywhere issues 467 and 585',
      'remote-command disko',
      'Device /dev/sda2 is in use. Cannot proceed with format operation.',
      'mdadm: cannot open /dev/sda1: Device or resource busy',
      "Can't open /dev/sda2 exclusively.  Mounted filesystem?",
      "/dev/sda2 is part of active pool 'zroot'",
    ),
  ],
  'kernel-keeps-old-table': imitated(
    'parted',
    'remote-command disko',
    'Error: Partition(s) 1 on /dev/sda have been written, but we have been unable to inform the kernel of the change',
  ),
  'disk-key-missing': real(
    disks('whose key is not there'),
    'remote-command disko',
    'Failed to open key file.',
  ),
  'file-system-unknown': [
    ...real(
      disks('with a file system that the kernel does not know'),
      'remote-command disko',
      "mount: …: unknown filesystem type 'unheardof'.",
    ),
    ...imitated('the words of ZFS', 'remote-command disko', 'The ZFS modules cannot be auto-loaded.'),
  ],
  'no-disks': imitated('disko', 'nix preflight', 'error: No disks defined'),
  'disko-arguments': imitated(
    'disko',
    'remote-command disko',
    'mode must be either create, mount or zap_create_mount',
  ),
  'disko-without-devices': imitated(
    'disko',
    'remote-command disko',
    'disko config must be an existing file or flake must be set',
  ),
  'secrets-not-decrypted': [
    ...real(
      'loopback/known-programs › secrets that are encrypted for another host',
      'remote-command install',
      'age: error: no identity matched any of the recipients',
    ),
    ...imitated(
      'the words of sops-nix',
      'remote-command install',
      'Failed to get the data key required to decrypt the SOPS file.',
      '0 successful groups required, got 0',
    ),
  ],
  'efi-partition-missing': [
    ...imitated(
      'systemd-boot',
      'remote-command install',
      'File system "/boot" is not a FAT EFI System Partition (ESP) file system.',
    ),
    ...imitated(
      'nixpkgs’ installer of systemd-boot',
      'remote-command install',
      "efiSysMountPoint = '/boot' is not a mounted partition. Is the path configured correctly?",
    ),
    ...imitated(
      'GRUB',
      'remote-command install',
      'grub-install: error: cannot find EFI directory.',
      'grub-install: error: failed to get canonical path of `/mnt/esp’.',
      "grub-install: error: /boot doesn't look like an EFI partition.",
    ),
  ],
  'bios-partition-missing': imitated(
    'GRUB',
    'remote-command install',
    "grub-install: warning: this GPT partition label contains no BIOS Boot Partition; embedding won't be possible.",
    'grub-install: error: will not proceed with blocklists.',
  ),
  'efi-variables': [
    ...imitated(
      nixpkgs(38928),
      'remote-command install',
      'Failed to create EFI Boot variable entry: No such file or directory',
    ),
    ...imitated(
      nixpkgs(75457),
      'remote-command install',
      'Failed to set LoaderSystemToken EFI variable: Invalid argument',
    ),
    ...imitated('GRUB', 'remote-command install', 'EFI variables are not supported on this system.'),
  ],
  'not-bootable': [
    ...real(
      'e2e/boot-loader › stops before the reboot: %s',
      'remote-command install',
      'nixos-install failed with exit code 1 on the target',
    ),
  ],
} as const satisfies Record<string, readonly Sample[]>;
