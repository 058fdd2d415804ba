#!/bin/sh
# Lays out @disk@ and mounts it at /mnt; modes: disko wipes first, format makes what is missing, mount only mounts.
# With @keyFile@ the root is encrypted, and that file, byte for byte, is what opens it; with @unattended@ a copy of it
# stays on the ESP, for the boots to come.
set -eu
mode=@mode@
disk=@disk@
key_file=@keyFile@
unattended=@unattended@
PATH=@deps@/usr/sbin:/usr/bin:/sbin:/bin
export PATH

for i in $(seq 1 @delaySeconds@); do
  echo "disko: waiting, $i of @delaySeconds@"
  sleep 1
done
if [ "$mode" = disko ]; then
  # one by one, the innermost first: this shell prefers busybox's umount, which knows no -R
  cut -d' ' -f2 /proc/mounts | grep -E '^/mnt(/|$)' | sort -r | while read -r point; do umount "$point"; done
  if [ -e /dev/mapper/root ]; then cryptsetup close root; fi
  wipefs -qaf "$disk"*
fi
if [ "$mode" != mount ] && [ "$(blkid -o value -s LABEL "${disk}2" || true)" != nixos ]; then
  # what wiped it may still be looked at, and a table that is in use cannot be read again
  udevadm settle --timeout=10 || true
  printf 'label: gpt\nsize=256M, type=uefi, name=ESP\n%stype=linux, name=root\n' '@rootSize@' | sfdisk -q --wipe always "$disk"
  # seen: the kernel kept the old table, and the file systems were made where the old partitions lay
  for i in 1 2 3 4 5 6 7 8 9 10; do
    udevadm settle --timeout=10 || true
    blockdev --rereadpt "$disk" && break
    [ "$i" -lt 10 ] || exit 1
    sleep 1
  done
  udevadm settle --timeout=10 || true
  # it complains of a code page that the installer does not have, and goes on
  messages=$(mkfs.vfat -F 32 -n ESP "${disk}1" 2>&1) || { printf '%s\n' "$messages" >&2 && exit 1; }
  if [ -n "$key_file" ]; then
    # few iterations: the testbed's processor is emulated
    cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$key_file" "${disk}2"
    cryptsetup open --key-file "$key_file" "${disk}2" root
    mkfs.ext4 -q -F -L nixos /dev/mapper/root
  else
    mkfs.ext4 -q -F -L nixos "${disk}2"
  fi
fi
root=${disk}2
if [ -n "$key_file" ]; then
  root=/dev/mapper/root
  [ -e "$root" ] || cryptsetup open --key-file "$key_file" "${disk}2" root
fi
mkdir -p /mnt
mountpoint -q /mnt || mount -t ext4 "$root" /mnt
mkdir -p /mnt/boot
mountpoint -q /mnt/boot || mount -t vfat -o umask=0077 "${disk}1" /mnt/boot
if [ "$unattended" = yes ]; then cp "$key_file" /mnt/boot/root.key; fi
