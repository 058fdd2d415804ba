#!/bin/sh
# switch-to-configuration boot|switch|test: has the firmware start this system (not with test), and makes it the current
# one (not with boot). In between it goes wrong as @fault@ says.
set -eu
PATH=@busybox@/bin:/run/current-system/sw/bin
export PATH
action=${1:-} fault=@fault@
case $action in
boot | switch | test) ;;
*) echo 'usage: switch-to-configuration boot|switch|test' >&2 && exit 1 ;;
esac
system=${0%/bin/switch-to-configuration}
for i in $(seq 1 @delaySeconds@); do
  echo "switch-to-configuration: waiting, $i of @delaySeconds@"
  sleep 1
done
if [ "$action $fault" = "switch refuse" ]; then
  echo 'Pre-switch checks failed' >&2
  exit 1
fi

# install_file NAME: copies what the system's NAME points to; its name on the ESP is in $installed
install_file() {
  path=$(readlink -f "$system/$1")
  installed=EFI/nixos/${path##*/}.efi
  cp "$path" "/boot/$installed.tmp"
  mv "/boot/$installed.tmp" "/boot/$installed"
}

set_up_boot_loader() {
  mkdir -p /boot/EFI/BOOT /boot/EFI/nixos /boot/loader/entries
  if [ "${NIXOS_INSTALL_BOOTLOADER:-}" = 1 ]; then
    cp @bootloader@ /boot/EFI/BOOT/BOOTX64.EFI
  fi
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
}

[ "$action" = test ] || set_up_boot_loader
[ "$action" != boot ] || exit 0
case $fault in
sshd)
  echo 'stopping sshd and its sessions'
  # init starts the server again
  killall sshd sshd-session 2>/dev/null || true
  sleep 3
  ;;
network)
  echo 'the network is down for 40 s'
  ip link set eth0 down
  # longer than the keepalives of a connection last
  sleep 40
  ip link set eth0 up
  ;;
esac
"$system/activate"
echo "activated $system"
case $fault in
units)
  echo 'warning: the following units failed: demo-one.service, demo-two.mount' >&2
  exit 4
  ;;
lockout) ip link set eth0 down ;;
esac
