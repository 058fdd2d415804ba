#!/bin/sh
# nixos-install.sh SYSTEM BOOTLOADER [NOCHECK]: as root, installs SYSTEM below /mnt, with a boot loader unless BOOTLOADER is
# no. NOCHECK is the NIXOS_NO_CHECK of who asked for it.
set -eu
system=$1 bootloader=$2
if [ $# -ge 3 ]; then export NIXOS_NO_CHECK="$3"; fi
set -- --no-root-passwd --no-channel-copy --system "$system"
if [ "$bootloader" = no ]; then set -- "$@" --no-bootloader; fi
exec nixos-install "$@"
