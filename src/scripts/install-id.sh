#!/bin/sh
# install-id.sh ROOT [ID]: as root, records ID as that of the system below ROOT (empty for the running one). Without ID
# no record is left. Written whole: half an ID would be another one, and another one means that the disks are wiped.
set -eu
umask 022
record=$1/nix/var/nixos-anywhere/install-id
id=${2:-}
if [ -z "$id" ]; then
  [ -e "$record" ] || exit 0
  rm -f "$record"
  sync
  exit 0
fi
mkdir -p "${record%/*}"
rm -f "$record.new"
printf '%s\n' "$id" 2>/dev/null >"$record.new" || true
# a shell need not notice, or say, that the disk is full
[ "$(cat "$record.new")" = "$id" ] || {
  rm -f "$record.new"
  echo "there is no room to write $record" >&2
  exit 1
}
sync
mv "$record.new" "$record"
sync
