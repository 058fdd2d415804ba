# shellcheck shell=bash
# Shared by the image builders.
set -euo pipefail
shopt -s inherit_errexit

TB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=testbed/common.sh
. "$TB_DIR/common.sh"
# what the guests' early userland needs to find a disk and the network
# shellcheck disable=SC2034 # for the builders
TB_MODULES=(virtio_pci virtio_blk virtio_net virtio_rng ext4 vfat nls_cp437 nls_ascii nls_iso8859-1)
# depmod, modprobe, sfdisk: not everywhere in the PATH of a user
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$TB_CACHE"

# built NAME FILES...: true when NAME was built from these same FILES before; mark_built NAME remembers it. The
# stamp's second line tells one build from the next: snapshots of a machine hold only for the image they ran on.
built() {
  local name=$1
  shift
  TB_SUM=$(cat -- "$@" | sha256sum)
  [[ -f $TB_CACHE/$name.stamp && $(head -n 1 "$TB_CACHE/$name.stamp") == "$TB_SUM" ]]
}
mark_built() { printf '%s\n%s\n' "$TB_SUM" "$(</proc/sys/kernel/random/uuid)" >"$TB_CACHE/$1.stamp"; }

# become_root: goes on as root, in a new process where we are not; for mmdebstrap and chroot
become_root() {
  [[ $(id -u) == 0 ]] && return
  log "$(basename "$0" .sh) needs root: sudo"
  exec sudo env NIXOS_ANYWHERE_CACHE="$TB_CACHE" bash "$0"
}

# work_folder: makes $work, gone when the script ends
work_folder() {
  work=$(mktemp -d "$TB_CACHE/work.XXXXXX")
  # not into what an interrupted mmdebstrap may have left mounted
  trap 'rm -rf --one-file-system "$work"' EXIT
}

# kernel SUITE: the suite's cloud kernel, unpacked; prints its folder, which has boot/vmlinuz and lib/modules/VERSION
kernel() {
  local d=$TB_CACHE/kernel-$1
  if [[ ! -f $d/version ]]; then
    log "kernel of $1"
    unpack_kernel "$1" "$d"
  fi
  printf '%s\n' "$d"
}

unpack_kernel() {
  local suite=$1 d=$2 package version
  suite_apt "$suite" apt-get update
  package=$(suite_apt "$suite" apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2 }')
  rm -rf "$d" && mkdir -p "$d"
  (cd "$d" && suite_apt "$suite" apt-get download "$package")
  dpkg-deb -x "$d"/linux-image-*.deb "$d"
  rm "$d"/*.deb
  [[ -d $d/usr/lib/modules ]] && mkdir -p "$d/lib" && mv "$d/usr/lib/modules" "$d/lib/modules"
  mv "$d"/boot/vmlinuz-* "$d/boot/vmlinuz"
  version=$(basename "$d"/lib/modules/*)
  depmod -b "$d" "$version"
  printf '%s\n' "$version" >"$d/version"
}

# initrd KERNEL_DIR INIT OUT MODULES...: a busybox initrd that runs the script INIT; the modules, dependencies first,
# are listed in /modules
initrd() {
  local k=$1 init=$2 out=$3 t
  shift 3
  t=$(mktemp -d)
  mkdir -p "$t"/{bin,dev,proc,sys,run,root,lib/modules}
  cp /bin/busybox "$t/bin/busybox"
  ln -s busybox "$t/bin/sh"
  install -m 755 "$init" "$t/init"
  add_modules "$k" "$t" modules "$@"
  pack_initrd "$t" "$out"
}

# add_modules KERNEL_DIR TREE LIST MODULES...: puts the modules into the tree, and their names, dependencies first, into
# its file LIST
add_modules() {
  local k=$1 t=$2 list=$3 file name
  shift 3
  : >"$t/$list"
  while read -r file; do
    name=$(basename "${file%.xz}")
    case $file in
      *.xz) xz -dc "$file" >"$t/lib/modules/$name" ;;
      *) cp "$file" "$t/lib/modules/$name" ;;
    esac
    printf '%s\n' "$name" >>"$t/$list"
  done < <(module_files "$k" "$@")
}

# pack_initrd TREE OUT: the same bytes each time; the tree is gone afterwards
pack_initrd() {
  find "$1" -exec touch -hd @1 {} +
  (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) | gzip -9n >"$2"
  rm -rf "$1"
}

# module_files KERNEL_DIR MODULES...: the modules' files, each once, dependencies first
module_files() {
  local k=$1 module
  shift
  for module in "$@"; do
    modprobe -d "$k" -S "$(<"$k/version")" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# debian_tree SUITE DIR PACKAGES: a small Debian in DIR, without what a guest image does without
debian_tree() {
  local path options=()
  for path in doc man info locale i18n zoneinfo; do
    options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
  done
  mmdebstrap --quiet --mode=root --variant=minbase "${options[@]}" --include="$3" "$1" "$2" \
    "deb [signed-by=$TB_KEYRING] $(debian_mirror) $1 main"
  rm -rf "$2"/var/cache/apt/* "$2"/var/lib/apt/lists/*
}
