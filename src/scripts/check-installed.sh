#!/bin/sh
# check-installed.sh SYSTEM: fails unless the system profile below /mnt leads to SYSTEM and the root is marked as NixOS.
set -u
system=$1
profile=/mnt/nix/var/nix/profiles/system
# the links are absolute and lead into the store below /mnt
link=$(readlink "$profile") || {
  echo "there is no system profile at $profile" >&2
  exit 1
}
case $link in /*) generation=/mnt$link ;; *) generation=/mnt/nix/var/nix/profiles/$link ;; esac
found=$(readlink "$generation" || echo "$link")
found=${found#/mnt}
[ "$found" = "$system" ] || {
  echo "the system profile leads to $found, not to $system" >&2
  exit 1
}
[ -d "/mnt$system" ] || {
  echo "$system is not in the store below /mnt" >&2
  exit 1
}
[ -e /mnt/etc/NIXOS ] || {
  echo '/mnt/etc/NIXOS is missing: nixos-install did not come to its end' >&2
  exit 1
}
