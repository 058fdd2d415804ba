#!/bin/sh
# switch-to-configuration of a system that does not replace what it runs on: for a machine with another Linux and a real
# systemd. Cuts every SSH connection, as an update of sshd may do, and says in which unit it runs.
set -eu
PATH=@busybox@/bin:/usr/bin
export PATH
[ "${1:-}" = switch ] || { echo 'usage: switch-to-configuration switch' >&2 && exit 1; }
echo "unit: $(sed 's|.*/||' /proc/self/cgroup)"
killall sshd
sleep 2
systemctl start ssh
hostname @hostName@
ln -sfn "${0%/bin/switch-to-configuration}" /run/current-system
echo 'activated after sshd was stopped'
