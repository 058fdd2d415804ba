#!/bin/sh
# detached-start.sh ID BYTES [ARG...]: as root, starts the script that comes on standard input (BYTES long) with ARGs,
# so that it goes on when this connection ends. Its output, exit code and process are left in the folder of ID for
# detached-follow.sh. Saying it again after a lost answer starts nothing twice.
set -eu
umask 077
dir=/run/nixos-anywhere/tasks/$1
bytes=$2
shift 2
mkdir -p "$dir"
[ -e "$dir/started" ] && exit 0
cat >"$dir/script.$$"
[ "$(wc -c <"$dir/script.$$")" -eq "$bytes" ] || {
  echo 'the script came only in part' >&2
  exit 1
}
# whoever makes the folder starts the work
mkdir "$dir/started" 2>/dev/null || exit 0
mv "$dir/script.$$" "$dir/script"
: >"$dir/log"
cat >"$dir/launch" <<'LAUNCH'
dir=$1
shift
# once, should systemd have said no and started it all the same
mkdir "$dir/launched" 2>/dev/null || exit 0
# whole at once: whoever finds it without a number takes us for dead
echo "$$ $(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)" >"$dir/pid.new"
mv "$dir/pid.new" "$dir/pid"
sh "$dir/script" "$@" >"$dir/log" 2>&1 </dev/null && code=0 || code=$?
echo "$code" >"$dir/exit.new"
mv "$dir/exit.new" "$dir/exit"
LAUNCH
by_systemd() {
  [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 || return 1
  # KillMode: what the script leaves running (the delayed jump of kexec/run) must outlive it
  systemd-run --quiet --collect --no-block --property=KillMode=process \
    --setenv=PATH="$PATH" --setenv=HOME="${HOME:-/root}" \
    --setenv=SUDO_USER="${SUDO_USER:-}" --setenv=DOAS_USER="${DOAS_USER:-}" \
    /bin/sh "$dir/launch" "$dir" "$@" >/dev/null </dev/null
}
# before systemd 236 it knows no --collect (CentOS 7, Amazon Linux 2, SLES 15 at first)
if ! by_systemd "$@"; then
  setsid sh "$dir/launch" "$dir" "$@" >/dev/null 2>&1 </dev/null &
fi
