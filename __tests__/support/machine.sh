#!/bin/sh
# machine.sh NIX HIDDEN SYSTEM INSTALLER ETC SSHD...: in fresh mount and process namespaces, makes this computer look like a
# machine of its own and becomes SSHD: empty /root, /run, /nix and /mnt, and a boot id that is new with every start. The
# folder NIX stays visible; the programs HIDDEN (separated by blanks) are not there. /run/current-system leads to SYSTEM,
# if that is not empty. INSTALLER (yes, no, or a file that makes it yes): it says that it is a NixOS installer, and has
# a nixos-install that is slow, writes into /mnt and touches nothing else. There is a user `guest`, who is not root. What
# is in the folder ETC, if that is not empty, is laid over /etc. Nothing else of this computer can be changed but its temporary
# files, which the tests share with the machine, and a store in which NIX itself lies.
set -eu
nix=$1 hidden=$2 system=$3 installer=$4 etc=$5
shift 5
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd /run/nix-kept /run/nix-conf /run/stand-ins
# the folders of this computer are hidden below
cp "$(dirname "$0")/../../testbed/installer/rootfs/usr/bin"/nixos-[fg]* /run/stand-ins
[ -z "$system" ] || ln -s "$system" /run/current-system
if [ -n "$etc" ]; then
  mkdir /run/etc /run/etc-work
  mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc-work overlay /etc
  # root's, whoever runs the test
  cp -R --remove-destination --preserve=mode "$etc/." /etc
  # where sudo notes whom it has lectured
  if [ -d /var/lib/sudo ]; then mount -t tmpfs -o mode=700 tmpfs /var/lib/sudo; fi
fi
users='nixbld1 nixbld2 nixbld3 nixbld4'
(
  cat /etc/passwd
  echo guest:x:54321:54321::/var/empty:/bin/sh
  id=30000
  for user in $users; do
    id=$((id + 1))
    echo "$user:x:$id:30000::/var/empty:/bin/false"
  done
) >/run/passwd
mount --bind /run/passwd /etc/passwd
(cat /etc/group && echo "nixbld:x:30000:$(echo "$users" | tr ' ' ,)") >/run/group
mount --bind /run/group /etc/group
# as in an installer without a network: nothing is fetched. Builds are sandboxed as root does it there: in a user
# namespace /proc could not be mounted over the boot id below, and Nix would leave the sandbox out
printf 'substituters =\nbuild-users-group = nixbld\nsandbox-fallback = false\nsandbox-paths = /bin/sh=/bin/busybox\n' >/run/nix-conf/nix.conf
echo 0 >/run/max_user_namespaces
mount --bind /run/max_user_namespaces /proc/sys/user/max_user_namespaces
mount --bind "$nix" /run/nix-kept
empty='/root /var/tmp /mnt /nix'
# a Nix that lies in the store: without its database the store counts as empty too
case $nix in /nix/store/*) empty='/root /var/tmp /mnt /nix/var' ;; esac
for dir in $empty; do
  if [ -d "$dir" ]; then mount -t tmpfs -o mode=755 tmpfs "$dir"; fi
done
if [ ! -e "$nix" ]; then
  mkdir -p "$nix"
  mount --bind /run/nix-kept "$nix"
fi
for program in $hidden; do
  for dir in /usr/local/bin /usr/bin /bin /usr/sbin /sbin; do
    if [ -e "$dir/$program" ]; then mount --bind /dev/null "$dir/$program"; fi
  done
done
if [ "$installer" = yes ] || [ -e "$installer" ]; then
  printf 'ID=nixos\nVARIANT_ID=installer\nPRETTY_NAME="NixOS installer (a stand-in)"\n' >/run/os-release
  mount --bind /run/os-release /etc/os-release
  mkdir -p /run/current-system/sw/bin
  cat >/run/current-system/sw/bin/nixos-install <<'E'
#!/bin/sh
set -eu
echo "nixos-install: $* NIXOS_NO_CHECK=${NIXOS_NO_CHECK-unset}"
while [ "$1" != --system ]; do shift; done
for i in 1 2 3 4 5 6 7 8; do
  echo "nixos-install: waiting, $i of 8"
  sleep 0.5
done
mkdir -p /mnt/etc /mnt/nix/var/nix/profiles
touch /mnt/etc/NIXOS
# as the activation of the new system does it
[ -e /mnt/etc/passwd ] || echo 'alice:x:1234:100::/home/alice:/bin/sh' >/mnt/etc/passwd
[ -e /mnt/etc/group ] || echo 'users:x:100:' >/mnt/etc/group
ln -sfn "$2" /mnt/nix/var/nix/profiles/system
E
  chmod 755 /run/current-system/sw/bin/nixos-install
  mv /run/stand-ins/nixos-[fg]* /run/current-system/sw/bin
fi
cat /proc/sys/kernel/random/uuid >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
writable="/tmp ${TMPDIR:-/tmp}"
case $nix in
# its own store then, as it is
/nix/store/*) writable="$writable /nix/store" ;;
*) for dir in /run/nix-kept "$nix"; do mount -o remount,bind,ro "$dir" 2>/dev/null || :; done ;;
esac
for dir in $writable; do mount --bind "$dir" "$dir"; done
mount -o remount,bind,ro /
for dir in /dev /sys /usr /var /boot /home; do mount -o remount,bind,ro "$dir" 2>/dev/null || :; done
exec "$@"
