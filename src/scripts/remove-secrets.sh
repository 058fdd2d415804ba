#!/bin/sh
# remove-secrets.sh [WORK]: as root, removes whatever put-secret.sh has put here, in this run or in one that was cut off.
# While detached work of the name WORK goes on, which needs them, a process stays here that waits for its end first.
set -u
dir=/run/nixos-anywhere
work=${1:-}

# goes_on: the work still runs, and not another process that got its number
goes_on() {
  for task in "$dir/tasks/$work"-*; do
    if [ ! -e "$task/pid" ] || [ -e "$task/exit" ]; then continue; fi
    read -r pid start <"$task/pid" || continue
    if [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ]; then return 0; fi
  done
  return 1
}

# remove LIST...: what the lists name, and those lists of which nothing is left
remove() {
  failed=
  for list; do
    [ -f "$list" ] || continue
    kept=
    while IFS= read -r path; do
      rm -f "$path" "$path.nixos-anywhere" || kept="$kept $path"
    done <"$list"
    [ -n "$kept" ] || rm -f "$list"
    failed=$failed$kept
  done
  [ -z "$failed" ] || {
    echo "could not remove$failed" >&2
    return 1
  }
}

if [ -n "$work" ] && [ -f "$dir/secrets" ] && goes_on; then
  # a list of its own: the next run may bring new secrets meanwhile, which are not ours to remove
  mine=$dir/secrets.$$
  mv "$dir/secrets" "$mine"
  (
    trap '' HUP
    while goes_on; do sleep 1; done
    remove "$mine"
  ) >/dev/null 2>&1 </dev/null &
  exit 0
fi
remove "$dir/secrets" "$dir"/secrets.*
