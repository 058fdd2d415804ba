#!/usr/bin/env bash
# Builds what is missing of the testbed: the target's disk, the kexec image, the flake. A no-op when nothing changed.
# shellcheck source=testbed/lib.sh
. "$(dirname "$0")/lib.sh"
[[ -f $TB_KEY ]] || die 'scripts/setup.sh comes first'

# In the background, because bash runs a trap only after a command in the foreground has ended. Where this is the
# leader of a process group of its own, that whole group ends.
end() {
  trap - TERM
  kill -TERM 0 2>/dev/null
}
[[ $(ps -o pgid= $$ | tr -d ' ') != "$$" ]] || trap end TERM

# two test runs that begin at once build once
exec 9>"$TB_CACHE/build.lock"
flock 9
for part in target installer flake; do
  bash "$TB_DIR/build-$part.sh" &
  wait $!
done
