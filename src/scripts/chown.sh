#!/bin/sh
# chown.sh [OWNER PATH]...: as root, gives PATH of the new system below /mnt, and all below it, to OWNER: USER or USER:GROUP,
# each a number or a name that the new system knows. Links are changed themselves, never followed.
set -eu

refuse() {
  echo "$1" >&2
  exit 1
}

# leads_out PATH: what there is of PATH does not lie, or lead, below /mnt
leads_out() {
  there=$1
  while [ ! -e "$there" ] && [ ! -L "$there" ]; do there=${there%/*}; done
  case $(cd -P "$there" 2>/dev/null && pwd -P) in /mnt | /mnt/*) return 1 ;; esac
}

# number_of NAME FILE: from the new system's FILE (passwd or group), not the installer's; a number is its own
number_of() {
  case $1 in *[!0-9]*) ;; *)
    echo "$1"
    return
    ;;
  esac
  # an absolute link would lead to the installer's
  if [ -f "/mnt/etc/$2" ] && [ ! -L "/mnt/etc/$2" ]; then
    while IFS=: read -r name _ number _; do
      if [ "$name" = "$1" ]; then
        echo "$number"
        return
      fi
    done <"/mnt/etc/$2"
  fi
  refuse "the new system has no $1 in /etc/$2: give the owner as a number"
}

while [ $# -ge 2 ]; do
  owner=$1 path=$2
  shift 2
  if [ ! -e "/mnt$path" ] && [ ! -L "/mnt$path" ]; then refuse "$path does not exist in the new system"; fi
  if leads_out "/mnt${path%/*}"; then refuse "$path lies behind a link that leads out of /mnt"; fi
  new=$(number_of "${owner%%:*}" passwd)
  case $owner in *:*) new=$new:$(number_of "${owner#*:}" group) ;; esac
  chown -R -h "$new" "/mnt$path"
done
