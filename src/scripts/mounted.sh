#!/bin/sh
# Fails unless something is mounted at /mnt: without it the system would be installed into the installer's memory.
set -u
grep -q '^[^ ]* /mnt ' /proc/mounts || {
  echo 'nothing is mounted at /mnt' >&2
  exit 1
}
