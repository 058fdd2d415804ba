#!/bin/sh
# installing.sh yes|no: as root, leaves a mark in the installer that an install has begun, for the next run, which sees
# its half-written disks; or takes it away. It is gone with the installer, and readable by all, as facts.sh needs it.
set -eu
umask 022
mark=/run/nixos-anywhere-installing
if [ "$1" = yes ]; then : >"$mark"; else rm -f "$mark"; fi
