#!/bin/sh
# As root, ends every store daemon that bridge.sh left behind and waits until it is gone. Seen: such a daemon holds a
# path's lock for more than ten minutes and does not heed SIGTERM (NixOS/nix#2699).
set -u
for file in /run/nixos-anywhere/bridges/*; do
  [ -f "$file" ] || continue
  pid=${file##*/}
  start=$(cat "$file")
  # a record that was cut off: empty would be the same as the empty answer for a process that is gone
  [ -n "$start" ] || start=unknown
  while [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ]; do
    # a zombie holds no locks
    case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in Z*) break ;; esac
    kill -9 "$pid" 2>/dev/null
    sleep 0.1 2>/dev/null || sleep 1
  done
  rm -f "$file"
done
exit 0
