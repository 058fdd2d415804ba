#!/bin/sh
# Prints what changes with every boot of the kernel.
set -eu
cat /proc/sys/kernel/random/boot_id
