#!/bin/sh
# disks.sh [PATH...]: for each PATH a line "wanted<TAB>PATH<TAB>DEVICE" (an empty DEVICE where there is no such block
# device), then every disk of the machine as "disk<TAB>DEVICE<TAB>BYTES<TAB>MODEL<TAB>BY-ID".
set -u
tab=$(printf '\t')

for path in "$@"; do
  device=$(readlink -f "$path" 2>/dev/null)
  [ -b "$device" ] || device=
  printf 'wanted\t%s\t%s\n' "$path" "$device"
done

for block in /sys/block/*; do
  name=${block##*/}
  case $name in loop* | ram* | zram* | sr* | dm-* | md* | fd*) continue ;; esac
  sectors=$(cat "$block/size" 2>/dev/null || echo 0)
  [ "$sectors" -gt 0 ] || continue
  model=
  [ -r "$block/device/model" ] && model=$(tr "$tab" ' ' <"$block/device/model" | sed 's/ *$//')
  id=
  for link in /dev/disk/by-id/*; do
    if [ -z "$id" ] && [ "$(readlink -f "$link")" = "/dev/$name" ]; then id=$link; fi
  done
  printf 'disk\t/dev/%s\t%s\t%s\t%s\n' "$name" "$((sectors * 512))" "$model" "$id"
done
