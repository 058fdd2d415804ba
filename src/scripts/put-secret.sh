#!/bin/sh
# put-secret.sh PATH BYTES: as root, writes standard input (BYTES long) to PATH, for root alone; folders that are missing
# above it are root's alone too. Each PATH is noted for remove-secrets.sh before there is anything. A file that is there
# already and was not put there like this is left alone.
set -eu
umask 077
path=$1 bytes=$2
list=/run/nixos-anywhere/secrets
mkdir -p /run/nixos-anywhere
touch "$list"
if ! grep -qxF -e "$path" "$list"; then
  if [ -e "$path" ] || [ -L "$path" ]; then
    echo "$path is there already, and was not put there by this action" >&2
    exit 1
  fi
  printf '%s\n' "$path" >>"$list"
fi
mkdir -p "$(dirname "$path")"
rm -f "$path.nixos-anywhere"
# in /tmp anybody may put a file of theirs, or a link, where ours is to come: it must be new
set -C
cat >"$path.nixos-anywhere"
# a connection that breaks ends the input too
[ "$(wc -c <"$path.nixos-anywhere")" -eq "$bytes" ] || {
  rm -f "$path.nixos-anywhere"
  echo "$path came only in part" >&2
  exit 1
}
mv -f "$path.nixos-anywhere" "$path"
