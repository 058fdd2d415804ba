#!/bin/sh
# host-keys.sh COPY [TYPE PATH BITS]...: as root, sees to it that the new system below /mnt has its SSH host keys before it
# boots for the first time, so that they are known: copies the installer's (COPY=yes), and makes those of the
# configured ones that are still missing (BITS may be empty). Prints the public keys, and "unknown=PATH: REASON" for
# a key that cannot be made now. Never replaces an existing key, and writes nothing where a link leads out of /mnt.
set -eu
umask 077
copy=$1
shift

# leads_out PATH: what there is of PATH does not lie, or lead, below /mnt
leads_out() {
  there=$1
  while [ ! -e "$there" ] && [ ! -L "$there" ]; do there=${there%/*}; done
  case $(cd -P "$there" 2>/dev/null && pwd -P) in /mnt | /mnt/*) return 1 ;; esac
}

if [ "$copy" = yes ]; then
  if leads_out /mnt/etc/ssh; then
    echo 'the host keys cannot be copied: /etc/ssh of the new system is a link that leads out of /mnt, or no folder' >&2
    exit 1
  fi
  (umask 022 && mkdir -p /mnt/etc/ssh)
  for key in /etc/ssh/ssh_host_*_key; do
    # the public half and the certificate of another key are of no use beside one that was supplied
    if [ -e "/mnt$key" ] || [ -L "/mnt$key" ]; then continue; fi
    for file in "$key" "$key.pub" "$key-cert.pub"; do
      if [ -f "$file" ] && [ ! -e "/mnt$file" ] && [ ! -L "/mnt$file" ]; then cp -p "$file" "/mnt$file"; fi
    done
    # Fedora's are for a group to read, too: sshd of the new system would refuse those
    if [ -f "/mnt$key" ]; then chmod 600 "/mnt$key"; fi
  done
fi

# make_key TYPE FILE BITS: FILE if it is missing, and FILE.pub unless it is there and belongs to FILE: one that was left by
# another key would be expected of the new system, which never shows it
make_key() {
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then
    (umask 022 && mkdir -p "${2%/*}") >&2 &&
      ssh-keygen -q -t "$1" ${3:+-b "$3"} -N '' -C '' -f "$2" </dev/null >&2 || return 1
  fi
  derived=$(ssh-keygen -y -P '' -f "$2" </dev/null) || return 1
  if [ ! -f "$2.pub" ] || [ "$(cut -d' ' -f1,2 "$2.pub")" != "$(echo "$derived" | cut -d' ' -f1,2)" ]; then
    # not half a file: the next run would take it for the key
    echo "$derived" >"$2.pub.new" && mv "$2.pub.new" "$2.pub" || return 1
  fi
  chmod 644 "$2.pub"
}

while [ $# -ge 3 ]; do
  type=$1 path=$2 bits=$3
  shift 3
  file=/mnt$path
  case $path in
  /run/* | /dev/* | /proc/* | /sys/*) echo "unknown=$path: it is made at boot" ;;
  *)
    if leads_out "${file%/*}"; then
      echo "unknown=$path: above it is a link that leads out of /mnt, or a file"
    elif ! make_key "$type" "$file" "$bits"; then
      echo "unknown=$path: ssh-keygen failed"
    elif [ "$(stat -f -c %T "${file%/*}" 2>/dev/null)" = tmpfs ]; then
      echo "unknown=$path: it lies in memory"
    else
      cut -d' ' -f1,2 "$file.pub"
    fi
    ;;
  esac
done
