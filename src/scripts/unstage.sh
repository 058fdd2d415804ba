#!/bin/sh
# As root, ends a staging that still goes on (its run was killed or cancelled) and removes the kexec image. A jump that
# was begun but has not come yet fails then, as kexec/run starts it from there.
set -u
record=/run/nixos-anywhere/staging
[ -e "$record" ] || exit 0
read -r pid start home <"$record"

# end PID: kills it with all that it has started
end() {
  kill -STOP "$1" 2>/dev/null
  sed -n "s/^\([0-9]*\) (.*) [A-Za-z] $1 .*/\1/p" /proc/[0-9]*/stat 2>/dev/null |
    while read -r child; do end "$child"; done
  kill -9 "$1" 2>/dev/null
}

if [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ]; then end "$pid"; fi
# what was killed may still be writing
for _ in 1 2 3 4 5; do
  rm -rf "$home/image" 2>/dev/null && break
  sleep 1
done
[ ! -e "$home/image" ] || {
  echo "$home/image could not be removed" >&2
  exit 1
}
rmdir "$home" 2>/dev/null
rm -f "$record"
