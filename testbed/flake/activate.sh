#!/bin/sh
# Makes this system the current one: what a running machine takes over without a reboot.
set -eu
PATH=@busybox@/bin
export PATH
system=${0%/activate}
mkdir -p /etc/ssh/authorized_keys.d /etc/nix
printf '%s\n' ID=nixos NAME=NixOS 'PRETTY_NAME="NixOS (testbed @hostName@)"' 'VERSION_ID="25.11"' >/etc/os-release
echo @hostName@ >/etc/hostname
hostname @hostName@
# whole at once: somebody may be logging in
cat >/etc/ssh/authorized_keys.d/root.new <<'E'
@keys@
E
mv /etc/ssh/authorized_keys.d/root.new /etc/ssh/authorized_keys.d/root
cat >/etc/ssh/sshd_config <<'E'
@sshdConfig@
E
printf 'experimental-features = nix-command flakes\nsubstituters =\nbuild-users-group =\n' >/etc/nix/nix.conf
ln -sfn "$system" /run/current-system
