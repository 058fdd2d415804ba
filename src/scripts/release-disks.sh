#!/bin/sh
# As root, in an installer in whose place another one is to be started: lets go of the disks, so that their file systems
# are as whole as after a reboot. Prints what is still in use.
set -u
# mounted: what is mounted at and below /mnt, the deepest first; blanks and the like are octal in there
mounted() { sed -n 's/^[^ ]* \(\/mnt\) .*/\1/p; s/^[^ ]* \(\/mnt\/[^ ]*\) .*/\1/p' /proc/mounts | sort -r; }

sync
mounted | while read -r path; do umount "$(printf '%b' "$path")" 2>/dev/null; done
if command -v zpool >/dev/null 2>&1; then zpool export -a 2>/dev/null; fi
sync
mounted | uniq
