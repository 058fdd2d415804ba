#!/bin/sh
# detached-follow.sh ID OFFSET: prints the output of detached work from byte OFFSET on, until it ends. The last line of
# standard error is "ended CODE", or "died" when its process went away without an exit code.
set -u
dir=/run/nixos-anywhere/tasks/$1
offset=$2

# print_new: what the log holds beyond offset; fails when nobody reads any more
print_new() {
  size=$(wc -c <"$dir/log")
  [ "$size" -gt "$offset" ] || return 0
  tail -c "+$((offset + 1))" "$dir/log" | head -c "$((size - offset))" || return 1
  offset=$size
}

# alive: the very process that was started still runs, not another one that got its number
alive() {
  read -r pid start <"$dir/pid" 2>/dev/null || return 1
  [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ]
}

beats=0
while :; do
  # looked at before the log is read: what was printed before the end must not be lost
  ended=no
  if [ -e "$dir/exit" ]; then ended=yes; fi
  dead=no
  if [ "$ended" = no ] && [ -e "$dir/pid" ] && ! alive && [ ! -e "$dir/exit" ]; then dead=yes; fi
  # started, but its process never came to write down who it is
  if [ ! -e "$dir/pid" ] && [ "$beats" -gt 100 ]; then dead=yes; fi
  print_new || exit 0
  if [ "$ended" = yes ]; then
    echo "ended $(cat "$dir/exit")" >&2
    exit 0
  fi
  if [ "$dead" = yes ]; then
    echo died >&2
    exit 0
  fi
  beats=$((beats + 1))
  sleep 0.2 2>/dev/null || sleep 1
done
