#!/bin/sh
# Prints what the action must know about this machine, one name=value a line. Changes nothing and needs no rights.
set -u

has() { if command -v "$1" >/dev/null 2>&1; then echo yes; else echo no; fi; }
# leads_to LINK: readlink alone also answers for what is not there
leads_to() { if [ -e "$1" ]; then readlink -f "$1"; fi; }
works() { if "$@" >/dev/null 2>&1 </dev/null; then echo yes; else echo no; fi; }
# release NAME: that field of os-release, unquoted
release() { sed -n "s/^$1=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}\$/\1/p" /etc/os-release 2>/dev/null | head -n 1; }

# The kernel's own tables, since `ip` need not be there. A route that leads nowhere has the device `*` or `lo`.
leads_out_4() { grep -E '^[^*[:space:]]+[[:space:]]+0{8}([[:space:]]+[0-9A-F]+){5}[[:space:]]+0{8}[[:space:]]' /proc/net/route; }
leads_out_6() { grep -E '^(0{32} 00|20{31} 03) ' /proc/net/ipv6_route | grep -v ' lo$'; }
case "$(works leads_out_4) $(works leads_out_6)" in
'no yes') ipv6_only=yes ;;
*) ipv6_only=no ;;
esac

# Of the devices that have a link; bridges and tunnels, which have no hardware, run over others.
wired=no
wireless=no
for device in /sys/class/net/*; do
  if [ -e "$device/device" ] && [ "$(cat "$device/carrier" 2>/dev/null)" = 1 ]; then
    if [ -e "$device/wireless" ] || [ -e "$device/phy80211" ]; then wireless=yes; else wired=yes; fi
  fi
done
case "$wired $wireless" in
'no yes') wireless_only=yes ;;
*) wireless_only=no ;;
esac

case " $(release ID) $(release ID_LIKE) " in
*' nixos '*) nixos=yes ;;
*) nixos=no ;;
esac
# older installers say VARIANT only
case "$nixos $(release VARIANT_ID) $(release VARIANT | tr '[:upper:]' '[:lower:]')" in
'yes installer '* | 'yes '*' installer') installer=yes ;;
*) installer=no ;;
esac

echo "os=$(uname -s)"
echo "architecture=$(uname -m)"
echo "kernel=$(uname -r)"
echo "distribution=$(release PRETTY_NAME)"
echo "nixos=$nixos"
echo "installer=$installer"
echo "container=$(systemd-detect-virt --container 2>/dev/null || echo none)"
echo "root=$(works test "$(id -u)" -eq 0)"
echo "home=${HOME:-}"
echo "sudo=$(works sudo -n true)"
echo "doas=$(works doas -n true)"
echo "sudoInstalled=$(has sudo)"
# nohup: the run script of the image jumps by it, and where it is missing says that it will, and does not
for tool in tar cpio gzip setsid nohup sh find; do
  [ "$(has "$tool")" = yes ] || echo "missingTool=$tool"
done
echo "memoryKiB=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo 2>/dev/null)"
echo "bootId=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "uefi=$(works test -d /sys/firmware/efi)"
echo "kexecDisabled=$(cat /proc/sys/kernel/kexec_load_disabled 2>/dev/null || echo 0)"
echo "lockdown=$(sed -n 's/.*\[\(.*\)\].*/\1/p' /sys/kernel/security/lockdown 2>/dev/null)"
echo "machineId=$(cat /etc/machine-id 2>/dev/null)"
echo "installId=$(head -n 1 /nix/var/nixos-anywhere/install-id 2>/dev/null)"
for address in $(ip -o addr show scope global 2>/dev/null | sed -n 's/.* inet6\{0,1\} \([^ ]*\).*/\1/p'); do
  echo "address=$address"
done
echo "ipv6Only=$ipv6_only"
echo "wirelessOnly=$wireless_only"
echo "systemPath=$(leads_to /run/current-system)"
echo "profilePath=$(leads_to /nix/var/nix/profiles/system)"
echo "earlierRun=$(works test -e /run/nixos-anywhere-installing)"
