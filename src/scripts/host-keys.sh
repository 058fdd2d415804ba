#!/bin/sh
# host-keys.sh COPY [TYPE PATH]...: as root, sees to it that the new system below /mnt has its SSH host keys before it
# boots for the first time, so that they are known: copies the installer's (COPY=yes), and makes those of the
# configured ones that are still missing. Prints the public keys. Never replaces an existing key.
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
while [ $# -ge 2 ]; do
  type=$1 file=/mnt$2
  shift 2
  if [ ! -e "$file" ] && [ ! -L "$file" ]; then
    (umask 022 && mkdir -p "$(dirname "$file")")
    ssh-keygen -q -t "$type" -N '' -C '' -f "$file" </dev/null >&2
  fi
  [ -f "$file.pub" ] || ssh-keygen -y -f "$file" >"$file.pub"
  chmod 644 "$file.pub"
  cut -d' ' -f1,2 "$file.pub"
done
