#!/bin/sh
# Runs a command until standard input closes, then ends it and everything below it. A test process that holds the
# other end of that pipe leaves nothing behind, even when it is itself killed.
set -u

# sshd gives every connection a session of its own, so ending a process group would miss them
descendants() {
  # shellcheck disable=SC2013 # words: the kernel writes the children on one line
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    printf '%s\n' "$child"
    descendants "$child"
  done
}

# A killed process is gone a moment later, and only children can be waited for. An orphan may stay a zombie for as
# long as the machine's first process likes.
await_end() {
  tries=0
  while [ "$tries" -lt 100 ] && grep -q '^State:[[:space:]]*[A-WYa-y]' "/proc/$1/status"; do
    sleep 0.02
    tries=$((tries + 1))
  done
}

exec 3<&0
"$@" 3<&- </dev/null &
command=$!
{
  read -r _ <&3
  trap '' TERM
  below=$(descendants "$command")
  # shellcheck disable=SC2086 # one word a process
  kill -KILL "$command" $below
  for process in $below; do await_end "$process"; done
} 2>/dev/null &
watcher=$!
exec 3<&-
wait "$command"
status=$?
# where the command ended by itself the watcher still reads; where the watcher ended it, it finishes
kill "$watcher" 2>/dev/null
wait "$watcher"
exit "$status"
