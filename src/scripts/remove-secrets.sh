#!/bin/sh
# As root, removes whatever put-secret.sh has put here, in this run or in one that was cut off.
set -u
list=/run/nixos-anywhere/secrets
[ -f "$list" ] || exit 0
failed=
while IFS= read -r path; do
  rm -f "$path" "$path.nixos-anywhere" || failed="$failed $path"
done <"$list"
[ -z "$failed" ] || {
  echo "could not remove$failed" >&2
  exit 1
}
rm -f "$list"
