#!/bin/sh
# detached-forget.sh NAME...: as root, removes what detached works whose names begin with NAME and - left here. Those that still
# run keep theirs.
set -u
for name; do
  for dir in /run/nixos-anywhere/tasks/"$name"-*; do
    [ -e "$dir/exit" ] || continue
    rm -rf "$dir"
  done
done
