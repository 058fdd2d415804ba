#!/bin/sh
# switch.sh SYSTEM: as root, makes SYSTEM the profile that boots next, and switches the running system over to it.
set -eu
system=$1
nix-env -p /nix/var/nix/profiles/system --set "$system"
exec "$system/bin/switch-to-configuration" switch
