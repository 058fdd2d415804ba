#!/bin/sh
# check-installed.sh SYSTEM LOADER ESP ENTRIES EFINAME [GRUB GRUBESP]...: as root, fails unless the new system below /mnt will
# boot: the system profile leads to SYSTEM, the root is marked as NixOS, and the boot loader starts SYSTEM.
# LOADER is systemd-boot, grub, grub-efi or other, of which nothing is known. ESP and ENTRIES are the mount points of
# the EFI partition and of the one with the entries, EFINAME is how this architecture's default loader is called
# (bootx64.efi), each GRUB is a folder that holds grub/grub.cfg, and GRUBESP the EFI partition that belongs to it.
set -u
system=$1 loader=$2 esp=$3 entries=$4 efi_name=$5
shift 5

fail() {
  echo "$1" >&2
  exit 1
}

profile=/mnt/nix/var/nix/profiles/system
# the links are absolute and lead into the store below /mnt
link=$(readlink "$profile") || fail "there is no system profile at $profile"
case $link in /*) generation=/mnt$link ;; *) generation=/mnt/nix/var/nix/profiles/$link ;; esac
found=$(readlink "$generation" || echo "$link")
found=${found#/mnt}
[ "$found" = "$system" ] || fail "the system profile leads to $found, not to $system"
[ -d "/mnt$system" ] || fail "$system is not in the store below /mnt"
[ -e /mnt/etc/NIXOS ] || fail '/mnt/etc/NIXOS is missing: nixos-install did not come to its end'

# FAT knows no upper and lower case, but tests and file systems of other kinds do
has_file() { find "$1" -type f 2>/dev/null | grep -qiE "$2"; }
is_vfat() { grep -q "^[^ ]* $1 vfat " /proc/mounts; }

# entry_boots FILE: whether this entry of systemd-boot starts SYSTEM with files that are there
entry_boots() {
  # word by word: a store path may have characters, such as +, that mean something in a pattern
  sed -n 's/^options[[:space:]]//p' "$1" | tr -s '[:space:]' '\n' | grep -qxF "init=$system/init" || return 1
  grep -qE '^linux[[:space:]]' "$1" || return 1
  sed -nE 's/^(linux|initrd)[[:space:]]+([^[:space:]]+).*/\2/p' "$1" | while read -r file; do
    [ -s "/mnt$entries/$file" ] || return 1
  done
}

check_systemd_boot() {
  is_vfat "/mnt$esp" || fail "no EFI partition (vfat) is mounted at /mnt$esp, where the configuration has it"
  has_file "/mnt$esp" "/EFI/(systemd/systemd-|BOOT/)$efi_name\$" ||
    fail "systemd-boot is not on the EFI partition: /mnt$esp has no EFI/systemd/systemd-$efi_name and no EFI/BOOT/$efi_name"
  for entry in "/mnt$entries"/loader/entries/*.conf; do
    if [ -f "$entry" ] && entry_boots "$entry"; then return; fi
  done
  fail "no boot entry in /mnt$entries/loader/entries starts $system with a kernel and an initrd that are there"
}

check_grub() {
  while [ $# -ge 2 ]; do
    config=/mnt$1/grub/grub.cfg grub_esp=$2
    shift 2
    [ -f "$config" ] || fail "GRUB has no configuration: there is no $config"
    grep -qF "$system/" "$config" || fail "GRUB's configuration $config does not start $system"
    [ "$loader" = grub ] || has_file "/mnt$grub_esp" '\.efi$' ||
      fail "GRUB is not on the EFI partition: /mnt$grub_esp has no .efi file"
  done
}

case $loader in
systemd-boot) check_systemd_boot ;;
grub | grub-efi) check_grub "$@" ;;
esac
