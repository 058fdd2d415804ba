#!/bin/sh
# remove-secret.sh PATH: as root, removes what put-secret.sh has put at PATH, and leaves the rest for remove-secrets.sh.
set -eu
umask 077
path=$1
dir=/run/nixos-anywhere
list=$dir/secrets
grep -qxF -e "$path" "$list" 2>/dev/null || exit 0
rm -f "$path" "$path.nixos-anywhere"
# a name that remove-secrets.sh would take for a list of its own is none
rest=$dir/rest-of-secrets
kept=$(grep -vxF -e "$path" "$list") || [ "$?" -eq 1 ]
if [ -z "$kept" ]; then
  rm -f "$list"
elif printf '%s\n' "$kept" 2>/dev/null >"$rest" && [ "$(cat "$rest")" = "$kept" ]; then
  mv "$rest" "$list"
else
  # there is no room: with a name too many it still says what else is to be removed
  rm -f "$rest"
fi
