#!/bin/sh
# host-keys.sh COPY [TYPE PATH BITS]...: as root, sees to it that the new system below /mnt has its SSH host keys before it
# boots for the first time, so that they are known: copies the installer's (COPY=yes), and makes those of the
# configured ones that are still missing (BITS may be empty). Prints the public keys. Never replaces an existing key.
set -eu
umask 077
copy=$1
shift
if [ "$copy" = yes ]; then
  (umask 022 && mkdir -p /mnt/etc/ssh)
  for file in /etc/ssh/ssh_host_*; do
    to=/mnt/etc/ssh/${file##*/}
    if [ -f "$file" ] && [ ! -e "$to" ] && [ ! -L "$to" ]; then cp -p "$file" "$to"; fi
  done
fi
while [ $# -ge 3 ]; do
  type=$1 file=/mnt$2 bits=$3
  shift 3
  if [ ! -e "$file" ] && [ ! -L "$file" ]; then
    (umask 022 && mkdir -p "$(dirname "$file")")
    ssh-keygen -q -t "$type" ${bits:+-b "$bits"} -N '' -C '' -f "$file" </dev/null >&2
  fi
  if [ ! -f "$file.pub" ]; then
    # not half a file: the next run would take it for the key
    ssh-keygen -y -f "$file" >"$file.pub.new"
    mv "$file.pub.new" "$file.pub"
  fi
  chmod 644 "$file.pub"
  cut -d' ' -f1,2 "$file.pub"
done
