#!/bin/sh
# deauthorize.sh LINE: as root, takes LINE out of root's authorized_keys again.
set -eu
umask 077
file=/root/.ssh/authorized_keys
[ -f "$file" ] || exit 0
grep -vxF -- "$1" "$file" >"$file.nixos-anywhere" || true
# keeps the file's owner, mode and links
cat "$file.nixos-anywhere" >"$file"
rm "$file.nixos-anywhere"
