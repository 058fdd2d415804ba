#!/bin/sh
# Second stage of the installed system: process 1 after the initrd. Links the userland into place, then leaves the
# rest to busybox's init.
PATH=@busybox@/bin
export PATH
system=${0%/init}
hangs=@hangs@
while [ "$hangs" = yes ]; do sleep 60; done
mount -t proc proc /proc 2>/dev/null
mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 run /run
mkdir -p /dev/pts /dev/shm /run/sshd /run/lock /etc /var/empty /var/log /root /tmp /boot
chmod 1777 /tmp
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
ln -sfn "$system" /run/booted-system
ln -sfn @userland@/usr /usr
for d in bin sbin lib lib64; do ln -sfn usr/$d /$d; done
for f in passwd group shadow gshadow nsswitch.conf ld.so.conf ld.so.conf.d protocols services; do
  [ -e "/etc/$f" ] || cp -r "@userland@/etc/$f" /etc/
done
"$system/activate"
cat >/run/udhcpc <<'E'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/$mask" dev "$interface"
[ -n "$router" ] && ip route replace default via "${router%% *}"
exit 0
E
cat >/run/host-keys <<'E'
#!/bin/sh
# makes those host keys of the configuration that the disk has not
while read -r type path; do
  [ @rekey@ = no ] || rm -f "$path" "$path.pub"
  mkdir -p "$(dirname "$path")"
  [ -e "$path" ] || ssh-keygen -q -t "$type" -N '' -f "$path" </dev/null
done <<'K'
@hostKeys@
K
E
cat >/run/rc <<'E'
#!/bin/sh
ip link set lo up
ip link set eth0 up
udhcpc -b -q -i eth0 -s /run/udhcpc -t 10 -T 1 >/dev/null 2>&1
/run/host-keys
mount -t vfat LABEL=ESP /boot
echo "installed system: up after $(cut -d' ' -f1 /proc/uptime) s" >/dev/console
E
chmod 755 /run/udhcpc /run/host-keys /run/rc
cat >/etc/inittab <<'E'
::sysinit:/run/rc
::respawn:/usr/sbin/sshd -D -e
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -a -r
E
PATH=@busybox@/bin:/usr/bin:/usr/sbin
exec @busybox@/bin/init
