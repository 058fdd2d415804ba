#!/bin/sh
# detached-forget.sh NAME...: as root, removes what detached works whose names begin with NAME and - left here. Those that still
# run keep theirs.
set -u
# goes_on DIR: it has not ended, or has not begun; what was killed says nothing of its end
goes_on() {
  [ ! -e "$1/exit" ] || return 1
  read -r pid start 2>/dev/null <"$1/pid" || return 0
  [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ]
}
for name; do
  for dir in /run/nixos-anywhere/tasks/"$name"-*; do
    goes_on "$dir" || rm -rf "$dir"
  done
done
