#!/bin/sh
# Prints which boot and which system this is.
set -u
echo "bootId=$(cat /proc/sys/kernel/random/boot_id)"
echo "systemPath=$(readlink -f /run/current-system)"
echo "hostName=$(uname -n)"
