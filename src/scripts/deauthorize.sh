#!/bin/sh
# deauthorize.sh COMMENT: as root, takes the lines that end in COMMENT out of root's authorized_keys again: those that this
# run has put there, and runs that were killed.
set -eu
umask 077
ours=" $1\$"
file=/root/.ssh/authorized_keys
[ -f "$file" ] || exit 0
grep -v -- "$ours" "$file" >"$file.nixos-anywhere" || true
# a full disk must not empty the file: nobody could log in any more. BusyBox grep does not tell that it could not write
[ "$(grep -v -- "$ours" "$file" | wc -c)" -eq "$(wc -c <"$file.nixos-anywhere")" ] || {
  rm -f "$file.nixos-anywhere"
  echo "there is no room to write $file" >&2
  exit 1
}
# keeps the file's owner, mode and links
cat "$file.nixos-anywhere" >"$file"
rm "$file.nixos-anywhere"
