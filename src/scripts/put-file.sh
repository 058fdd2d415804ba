#!/bin/sh
# put-file.sh PATH MODE BYTES: as root, writes standard input (BYTES long) to PATH of the new system below /mnt, as root's
# file with MODE. Folders that are missing above it are open to all, as who may read the file is up to its mode. What is
# there already is replaced; a folder is not, and nothing is written where a link leads out of /mnt.
set -eu
path=/mnt$1 mode=$2 bytes=$3
parent=${path%/*}

# leads_out PATH: what there is of PATH does not lie, or lead, below /mnt
leads_out() {
  there=$1
  while [ ! -e "$there" ] && [ ! -L "$there" ]; do there=${there%/*}; done
  case $(cd -P "$there" 2>/dev/null && pwd -P) in /mnt | /mnt/*) return 1 ;; esac
}

if leads_out "$parent"; then
  echo "$1 cannot be written: above it is a link that leads out of /mnt, or a file" >&2
  exit 1
fi
if [ -d "$path" ] && [ ! -L "$path" ]; then
  echo "$1 cannot be written: there is a folder of this name" >&2
  exit 1
fi
(umask 022 && mkdir -p "$parent")
umask 077
# a name of our own, as the longest one leaves no room for an ending
new=$parent/.nixos-anywhere-secret
rm -f "$new"
# a part of a secret must not stay on a disk that is full
cat >"$new" || {
  rm -f "$new"
  exit 1
}
# a connection that breaks ends the input too
[ "$(wc -c <"$new")" -eq "$bytes" ] || {
  rm -f "$new"
  echo "$1 came only in part" >&2
  exit 1
}
chmod "$mode" "$new"
# mv would follow a link to a folder
if [ -L "$path" ]; then rm -f "$path"; fi
mv -f "$new" "$path"
