#!/bin/sh
# Prepares a Debian or Ubuntu machine, from a fresh clone on: node modules, packages, the runner's Nix. Says what it
# does, and nothing when there is nothing to do.
#   setup.sh test    what the tests without a virtual machine need
#   setup.sh demo    what the testbed needs
#   setup.sh e2e     both
#   setup.sh pictures  what pictures of job summaries are made with, on Debian: Ubuntu has no package of a chromium
# As a user other than root it asks sudo for the packages and for a /nix of the user's own.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=testbed/common.sh
. testbed/common.sh

runner='openssh-client busybox-static git xz-utils zstd patchelf debian-archive-keyring util-linux procps cpio'
tools='openssh-server shellcheck dash curl wget iproute2 fish tcsh sudo opendoas openssl
  jq age gnupg pass dosfstools e2fsprogs fdisk cryptsetup-bin'
machine='qemu-system-x86 qemu-utils ovmf mmdebstrap squashfs-tools systemd-boot-efi mtools dosfstools e2fsprogs fdisk
  kmod pigz'

case ${1:-} in
  test) packages="$runner $tools" ;;
  demo) packages="$runner $machine" ;;
  e2e) packages="$runner $tools $machine" ;;
  pictures) packages='chromium pngquant fonts-noto-core fonts-noto-color-emoji fonts-liberation' ;;
  *) die 'usage: setup.sh test | demo | e2e | pictures' ;;
esac

check_host() {
  [ "$(uname -sm)" = 'Linux x86_64' ] || die "tests and testbed know x86_64 Linux only, not $(uname -sm)"
  command -v apt-get >/dev/null || die 'tests and testbed need Debian or Ubuntu: there is no apt-get here'
  major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
  [ "${major:-0}" -ge 20 ] || die "Node.js 20 or later is needed; found ${major:-none}"
}

# node_modules FOLDER
node_modules() (
  cd "$1"
  installed=node_modules/.package-lock.json
  [ -f "$installed" ] && [ -z "$(find package-lock.json -newer "$installed")" ] && return
  log "npm ci in $1"
  # no warnings: one package asks for a newer Node than README.md does, and runs on the one that is installed here
  npm ci --no-audit --no-fund --loglevel=error >&2
)

apt_packages() {
  # Ubuntu's apt knows no Debian mirror; mmdebstrap names one
  grep -q '^ID=debian' /etc/os-release || packages="$packages mmdebstrap"
  # shellcheck disable=SC2086 # a list of words
  missing=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $packages 2>/dev/null |
    awk -v wanted="$packages" '$2 == "installed" { have[$1] = 1 }
      END { n = split(wanted, name); for (i = 1; i <= n; i++) if (!(name[i] in have)) print name[i] }') || true
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # a list of words
  log "apt:" $missing
  as_root apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  without_daemons as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# without_daemons CMD ARGS...: CMD, during which a package may not start its service; a newly installed sshd stays
# off at the next boot, too
without_daemons() {
  policy=/usr/sbin/policy-rc.d
  had_sshd=$(command -v /usr/sbin/sshd || true)
  [ ! -e $policy ] || as_root mv $policy $policy.setup
  trap 'restore_policy' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  "$@"
  restore_policy
  trap - EXIT
  [ -n "$had_sshd" ] || [ ! -x /usr/sbin/sshd ] || ! command -v systemctl >/dev/null ||
    as_root systemctl --quiet disable ssh.service ssh.socket 2>/dev/null || true
}
restore_policy() {
  as_root rm -f $policy
  [ ! -e $policy.setup ] || as_root mv $policy.setup $policy
}

# unpack_nix SUITE DIR: the nix of a Debian release with the libraries it was built for, under one folder
unpack_nix() (
  suite=$1 dir=$2
  # apt's state is one for all that build here
  exec 9>"$TB_CACHE/build.lock"
  flock 9
  log "nix of Debian $suite"
  rm -rf "$dir" "$dir.tmp"
  mkdir -p "$dir.tmp/root" "$dir.tmp/lib" "$dir.tmp/bin"
  suite_apt "$suite" apt-get update
  suite_apt "$suite" apt-get install -y --download-only nix-bin >/dev/null
  for deb in "$TB_CACHE/apt-$(id -u)/$suite"/archives/*.deb; do
    case ${deb##*/} in
      lib* | zlib1g_* | nix-bin_* | gcc-*-base_*) dpkg-deb -x "$deb" "$dir.tmp/root" ;;
    esac
  done
  suite_apt "$suite" apt-get clean
  # Debian 12 has libraries in /lib, and nix's own in a folder of theirs
  for lib in lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu usr/lib/nix; do
    [ ! -d "$dir.tmp/root/$lib" ] || cp -a "$dir.tmp/root/$lib"/*.so* "$dir.tmp/lib/"
  done
  cp -L "$dir.tmp/root/usr/bin/nix" "$dir.tmp/bin/nix"
  rm -rf "$dir.tmp/root"
  # DT_RPATH rather than DT_RUNPATH: it holds for the libraries' libraries too
  patchelf --set-interpreter "$dir/lib/ld-linux-x86-64.so.2" "$dir.tmp/bin/nix"
  patchelf --force-rpath --set-rpath "$dir/lib" "$dir.tmp/bin/nix"
  find "$dir.tmp/lib" -name 'libnix*' -exec patchelf --force-rpath --set-rpath "$dir/lib" {} +
  for name in build channel collect-garbage copy-closure daemon env hash instantiate prefetch-url shell store; do
    ln -s nix "$dir.tmp/bin/nix-$name"
  done
  mv "$dir.tmp" "$dir"
  version=$("$dir/bin/nix" --version)
  log "$version in $dir"
)

# the nix of this machine, if it is no older than what the action asks for
has_nix() {
  version=$(nix --version 2>/dev/null | sed -n 's/.* \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  # shellcheck disable=SC2086 # two words
  set -- ${version:-0 0}
  [ "$1" -gt 2 ] || { [ "$1" = 2 ] && [ "$2" -ge 18 ]; }
}

runner_nix() {
  if [ ! -x "$TB_CACHE/nix/bin/nix" ] && ! has_nix; then
    unpack_nix trixie "$TB_CACHE/nix"
  fi
  # for the test that an old one is refused
  if [ "$1" != demo ] && [ ! -x "$TB_CACHE/nix-old/bin/nix" ]; then
    unpack_nix bookworm "$TB_CACHE/nix-old"
  fi
}

# Root's nix makes its /nix itself; a user needs one that is theirs, as Nix's own single-user installation has it.
store_of_the_user() {
  if [ "$(id -u)" != 0 ] && [ ! -e /nix ]; then
    log "/nix for $(id -un)"
    as_root install -d -o "$(id -u)" -g "$(id -g)" /nix
    # where this is missing, nix keeps a store elsewhere, in which only a namespace can build
    mkdir -p /nix/var/nix
  fi
  [ -w /nix ] || [ -S /nix/var/nix/daemon-socket/socket ] || [ "$(id -u)" = 0 ] ||
    die '/nix belongs to somebody else, and no Nix daemon runs here'
}

check_host
node_modules .
apt_packages
if [ "$1" = pictures ]; then
  node_modules scripts/pictures
  exit
fi
mkdir -p "$TB_CACHE/ssh"
[ -f "$TB_KEY" ] || ssh-keygen -q -t ed25519 -N '' -C testbed -f "$TB_KEY"
runner_nix "$1"
store_of_the_user
# an sshd that root starts demands it; it is gone after a boot
[ "$1" = demo ] || [ -d /run/sshd ] || as_root install -d /run/sshd
