#!/bin/sh
# new-folders.sh [MODE PATH]...: as root, makes the folders PATH of the new system below /mnt as far as they are missing, with
# MODE, those above another first. One that is there keeps its mode and owner. MODE `-` stands for a file that is to come:
# nothing is made then. Fails before anything is made where a folder is in the place of a file or the reverse, or where a
# link leads out of /mnt.
set -eu
umask 077

refuse() {
  echo "$1" >&2
  exit 1
}

check() {
  if [ "$1" = - ]; then
    if [ -d "/mnt$2" ] && [ ! -L "/mnt$2" ]; then
      refuse "$2 is a file of extra-files, but a folder on the target"
    fi
  elif [ -d "/mnt$2" ] && [ -L "/mnt$2" ]; then
    case $(cd -P "/mnt$2" && pwd -P) in
    /mnt | /mnt/*) ;;
    *) refuse "$2 is a folder of extra-files, but on the target a link that leads out of /mnt" ;;
    esac
  elif [ ! -d "/mnt$2" ] && { [ -e "/mnt$2" ] || [ -L "/mnt$2" ]; }; then
    refuse "$2 is a folder of extra-files, but not on the target"
  fi
}

make() {
  if [ "$1" = - ] || [ -d "/mnt$2" ]; then return 0; fi
  mkdir "/mnt$2"
  chmod "$1" "/mnt$2"
}

# each_pair COMMAND [MODE PATH]...
each_pair() {
  command=$1
  shift
  mode=
  for word; do
    if [ -z "$mode" ]; then
      mode=$word
    else
      "$command" "$mode" "$word"
      mode=
    fi
  done
}

each_pair check "$@"
each_pair make "$@"
