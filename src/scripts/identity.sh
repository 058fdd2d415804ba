#!/bin/sh
# Prints which boot and which system this is.
set -u
echo "bootId=$(cat /proc/sys/kernel/random/boot_id)"
# without a system, as in an initrd, readlink would print the name that it was given
echo "systemPath=$([ ! -e /run/current-system ] || readlink -f /run/current-system)"
echo "hostName=$(uname -n)"
