#!/usr/bin/env bash
# Lays out the flake with what its systems are made of, in the cache's flake/.
# shellcheck source=testbed/lib.sh
. "$(dirname "$0")/lib.sh"
flake=$TB_CACHE/flake
payload=$TB_CACHE/payload

static_busybox() {
  local applet
  mkdir -p "$flake/busybox/bin"
  cp /bin/busybox "$flake/busybox/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [[ $applet == busybox ]] || ln -s busybox "$flake/busybox/bin/$applet"
  done
}

payload_files() {
  local k
  k=$(kernel trixie)
  cp "$TB_CACHE/rootfs.tar.gz" /usr/lib/systemd/boot/efi/systemd-bootx64.efi "$k/boot/vmlinuz" "$payload/"
  initrd "$k" "$TB_DIR/guest/installed-initrd-init" "$payload/initrd" "${TB_MODULES[@]}"
  unlock_initrd "$k" "$payload/unlock"
}

# unlock_initrd KERNEL_DIR OUT: what the initrd of an encrypted root has besides: cryptsetup with its libraries, modules
unlock_initrd() {
  local t u lib file
  t=$(mktemp -d) u=$(mktemp -d)
  tar -xzf "$TB_CACHE/rootfs.tar.gz" -C "$u" ./usr/sbin/cryptsetup ./usr/lib/x86_64-linux-gnu ./usr/lib64
  mkdir -p "$t"/{mnt,sbin,lib/modules,lib/x86_64-linux-gnu,lib64}
  lib=$u/usr/lib/x86_64-linux-gnu
  cp "$TB_DIR/guest/unlock" "$t/"
  cp "$u/usr/sbin/cryptsetup" "$t/sbin/"
  cp -L "$lib/ld-linux-x86-64.so.2" "$t/lib64/"
  for file in $("$lib/ld-linux-x86-64.so.2" --library-path "$lib" --list "$u/usr/sbin/cryptsetup" | grep -o "$lib/[^ ]*"); do
    cp -L "$file" "$t/lib/x86_64-linux-gnu/"
  done
  add_modules "$1" "$t" unlock-modules dm_crypt algif_skcipher xts aesni_intel
  pack_initrd "$t" "$2"
  rm -rf "$u"
}

# payload_json: where the files lie; they are named by content, because nix remembers what it fetched by address
payload_json() {
  local file sum separator=''
  printf '{"authorizedKey":"%s","files":{' "$(<"$TB_KEY.pub")"
  for file in "$payload"/*; do
    sum=$(sha256sum "$file" | cut -d' ' -f1)
    mv "$file" "$payload/$sum"
    printf '%s"%s":{"url":"file://%s","sha256":"%s"}' "$separator" "$(basename "$file")" "$payload/$sum" "$sum"
    separator=,
  done
  printf '}}\n'
}

[[ -f $TB_CACHE/rootfs.tar.gz ]] || die 'build-installer.sh comes first'
built flake "$0" "$TB_DIR"/{lib,common}.sh "$TB_DIR"/flake/* "$TB_DIR"/guest/{installed-initrd-init,unlock} \
  "$TB_CACHE/installer.stamp" "$TB_KEY.pub" && [[ -d $flake ]] && exit 0
rm -rf "$flake" "$payload" && mkdir -p "$flake" "$payload"
cp "$TB_DIR"/flake/* "$flake/"
static_busybox
payload_files
payload_json >"$flake/payload.json"
mark_built flake
log "flake: laid out in $SECONDS s"
