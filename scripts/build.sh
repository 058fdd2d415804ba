#!/bin/sh
# Builds dist/ from src/, the same bytes on every machine: tsc emits, ncc bundles (its own TypeScript loader does
# not know TypeScript 7).
set -eu
cd "$(dirname "$0")/.."
rm -rf lib dist
npx --no-install tsc -p .
node scripts/embed.mjs
npx --no-install ncc build lib/entry.js -o dist --license licenses.txt --quiet
# what only a child of it loads: the client of the cache service, as large as all the rest
npx --no-install ncc build lib/cache/entry.js -o dist/cache --license licenses.txt --quiet
# a Windows helper of ssh2 that no runner of ours starts
rm -f dist/pagent.exe
