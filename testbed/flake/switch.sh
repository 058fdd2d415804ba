#!/bin/sh
# switch-to-configuration boot: has the firmware start this system
set -eu
PATH=@busybox@/bin
export PATH
[ "${1:-}" = boot ] || { echo "usage: switch-to-configuration boot" >&2 && exit 1; }
for i in $(seq 1 @delaySeconds@); do
  echo "switch-to-configuration: waiting, $i of @delaySeconds@"
  sleep 1
done
system=$(readlink -f /nix/var/nix/profiles/system)
mkdir -p /boot/EFI/BOOT /boot/EFI/nixos /boot/loader/entries
if [ "${NIXOS_INSTALL_BOOTLOADER:-}" = 1 ]; then
  cp @bootloader@ /boot/EFI/BOOT/BOOTX64.EFI
fi

# install_file NAME: copies what the system's NAME points to; its name on the ESP is in $installed
install_file() {
  path=$(readlink -f "$system/$1")
  installed=EFI/nixos/${path##*/}.efi
  cp "$path" "/boot/$installed.tmp"
  mv "/boot/$installed.tmp" "/boot/$installed"
}
install_file kernel
kernel=$installed
install_file initrd
cat >/boot/loader/entries/nixos-generation-1.conf <<E
title NixOS
version Generation 1
linux /$kernel
initrd /$installed
options init=$system/init $(cat "$system/kernel-params")
E
printf 'timeout 0\ndefault nixos-generation-1.conf\n' >/boot/loader/loader.conf
loader=@loader@
case $loader in
fails)
  echo 'could not write to the EFI partition' >&2
  exit 1
  ;;
no-entry) rm /boot/loader/entries/nixos-generation-1.conf ;;
esac
sync
echo "boot loader set up for $system"
