#!/bin/sh
# lease.sh take|renew OWNER BOOT EXPIRY RUN ATTEMPT JOB PLAN PHASE, lease.sh release OWNER: as root, the right to work on
# this machine, which one run at a time has. It lies in memory and belongs to one boot; the time of its last sign of life
# is the machine's own. Prints "state=…":
#   taken     it was free, or is ours already        same-run  taken from an earlier attempt of the same run
#   expired   taken from a run that gave no sign of life for EXPIRY seconds
#   held      another run has it (only take)         lost      another run has, or had, it meanwhile (only renew)
#   rebooted  this is not the boot BOOT
# and of the run from which it was taken, or that has it: run, attempt, job, phase, its beat, and for how many seconds
# it has the lease (held) and has been silent.
set -eu
umask 077
verb=$1 owner=$2
dir=/run/nixos-anywhere
record=$dir/lease
mkdir -p "$dir"

uptime() { sed 's/[. ].*//' /proc/uptime; }
field() { sed -n "s/^$1=//p" "$record" 2>/dev/null | head -n 1; }

# lock: one of these scripts at a time, until the end of this one
lock() {
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$dir/lease.lock"
    flock 9
    return
  fi
  seen='' since=0
  until mkdir "$dir/lease.lock.d" 2>/dev/null; do
    # held for milliseconds: whoever has it for seconds was killed
    now=$(ls -di "$dir/lease.lock.d" 2>/dev/null || true)
    if [ "$now" != "$seen" ]; then
      seen=$now since=$(uptime)
    elif [ "$(($(uptime) - since))" -gt 5 ]; then
      rmdir "$dir/lease.lock.d" 2>/dev/null || true
    fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  trap 'rmdir "$dir/lease.lock.d"' EXIT
}

# tell STATE: the answer, with what the record says before it is written anew
tell() {
  echo "state=$1"
  [ -e "$record" ] || return 0
  sed -n '/^\(run\|attempt\|job\|phase\|beat\)=/p' "$record"
  echo "held=$((now - ${since:-$now}))"
  echo "silent=$((now - ${beat:-$now}))"
}

lock
if [ "$verb" = release ]; then
  [ "$(field owner)" = "$owner" ] || exit 0
  # not removed: who comes back after a long silence must see that another run was here
  { sed '/^released=/d' "$record" && echo released=yes; } >"$record.new"
  mv "$record.new" "$record"
  exit 0
fi

boot=$3 expiry=$4 run=$5 attempt=$6 job=$7 plan=$8 phase=$9
now=$(uptime)
since=$(field since | sed '/[^0-9]/d')
beat=$(field beat | sed '/[^0-9]/d')
current=$(cat /proc/sys/kernel/random/boot_id)
if [ "$current" != "$boot" ]; then
  echo state=rebooted
  exit 0
fi

# earlier_attempt: the holder is a job of our run that must have ended for us to be started
earlier_attempt() {
  [ -n "$run" ] && [ "$(field run)" = "$run" ] || return 1
  theirs=$(field attempt)
  [ "$attempt" -gt "${theirs:-0}" ] || { [ "$attempt" = "$theirs" ] && [ "$(field job)" = "$job" ]; }
}

if [ ! -e "$record" ] || [ "$(field boot)" != "$current" ]; then
  rm -f "$record"
  state=taken
elif [ "$(field owner)" = "$owner" ]; then
  state=taken
elif [ "$verb" = renew ]; then
  tell lost
  exit 0
elif [ "$(field released)" = yes ]; then
  state=taken
elif earlier_attempt; then
  state=same-run
elif [ -z "$beat" ] || [ "$((now - beat))" -gt "$expiry" ] || [ "$beat" -gt "$now" ]; then
  state=expired
else
  tell held
  exit 0
fi

tell "$state"
[ "$(field owner)" = "$owner" ] || since=$now
printf '%s\n' "owner=$owner" "boot=$current" "run=$run" "attempt=$attempt" "job=$job" "plan=$plan" "phase=$phase" \
  "since=${since:-$now}" "beat=$now" >"$record.new"
mv "$record.new" "$record"
