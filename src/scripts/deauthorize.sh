#!/bin/sh
# deauthorize.sh LINE: as root, takes LINE out of root's authorized_keys again.
set -eu
umask 077
file=/root/.ssh/authorized_keys
[ -f "$file" ] || exit 0
# 1: no line is left. Anything else, such as a full disk, must not empty the file: nobody could log in any more
grep -vxF -- "$1" "$file" >"$file.nixos-anywhere" || [ $? -eq 1 ] || {
  rm -f "$file.nixos-anywhere"
  exit 1
}
# keeps the file's owner, mode and links
cat "$file.nixos-anywhere" >"$file"
rm "$file.nixos-anywhere"
