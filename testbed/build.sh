#!/usr/bin/env bash
# Builds what is missing of the testbed: the target's disk, the kexec image, the flake. A no-op when nothing changed.
# shellcheck source=testbed/lib.sh
. "$(dirname "$0")/lib.sh"
# two test runs that begin at once build once
exec 9>"$TB_CACHE/build.lock"
flock 9
ssh_key
for part in target installer flake; do
  bash "$TB_DIR/build-$part.sh"
done
