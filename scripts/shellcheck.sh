#!/bin/sh
# Checks every shell file of the repository, also those without an ending.
set -eu
cd "$(dirname "$0")/.."
git ls-files -co --exclude-standard -- ':!dist' | while read -r file; do
  if [ -f "$file" ] && { [ "${file%.sh}" != "$file" ] || head -c 64 "$file" | head -n 1 | grep -qE '^#!.*\b(sh|bash)( |$)'; }; then
    printf '%s\n' "$file"
  fi
done | xargs shellcheck --external-sources
