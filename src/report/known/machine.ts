import { inDisko, inInstall, type KnownFailure } from './failure';

/** Of the machine in the installer: its memory and its disks. */
export const machineFailures = [
  {
    id: 'machine-memory',
    title: 'the machine has too little memory',
    // dash and BusyBox say the word alone, bash behind its name and the process number
    says: /oom-killer|Out of memory: Kill|Failure unpacking initrd|Initramfs unpacking failed|(^|: |: line \d+: +\d+ )Killed( {2}|$)/m,
    where: [
      { kinds: ['remote-command'], phases: ['build', 'kexec', 'hardware-config', 'disko', 'install'] },
      { kinds: ['guard'], phases: ['build'] },
    ],
    cause: 'less than 1.5 GB, or much of it in use: the kernel ended a program',
    hint: 'the machine has too little memory for the installer: use a bigger one, stop services first, or boot an installer from other media',
  },
  {
    id: 'installer-memory-full',
    title: 'the installer’s memory is full',
    says: /No space left on device|database or disk is full/i,
    where: [
      { kinds: ['nix', 'remote-command'], phases: ['disko'] },
      { kinds: ['remote-command'], phases: ['hardware-config'] },
    ],
    cause: 'the installer keeps its files in memory, and the disko script with all that it needs goes there',
    hint: 'the installer’s memory is full: no-disko-deps: true takes less of it; else use a bigger machine',
  },
  {
    id: 'new-disk-full',
    title: 'one of the new partitions is full',
    says: /No space left on device|database or disk is full/i,
    where: [{ kinds: ['nix', 'remote-command'], phases: ['install'] }],
    cause: 'the closure is larger than the new root, or kernel and initrd than the EFI partition',
    hint: 'one of the new partitions is too small: make the root, or the EFI partition on which kernels and initrds lie, larger in the disko configuration, or install less, and run again',
  },
  {
    id: 'disk-in-use',
    title: 'something on the disk is still in use',
    says: /mounted; will not make|contains a mounted filesystem|target is busy|is (\w+ )?in use\b|Device or resource busy|is part of active pool|Cannot exclusively open|exclusively\. +Mounted filesystem/i,
    where: inDisko,
    cause:
      'a file system, a RAID array, a volume group or a pool of an earlier run, or of the old system, is active',
    hint: 'something on the disk is still mounted or active: reboot the installer and run again',
  },
  {
    id: 'kernel-keeps-old-table',
    title: 'the kernel keeps the old partition table',
    says: /unable to inform the kernel|kernel (is still using|still uses) the old (partition )?table|Re-reading the partition table failed/,
    where: inDisko,
    cause: 'a RAID array or volume group is active on the disk',
    hint: 'a RAID array or volume group is active on the disk: stop it, or reboot the installer',
  },
  {
    id: 'disk-key-missing',
    title: 'the key file of an encrypted disk is not there',
    says: /Failed to open key file|Cannot read keyfile|Nothing to read on input/,
    where: inDisko,
    cause: 'the disko configuration reads the passphrase from a file of the installer',
    hint: 'give the file that the disko configuration names (passwordFile, keyFile) as disk-encryption-keys',
  },
  {
    id: 'file-system-unknown',
    title: 'the installer does not know the file system',
    says: /unknown filesystem type|ZFS modules (are not|cannot be) (auto-)?loaded|Module \w+ not found in directory|modprobe: module \w+ not found/,
    where: inDisko,
    cause: 'the installer’s kernel has no module for it, as many have none for ZFS or bcachefs',
    hint: 'give an installer whose kernel has that file system as kexec: one built of your own configuration, or that of nixos-images for ZFS',
  },
  {
    id: 'no-disks',
    title: 'the configuration has no disks',
    says: /No disks defined/,
    where: [{ kinds: ['nix', 'remote-command'] }],
    cause: 'the disk layout is not imported',
    hint: 'import the disk layout into the configuration',
  },
  {
    id: 'disko-arguments',
    title: 'the disko script takes other arguments',
    says: /mode must be either create, mount or zap_create_mount/,
    where: inDisko,
    cause: 'a disko script of another make, or an old one',
    hint: 'the disko script takes other arguments: give one that config.system.build.diskoScript has made as store-paths, or a newer disko',
  },
  {
    id: 'disko-without-devices',
    title: 'disko has no devices',
    says: /disko config must be an existing file or flake must be set/,
    where: [{ kinds: ['nix', 'remote-command'] }],
    cause: 'the configuration has no disko.devices',
    hint: 'the configuration has no disko.devices: import disko and the disk layout into it',
  },
  {
    id: 'secrets-not-decrypted',
    title: 'the new system cannot decrypt its secrets',
    says: /0 successful groups required|Failed to get the data key required to decrypt the SOPS file|no identity matched any of the recipients/,
    where: inInstall,
    cause: 'the host key of the new system is no recipient of the secrets of sops-nix or agenix',
    hint: 'the host key of the new system is no recipient of its secrets: give it a key that is (secret-files, extra-files or copy-host-keys), or encrypt them again for age-public-keys of this run',
  },
  {
    id: 'efi-partition-missing',
    title: 'there is no EFI partition where the boot loader wants it',
    says: /is not a FAT EFI System Partition|is not a mounted partition\. Is the path configured|cannot find EFI directory|doesn't look like an EFI partition|failed to get canonical path of|no EFI partition \(vfat\) is mounted|Couldn't find EFI system partition/,
    where: inInstall,
    cause:
      'boot.loader.efi.efiSysMountPoint names another place than the disk layout, or that has no EFI partition',
    hint: 'let the disk layout mount an EFI partition (type EF00, vfat) where boot.loader.efi.efiSysMountPoint says, /boot by default, and run again: the machine was not rebooted',
  },
  {
    id: 'bios-partition-missing',
    title: 'GRUB finds no room for itself',
    says: /contains no BIOS Boot Partition|will not proceed with blocklists|Embedding is not possible/i,
    where: inInstall,
    cause: 'with a GPT, GRUB for BIOS needs a small partition of its own',
    hint: 'add a partition of type EF02 and 1 MiB to the disk layout, and give the whole disk as boot.loader.grub.device; the machine was not rebooted',
  },
  {
    id: 'efi-variables',
    title: 'the firmware’s boot entries cannot be written',
    says: /EFI variables are not supported on this system|Failed to create EFI Boot variable entry|LoaderSystemToken.* EFI variable|efibootmgr failed to register the boot entry|Could not prepare Boot variable/,
    where: inInstall,
    cause: 'the machine was booted by BIOS, or its firmware refuses to store a boot entry',
    hint: 'if the machine is booted by BIOS, use boot.loader.grub with the disk as its device; if by UEFI whose variables cannot be written, set boot.loader.efi.canTouchEfiVariables = false (and boot.loader.grub.efiInstallAsRemovable = true with GRUB); the machine was not rebooted',
  },
] as const satisfies readonly KnownFailure[];

/** Where nothing else is known. */
export const machineFallbacks = [
  {
    id: 'not-bootable',
    title: 'the new system would not boot',
    says: /^(nixos-install|check-installed\.sh) (failed|was killed)/m,
    where: inInstall,
    cause: 'nixos-install failed, mostly in the boot loader, or what it left starts nothing',
    hint: 'the machine was not rebooted: it still runs the installer, with the new disks at /mnt, and lets root in. Correct the configuration (boot.loader, where the EFI partition is mounted, how big it is) and run again',
  },
] as const satisfies readonly KnownFailure[];
