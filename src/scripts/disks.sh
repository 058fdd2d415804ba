#!/bin/sh
# disks.sh [PATH...]: everything about the block devices of this machine, for src/plan/disks/inventory.ts. Looks only.
# Needs /sys and /proc, and root to look into the devices. Lines of fields with tabs between them; the last field is
# foreign text as it stands, which may have tabs itself:
#   blkid util-linux|busybox|none   who looks for file systems
#   device NAME MAJOR:MINOR BYTES   NAME is the kernel's
#   NAME KEY VALUE                  as "prop NAME KEY VALUE"; a key may come more than once
#   link MAJOR:MINOR PATH           in /dev/disk; these two numbers in hexadecimal
#   asked NUMBER MAJOR:MINOR        the same for each PATH, from 0; no numbers where it is no block device
#   mount LINE, swap LINE, zpool LINE, btrfs UUID NAME
set -u

# first FILE: its first line, in $value
first() {
  value=
  { IFS= read -r value <"$1"; } 2>/dev/null
}
prop() { [ -z "$3" ] || printf 'prop\t%s\t%s\t%s\n' "$1" "$2" "$3"; }
# attribute NAME KEY FILE...: of the first of these files that says anything
attribute() {
  of=$1 key=$2
  shift 2
  for source in "$@"; do
    first "$source"
    [ -z "$value" ] || break
  done
  prop "$of" "$key" "$value"
}

case $(blkid -V 2>&1) in
*util-linux*) blkid=util-linux ;;
*) if command -v blkid >/dev/null 2>&1; then blkid=busybox; else blkid=none; fi ;;
esac

# numbers FILE OFFSET COUNT: 64 bit numbers, in the order of bytes that all processors with LVM here share
numbers() { dd if="$1" bs=8 skip="$(($2 / 8))" count="$3" 2>/dev/null | od -A n -v -t u8; }

# lvm NAME FILE: of a physical volume its id, and what its metadata says. Read here and not asked of LVM's tools: they
# take locks and write hints, and before and after the kexec the answer must be the same whichever tools there are.
lvm() {
  for sector in 0 1 2 3; do
    [ "$(dd if="$2" bs=8 skip=$((sector * 64)) count=1 2>/dev/null | tr -d '\000')" = LABELONE ] || continue
    label=$((sector * 512))
    prop "$1" pv "$(dd if="$2" bs=32 skip=$((label / 32 + 1)) count=1 2>/dev/null | tr -cd '[:alnum:]')"
    # shellcheck disable=SC2046 # numbers: places and lengths of data areas up to a 0, then of metadata areas
    set -- "$1" "$2" $(numbers "$2" $((label + 72)) 16)
    device=$1 file=$2
    shift 2
    while [ "${1:-0}" != 0 ]; do shift 2; done
    [ $# -ge 4 ] && [ "$3" != 0 ] && lvm_metadata "$device" "$file" "$3" "$4"
    return
  done
}

# lvm_metadata NAME FILE OFFSET LENGTH: the text in a metadata area, which is written round and round
lvm_metadata() {
  # shellcheck disable=SC2046 # place and length
  set -- "$@" $(numbers "$2" $(($3 + 40)) 2)
  [ "${6:-0}" != 0 ] || { printf 'prop\t%s\tlvm\t\n' "$1" && return; }
  [ "$6" -lt 16777216 ] || return 0
  printf 'prop\t%s\tlvm\t' "$1"
  {
    dd if="$2" bs=512 skip=$((($3 + $5) / 512)) count=$((($4 - $5) / 512))
    dd if="$2" bs=512 skip=$((($3 + 512) / 512)) count=$((($4 - 512) / 512))
  } 2>/dev/null | head -c "$6" | tr '\n\t\000' '\t  '
  printf '\n'
}

# probe NAME: what is on the device
probe() {
  file=/dev/$1
  # the kernel writes cciss!c0d0 for cciss/c0d0
  case $1 in *!*) file=/dev/$(printf %s "$1" | tr '!' /) ;; esac
  [ -r "$file" ] || return 0
  case $blkid in
  util-linux)
    # without -p it writes what it found to a cache
    types=$(blkid -p -o udev "$file" 2>/dev/null)
    printf '%s\n' "$types" | while IFS= read -r line; do prop "$1" blkid "$line"; done
    case $types in *LVM2_member*) lvm "$1" "$file" ;; esac
    ;;
  *)
    [ "$blkid" = none ] || prop "$1" busybox-blkid "$(blkid "$file" 2>/dev/null)"
    command -v mdadm >/dev/null 2>&1 &&
      prop "$1" md-array "$(mdadm --examine --export "$file" 2>/dev/null | sed -n 's/^MD_UUID=//p')"
    lvm "$1" "$file"
    ;;
  esac
}

# device NAME FOLDER: what all kinds of block devices have; false where there is nothing in it
device() {
  first "$2/size"
  bytes=$((${value:-0} * 512))
  [ "$bytes" -gt 0 ] || return 1
  first "$2/dev"
  number=$value
  printf 'device\t%s\t%s\t%s\n' "$1" "$number" "$bytes"
}

# hardware NAME FOLDER NUMBER: what tells one disk from another. The kernel's word comes first: what udev makes of it
# depends on its version. Kernels differ in which of several WWNs they choose, for which see isSameDisk.
hardware() {
  attribute "$1" removable "$2/removable"
  attribute "$1" read-only "$2/ro"
  attribute "$1" model "$2/device/model" "$2/device/name"
  attribute "$1" serial "$2/serial" "$2/device/serial"
  if [ -z "$value" ] && [ -r "$2/device/vpd_pg80" ]; then
    # 4 bytes of header
    prop "$1" serial "$(tail -c +5 "$2/device/vpd_pg80" 2>/dev/null | tr -d '\000\n')"
  fi
  attribute "$1" wwn "$2/wwid" "$2/device/wwid"
  [ ! -r "/run/udev/data/b$3" ] || while IFS= read -r line; do
    case $line in
    E:ID_SERIAL_SHORT=*) prop "$1" udev-serial "${line#*=}" ;;
    E:ID_WWN_WITH_EXTENSION=* | E:ID_WWN=*) prop "$1" udev-wwn "${line#*=}" ;;
    E:ID_MODEL=*) prop "$1" udev-model "${line#*=}" ;;
    esac
  done <"/run/udev/data/b$3"
}

# stack NAME FOLDER: what it is made of
stack() {
  attribute "$1" dm-name "$2/dm/name"
  attribute "$1" dm-uuid "$2/dm/uuid"
  attribute "$1" md-level "$2/md/level"
  attribute "$1" backing-file "$2/loop/backing_file"
  for slave in "$2"/slaves/*; do
    [ ! -e "$slave" ] || prop "$1" slave "${slave##*/}"
  done
}

number=0
for path in "$@"; do
  device=
  [ ! -b "$path" ] || device=$(stat -L -c %t:%T "$path" 2>/dev/null)
  printf 'asked\t%s\t%s\n' "$number" "$device"
  number=$((number + 1))
done

printf 'blkid\t%s\n' "$blkid"
for block in /sys/block/*; do
  name=${block##*/}
  case $name in ram* | zram* | sr* | fd* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
  # a path of a multipath NVMe disk
  first "$block/hidden"
  [ "$value" != 1 ] || continue
  device "$name" "$block" || continue
  hardware "$name" "$block" "$number"
  stack "$name" "$block"
  # whoever reads from a suspended device waits
  first "$block/dm/suspended"
  [ "$value" = 1 ] || probe "$name"
  for part in "$block/$name"*; do
    [ -e "$part/partition" ] || continue
    partition=${part##*/}
    device "$partition" "$part" || continue
    prop "$partition" disk "$name"
    attribute "$partition" partition "$part/partition"
    probe "$partition"
  done
done

for link in /dev/disk/by-id/* /dev/disk/by-path/*; do
  [ ! -b "$link" ] || printf '%s\000' "$link"
done | xargs -r0 stat -L -c 'link	%t:%T	%n' 2>/dev/null
while IFS= read -r line; do
  case $line in *' - '*' /dev/'* | *' - zfs '*) printf 'mount\t%s\n' "$line" ;; esac
done </proc/self/mountinfo
[ ! -r /proc/swaps ] || while IFS= read -r line; do printf 'swap\t%s\n' "$line"; done </proc/swaps
for member in /sys/fs/btrfs/*/devices/*; do
  [ -e "$member" ] || continue
  folder=${member%/devices/*}
  printf 'btrfs\t%s\t%s\n' "${folder##*/}" "${member##*/}"
done
# zpool would load the module
[ ! -d /proc/spl ] || zpool status -LP 2>/dev/null | while IFS= read -r line; do printf 'zpool\t%s\n' "$line"; done
exit 0
