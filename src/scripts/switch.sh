#!/bin/sh
# switch.sh SYSTEM: as root, makes SYSTEM the profile that boots next, and switches the running system over to it. The
# exit code is that of switch-to-configuration.
set -eu
system=$1
switch=$system/bin/switch-to-configuration
# before the profile is changed: this system could only be booted (system.switch.enable is false)
[ -x "$switch" ] || {
  echo "$system has no bin/switch-to-configuration" >&2
  exit 1
}
nix-env -p /nix/var/nix/profiles/system --set "$system"
exec "$switch" switch
