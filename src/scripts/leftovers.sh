#!/bin/sh
# As root, prints the id of each detached work that earlier runs began in this boot, and "running" or "ended".
set -u
for dir in /run/nixos-anywhere/tasks/*; do
  [ -e "$dir/pid" ] || continue
  read -r pid start <"$dir/pid"
  state=ended
  if [ ! -e "$dir/exit" ] && [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ]; then
    state=running
  fi
  echo "${dir##*/} $state"
done
exit 0
