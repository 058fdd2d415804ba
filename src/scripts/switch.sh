#!/bin/sh
# switch.sh SYSTEM BOOTLOADER [NOCHECK]: as root, makes SYSTEM the profile that boots next, and switches the running system over
# to it; the boot loader itself is installed again if BOOTLOADER is yes. NOCHECK is the NIXOS_NO_CHECK of who asked for
# it. The exit code is that of switch-to-configuration.
set -eu
system=$1 bootloader=$2
switch=$system/bin/switch-to-configuration
# before the profile is changed: this system could only be booted (system.switch.enable is false)
[ -x "$switch" ] || {
  echo "$system has no bin/switch-to-configuration" >&2
  exit 1
}
nix-env -p /nix/var/nix/profiles/system --set "$system"
if [ $# -ge 3 ]; then export NIXOS_NO_CHECK="$3"; fi
if [ "$bootloader" = yes ]; then export NIXOS_INSTALL_BOOTLOADER=1; fi
exec "$switch" switch
