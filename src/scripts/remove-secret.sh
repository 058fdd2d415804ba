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
grep -vxF -e "$path" "$list" >"$dir/rest-of-secrets" || true
if [ -s "$dir/rest-of-secrets" ]; then mv "$dir/rest-of-secrets" "$list"; else rm -f "$list" "$dir/rest-of-secrets"; fi
