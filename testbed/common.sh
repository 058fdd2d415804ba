# shellcheck shell=sh
# Sourced, by scripts/setup.sh too (hence POSIX): where the testbed keeps what it builds, who may act as root, and
# packages of any Debian suite, whatever this machine runs.

TB_CACHE=${NIXOS_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nixos-anywhere-action}
# the private key that every guest trusts
# shellcheck disable=SC2034 # for those that source this
TB_KEY=$TB_CACHE/ssh/id_ed25519
TB_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

log() { printf '[%s] %s\n' "$(date +%T)" "$*" >&2; }
die() {
  log "error: $*"
  exit 1
}

# as_root CMD ARGS...: CMD as root, by sudo where that is not us
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root, and there is no sudo: $*"
  fi
}

# debian_mirror: the address of the mirror that this machine's own apt uses for Debian. Ubuntu's apt knows none;
# there it is the mirror that the mmdebstrap package names as its default.
debian_mirror() {
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(SITE)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" && $3 !~ /security/ { print $3; found = 1; exit } END { exit !found }' ||
    sed -n "s/^ *my \$mirror *= '\(.*\)';/\1/p" "$(command -v mmdebstrap)"
}

# suite_apt SUITE CMD ARGS...: CMD (apt-get, apt-cache) against one Debian suite, with a state of its own: an empty
# system, so that a download brings every dependency along. Needs no root; root's state is apart from the user's.
suite_apt() (
  suite=$1 cmd=$2 d=$TB_CACHE/apt-$(id -u)/$1
  shift 2
  mkdir -p "$d/lists/partial" "$d/archives/partial" "$d/none"
  : >"$d/status"
  [ -s "$d/sources.list" ] ||
    printf 'deb [signed-by=%s] %s %s main\n' "$TB_KEYRING" "$(debian_mirror)" "$suite" >"$d/sources.list"
  "$cmd" -qq -o Dir::Etc::sourcelist="$d/sources.list" -o Dir::Etc::sourceparts="$d/none" \
    -o Dir::Etc::preferencesparts="$d/none" -o Dir::State="$d" -o Dir::State::status="$d/status" \
    -o Dir::Cache="$d" -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
    -o Acquire::Languages=none "$@"
)
