#!/bin/sh
# stage.sh [URL [sha256]]: as root, unpacks a kexec image that comes from URL, or from standard input, into a folder of
# its own. Gzip, xz, zstd or plain tar are told apart by content: a URL's end says little. Prints
#   sha256=HEX   of the file as it is fetched from URL, where this machine can tell
#   folder=PATH  once it is unpacked
# Exit codes: 80 this machine cannot fetch URL (or, with the word sha256, not tell that of it), 81 an image of another
# layout, 82 this machine lacks the program that unpacks it, which is the last word of the last line then.
set -eu
url=${1:-} must_tell=${2:-}

has() { command -v "$1" >/dev/null 2>&1; }

# usable DIR: files can be written there, and run (no noexec). Where it is open to all, a folder of this name may be another
# user's, or a link of theirs: they could change what root is about to start.
usable() {
  [ -d "$1" ] || return 1
  mkdir "$1/nixos-anywhere" 2>/dev/null ||
    [ -n "$(find "$1/nixos-anywhere" -prune -type d -user 0 2>/dev/null)" ] || return 1
  probe=$1/nixos-anywhere/probe
  if printf '#!/bin/sh\nexit 0\n' 2>/dev/null >"$probe" && chmod 700 "$probe" && "$probe" 2>/dev/null; then
    rm "$probe"
  else
    rm -f "$probe"
    rmdir "$1/nixos-anywhere" 2>/dev/null
    return 1
  fi
}

# fetch: the image on standard output
fetch() {
  if [ -z "$url" ]; then
    cat
  elif has curl; then
    curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 -- "$url"
  elif has wget; then
    fetch_with_wget
  else
    echo 'neither curl nor wget here' >&2
    return 1
  fi
}

# fetch_with_wget: GNU's says nothing at all with -q, and without it the URL too, which may have a token in it. One try:
# a second one would begin anew in the middle of what is written. Of BusyBox's some know no timeout, and crash with it.
fetch_with_wget() {
  set -- -nv -t 1 -T 20
  if wget --help 2>&1 | grep -q '^BusyBox'; then set -- -q; fi
  wget "$@" -O - -- "$url" 2>"$work/said" && return
  grep -v :// "$work/said" | tail -n 1 >&2
  return 1
}

# hashed: standard input as it is, and on the side its SHA-256
hashed() {
  if [ -z "$url" ] || ! can_hash; then
    cat
    return
  fi
  mkfifo "$work/copy"
  sha256sum <"$work/copy" >"$work/sum" &
  tee "$work/copy" || true
  wait "$!"
}

can_hash() { has sha256sum && has mkfifo && has tee; }

# unpack: standard input, whatever its compression
unpack() {
  dd bs=1 count=6 of="$work/head" 2>/dev/null
  case $(od -An -tx1 "$work/head" | tr -d ' \n') in
  1f8b*) set -- gzip -dc ;;
  fd377a585a00) set -- xz -dc ;;
  28b52ffd*) set -- zstd -dc ;;
  '')
    # said where the other reasons are, so that neither it nor the lack of files hides why a fetch failed
    echo 'it is empty' >"$work/failed"
    return 0
    ;;
  *) set -- cat ;;
  esac
  if ! has "$1"; then
    echo "$1" >"$work/lacks"
    return 0
  fi
  { cat "$work/head" - | "$@" || echo "$1 failed" >"$work/failed"; } | tar -xf - || echo 'tar failed' >"$work/failed"
  # all of it counts for the hash, also of what is no image
  cat >/dev/null
}

# report_progress: says how much has arrived and was unpacked, as long as something does: silence means that it has stopped
report_progress() {
  last=
  # sleep must not hold the streams: they are closed when the image is there, not when sleep ends
  while sleep 5 >/dev/null 2>&1; do
    now=$(du -sk . | cut -f1)
    [ "$now" = "$last" ] || echo "$now KiB of the kexec image have arrived" >&2
    last=$now
  done
}

home=
for dir in /root /var/tmp /home /tmp /run; do
  if usable "$dir"; then
    home=$dir/nixos-anywhere
    break
  fi
done
[ -n "$home" ] || {
  echo 'no folder here can hold programs: all of /root, /var/tmp, /home, /tmp are read-only or mounted noexec' >&2
  exit 1
}
chmod 700 "$home"
# for unstage.sh, whole at once
(
  umask 077
  mkdir -p /run/nixos-anywhere
  echo "$$ $(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20) $home" >/run/nixos-anywhere/staging.new
  mv /run/nixos-anywhere/staging.new /run/nixos-anywhere/staging
)
# an image that was started once has grown (kexec/run appends to its initrd)
rm -rf "$home/image"
work=$home/image/.staging
mkdir -p "$work"
cd "$home/image"
if [ -n "$must_tell" ] && ! can_hash; then
  echo 'no sha256sum here' >&2
  exit 80
fi
report_progress &
reporter=$!
{ fetch || touch "$work/fetch-failed"; } | hashed | unpack || true
kill "$reporter" 2>/dev/null || true
if [ -e "$work/lacks" ]; then
  echo "this machine lacks the program $(cat "$work/lacks")" >&2
  exit 82
fi
if [ -e "$work/fetch-failed" ] && [ -n "$url" ]; then exit 80; fi
[ ! -s "$work/sum" ] || echo "sha256=$(cut -d ' ' -f 1 "$work/sum")"
if [ -e "$work/failed" ] || [ -e "$work/fetch-failed" ]; then
  echo "the kexec image could not be unpacked: $(cat "$work/failed" 2>/dev/null) ($(df -Pk . | tail -n 1 | awk '{ print $4 }') KiB free in $home)" >&2
  exit 1
fi
rm -r "$work"
for file in run kexec ip bzImage initrd; do
  [ -f "kexec/$file" ] || {
    echo "the kexec image has no kexec/$file; it holds: $(find . -mindepth 1 -maxdepth 2 | sort | head -n 20 | tr '\n' ' ')" >&2
    exit 81
  }
done
echo "folder=$(pwd -P)"
