#!/bin/sh
# access.sh KEY COMMENT: as root, what the kexec image will take along. Prints "authorized=yes" when KEY (base64) stands in a
# file that kexec/run of nixos-images copies, "authorized=left" where only an earlier run, which was killed, has put it there
# with COMMENT, and "hostKey=TYPE BASE64" for each host key.
set -u
key=$1 comment=$2
authorized=no
# kexec/run looks in root's home and in that of the user who called sudo or doas
login=${DOAS_USER:-${SUDO_USER:-root}}
login_home=$(getent passwd "$login" 2>/dev/null | cut -d: -f6)
[ -n "$login_home" ] || login_home=$(sed -n "s/^$login:[^:]*:[^:]*:[^:]*:[^:]*:\([^:]*\):.*/\1/p" /etc/passwd)
for file in /root/.ssh/authorized_keys /root/.ssh/authorized_keys2 \
  "$login_home/.ssh/authorized_keys" "$login_home/.ssh/authorized_keys2" /etc/ssh/authorized_keys.d/*; do
  [ -f "$file" ] || continue
  lines=$(grep -v '^[[:space:]]*#' "$file" | grep -F -- "$key") || continue
  if printf '%s\n' "$lines" | grep -qvF -- "$comment"; then authorized=yes; fi
  [ "$authorized" = yes ] || authorized=left
done
echo "authorized=$authorized"
for file in /etc/ssh/ssh_host_*_key.pub; do
  [ -f "$file" ] && [ -f "${file%.pub}" ] && echo "hostKey=$(cut -d' ' -f1,2 "$file")"
done
exit 0
