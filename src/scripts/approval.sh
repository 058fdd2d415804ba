#!/bin/sh
# approval.sh [RECORD]: as root, keeps the record of the plan that was approved for this boot; without RECORD prints it.
# It lies in memory: another boot begins without one.
set -eu
umask 077
dir=/run/nixos-anywhere
if [ $# -eq 0 ]; then
  [ ! -e "$dir/approved-plan" ] || cat "$dir/approved-plan"
  exit 0
fi
mkdir -p "$dir"
printf '%s\n' "$1" >"$dir/approved-plan.new"
mv "$dir/approved-plan.new" "$dir/approved-plan"
