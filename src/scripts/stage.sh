#!/bin/sh
# stage.sh [URL]: as root, unpacks a kexec image that comes from URL, or from standard input, into a folder of its own
# and prints the folder. Gzip, xz, zstd or plain tar are told apart by content: a URL's end says little.
# Exit code 80: this machine cannot fetch URL.
set -eu
url=${1:-}

# usable DIR: files can be written there, and run (no noexec)
usable() {
  [ -d "$1" ] && mkdir -p "$1/nixos-anywhere" 2>/dev/null || return 1
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
  elif command -v curl >/dev/null 2>&1; then
    curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 -- "$url"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -T 20 -O - -- "$url"
  else
    echo 'neither curl nor wget here' >&2
    return 1
  fi
}

# unpack: standard input, whatever its compression
unpack() {
  dd bs=1 count=6 of=head 2>/dev/null
  case $(od -An -tx1 head | tr -d ' \n') in
  1f8b*) set -- gzip -dc ;;
  fd377a585a00) set -- xz -dc ;;
  28b52ffd*) set -- zstd -dc ;;
  '')
    # said where the other reasons are, so that neither it nor the lack of files hides why a fetch failed
    echo 'it is empty' >failed
    return 0
    ;;
  *) set -- cat ;;
  esac
  { cat head - | "$@" || echo "$1 failed" >failed; } | tar -xf - || echo 'tar failed' >failed
}

# report_progress: says how much has arrived, as long as something does: silence means that it has stopped
report_progress() {
  last=
  # sleep must not hold the streams: they are closed when the image is there, not when sleep ends
  while sleep 20 >/dev/null 2>&1; do
    now=$(du -sk . | cut -f1)
    [ "$now" = "$last" ] || echo "$((now / 1024)) MiB of the kexec image have arrived" >&2
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
mkdir "$home/image"
cd "$home/image"
report_progress &
reporter=$!
{ fetch || echo 'fetch failed' >fetch-failed; } | unpack || true
kill "$reporter" 2>/dev/null || true
if [ -e fetch-failed ] && [ -n "$url" ]; then exit 80; fi
if [ -e failed ] || [ -e fetch-failed ]; then
  echo "the kexec image could not be unpacked: $(cat failed 2>/dev/null) ($(df -Pk . | tail -n 1 | awk '{ print $4 }') KiB free in $home)" >&2
  exit 1
fi
for file in run kexec ip bzImage initrd; do
  [ -f "kexec/$file" ] || {
    echo "the kexec image has no kexec/$file; it holds: $(find . -mindepth 1 -maxdepth 2 ! -name head | sort | head -n 20 | tr '\n' ' ')" >&2
    exit 81
  }
done
pwd -P
