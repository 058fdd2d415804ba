#!/usr/bin/env bash
# Builds the machine that gets taken over: a Debian 12 with systemd, sshd and sudo on a GPT disk that boots by UEFI.
# Users root and debian (sudo without asking, password "debian") trust the testbed's key. Leaves target.raw, and in
# probe/ what finds out whether this machine's KVM runs a common kernel.
# shellcheck source=testbed/lib.sh
. "$(dirname "$0")/lib.sh"
packages=systemd-sysv,udev,kmod,openssh-server,sudo,cpio,zstd,curl,wget,iproute2,procps
# whatever disks may be made of
packages+=,fdisk,lvm2,mdadm,cryptsetup-bin,btrfs-progs,busybox-static
disk_mb=4096
esp_mb=96

userland() {
  log 'target: userland'
  debian_tree bookworm "$r" "$packages"
  mkdir -p "$r/lib/modules" && cp -a "$k/lib/modules/." "$r/lib/modules/"
  # drivers no virtual machine has a use for
  rm -rf "$r"/lib/modules/*/kernel/{sound,drivers/{infiniband,gpu,media,usb,iio,scsi,target,hv,xen,net/ethernet,net/wireless}}
  depmod -b "$r" "$(<"$k/version")"
}

configuration() {
  echo target >"$r/etc/hostname"
  echo '127.0.0.1 localhost target' >"$r/etc/hosts"
  echo 'LABEL=target-root / ext4 defaults 0 1' >"$r/etc/fstab"
  printf '[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n' >"$r/etc/systemd/network/10-dhcp.network"
  chroot "$r" systemctl --quiet enable systemd-networkd ssh
  chroot "$r" systemctl --quiet mask systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer e2scrub_reap dpkg-db-backup.timer fstrim.timer
  chroot "$r" useradd -m -s /bin/bash -G sudo debian
  echo 'debian:debian' | chroot "$r" chpasswd
  echo 'debian ALL=(ALL) NOPASSWD: ALL' >"$r/etc/sudoers.d/debian"
  install -d -m 700 "$r/root/.ssh"
  install -m 600 "$TB_KEY.pub" "$r/root/.ssh/authorized_keys"
  install -d -m 700 -o 1000 -g 1000 "$r/home/debian/.ssh"
  install -m 600 -o 1000 -g 1000 "$TB_KEY.pub" "$r/home/debian/.ssh/authorized_keys"
}

esp() {
  initrd "$k" "$TB_DIR/guest/target-initrd-init" "$work/initrd" "${TB_MODULES[@]}"
  cat >"$work/entry.conf" <<'E'
title target
linux /vmlinuz
initrd /initrd
options console=ttyS0 root=LABEL=target-root mitigations=off panic=5 systemd.show_status=0 quiet
E
  echo 'timeout 0' >"$work/loader.conf"
  mkfs.vfat -n TARGET-ESP -C "$work/esp" $((esp_mb * 1024)) >/dev/null
  mmd -i "$work/esp" ::/EFI ::/EFI/BOOT ::/loader ::/loader/entries
  # this very name needs no entry in the firmware's memory
  mcopy -i "$work/esp" /usr/lib/systemd/boot/efi/systemd-bootx64.efi ::/EFI/BOOT/BOOTX64.EFI
  mcopy -i "$work/esp" "$k/boot/vmlinuz" ::/vmlinuz
  mcopy -i "$work/esp" "$work/initrd" ::/initrd
  mcopy -i "$work/esp" "$work/loader.conf" ::/loader/loader.conf
  mcopy -i "$work/esp" "$work/entry.conf" ::/loader/entries/target.conf
}

disk() {
  log 'target: disk'
  mke2fs -q -t ext4 -L target-root -d "$r" "$work/rootfs" $((disk_mb - esp_mb - 2))M >/dev/null
  truncate -s "${disk_mb}M" "$work/disk"
  printf 'label: gpt\nsize=%sM, type=uefi\ntype=linux\n' "$esp_mb" | sfdisk -q "$work/disk"
  dd if="$work/esp" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none
  dd if="$work/rootfs" of="$work/disk" bs=1M seek=$((1 + esp_mb)) conv=notrunc,sparse status=none
}

probe() {
  mkdir -p "$TB_CACHE/probe"
  cp "$k/boot/vmlinuz" "$TB_CACHE/probe/vmlinuz"
  initrd "$k" "$TB_DIR/guest/probe-init" "$TB_CACHE/probe/initrd"
}

built target "$0" "$TB_DIR"/{lib,common}.sh "$TB_DIR"/guest/{target-initrd,probe}-init "$TB_KEY.pub" &&
  [[ -f $TB_CACHE/target.raw ]] && exit 0
become_root
work_folder
r=$work/root
k=$(kernel bookworm)
userland
configuration
esp
disk
probe
mv "$work/disk" "$TB_CACHE/target.raw"
mark_built target
log "target: $(du -h "$TB_CACHE/target.raw" | cut -f1) on disk, built in $SECONDS s"
