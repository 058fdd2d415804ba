#!/usr/bin/env bash
# Builds a stand-in for the nixos-images kexec tarball: a Debian 13 userland with sshd, nix and the disk tools that
# runs from memory and calls itself a NixOS installer. Leaves installer.tar.gz, and rootfs.tar.gz for the flake.
# shellcheck source=testbed/lib.sh
. "$(dirname "$0")/lib.sh"
packages=nix-bin,openssh-server,busybox-static,udev,kmod,e2fsprogs,dosfstools,fdisk,parted,cryptsetup-bin,iproute2
packages+=,procps,cpio,kexec-tools,ca-certificates

userland() {
  log 'installer: userland'
  debian_tree trixie "$r" "$packages"
  slim
  local name
  for name in init reboot poweroff halt udhcpc; do ln -sf /usr/bin/busybox "$r/usr/sbin/$name"; done
  # the same userland, before it turns into an installer, is what the flake's systems run
  tar -C "$r" --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -cf "$work/rootfs.tar" ./usr ./etc
  pigz -9nf "$work/rootfs.tar"
}

# slim: without what nothing here runs. The image is uploaded by every install, the userland copied twice, and
# network and processor of an emulated machine are slow.
slim() (
  cd "$r"
  rm -rf var/lib/dpkg etc/udev/hwdb.bin etc/ssh/ssh_host_* \
    usr/bin/{perl,apt,dpkg}* usr/bin/{bash-static,openssl,sqv,ssh-keyscan} usr/sbin/tc \
    usr/lib/{apt,dpkg,systemd/system,systemd/user} usr/lib/udev/hwdb.* \
    usr/lib/x86_64-linux-gnu/{perl,libperl,libdb-,libapt-,libmvec,gconv/}* \
    usr/lib/x86_64-linux-gnu/systemd/libsystemd-core* \
    usr/share/{bash-completion,zsh,perl,perl5,doc,man,locale,i18n}
  # of systemd there is only udev
  find usr/lib/systemd -maxdepth 1 -type f -name 'systemd*' ! -name systemd-udevd -delete
)

modules() {
  local version parts=(modules.* kernel/{crypto,fs,lib,drivers/{block,md,virtio,nvme},arch/x86/crypto}) part
  version=$(<"$k/version")
  mkdir -p "$r/lib/modules/$version"
  (
    cd "$k/lib/modules/$version"
    # shellcheck disable=SC2068 # modules.* is a pattern
    for part in ${parts[@]}; do
      [[ ! -e $part ]] || cp -a --parents "$part" "$r/lib/modules/$version"
    done
  )
  depmod -b "$r" "$version"
}

configuration() {
  log 'installer: its own parts'
  local i
  cp -a "$TB_DIR/installer/rootfs/." "$r/"
  printf '%s\n' ID=nixos 'ID_LIKE=""' VARIANT_ID=installer NAME=NixOS 'PRETTY_NAME="NixOS (testbed installer)"' \
    'VERSION_ID="25.11"' >"$r/etc/os-release"
  echo nixos-installer >"$r/etc/hostname"
  echo '127.0.0.1 localhost nixos-installer' >"$r/etc/hosts"
  chroot "$r" groupadd -r nixbld
  for i in 1 2 3 4; do
    chroot "$r" useradd -r -g nixbld -G nixbld -d /var/empty -s /usr/sbin/nologin "nixbld$i"
  done
  mkdir -p "$r/mnt" "$r/nix/store" "$r/root/.ssh"
  chmod 700 "$r/root" "$r/root/.ssh"
}

image_initrd() {
  log 'installer: initrd'
  mkdir "$work/outer"
  # a read-only image below a writable layer rather than an initramfs: the sandbox of builds in a /mnt store needs
  # pivot_root, which fails on an initramfs
  mksquashfs "$r" "$work/outer/root.squashfs" -quiet -no-progress -no-xattrs -comp zstd -Xcompression-level 15 -b 256K
  initrd "$k" "$TB_DIR/installer/initrd-init" "$work/initrd.gz" "${TB_MODULES[@]}" squashfs loop overlay
  {
    # an uncompressed archive first: what is in it is compressed already
    (cd "$work/outer" && echo root.squashfs | cpio -o -H newc --quiet -R 0:0)
    cat "$work/initrd.gz"
  } >"$work/kexec/initrd"
  # a kexec program appends to the initrd, and an archive begins at a multiple of 4
  truncate -s %512 "$work/kexec/initrd"
}

# portable PROGRAM VERSION_OPTION: with its loader and libraries, because the target's may be older
portable() {
  local name library
  name=$(basename "$1")
  cp -L "$r$1" "$work/kexec/lib/$name"
  for library in $(chroot "$r" ldd "$1" | grep -o '/[^ ]*'); do
    cp -L "$r$library" "$work/kexec/lib/"
  done
  sed "s/@name@/$name/" "$TB_DIR/installer/portable" >"$work/kexec/$name"
  chmod 755 "$work/kexec/$name"
  "$work/kexec/$name" "$2" >/dev/null
}

mapfile -t parts < <(find "$TB_DIR/installer" -type f | LC_ALL=C sort)
built installer "$0" "$TB_DIR"/{lib,common}.sh "${parts[@]}" && [[ -f $TB_CACHE/installer.tar.gz ]] && exit 0
become_root
work_folder
r=$work/root
k=$(kernel trixie)
mkdir -p "$work/kexec/lib"
userland
modules
configuration
image_initrd
cp "$k/boot/vmlinuz" "$work/kexec/bzImage"
install -m 755 "$TB_DIR/installer/kexec-run" "$work/kexec/run"
portable /sbin/kexec --version
portable /usr/bin/ip -V
tar -C "$work" --sort=name --owner=0 --group=0 -c kexec | pigz -1 >"$work/installer.tar.gz"
mv "$work/rootfs.tar.gz" "$work/installer.tar.gz" "$TB_CACHE/"
mark_built installer
log "installer: $(du -h "$TB_CACHE/installer.tar.gz" | cut -f1), built in $SECONDS s"
