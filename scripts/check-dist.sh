#!/bin/sh
# Fails when the committed dist/ is not what the sources build. GitHub runs dist/ as it stands in the repository, so
# a difference would be code that nobody has read.
set -eu
cd "$(dirname "$0")/.."
if [ -z "$(git ls-files dist/index.js)" ]; then
  echo 'dist/index.js is not in the repository. Remedy: npm run build, then git add dist and commit.' >&2
  exit 1
fi
sh scripts/build.sh
# ignored files too: somebody's own ignore rules must not hide one
differences=$(git status --porcelain --untracked-files=all --ignored -- dist)
if [ -n "$differences" ]; then
  {
    echo 'dist/ in the repository is not what the sources build. These files differ:'
    printf '%s\n' "$differences"
    echo 'Remedy: npm ci, npm run build, then git add --all dist and commit it together with the sources.'
  } >&2
  exit 1
fi
echo 'dist/ is what the sources build'
