#!/bin/sh
# npm run e2e:all [-- FILTER...]: the virtual machine scenarios that CI has no time for. Their last results are kept in
# __tests__/e2e-all/results.md; scenarios that a filter leaves out keep the row they have.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh e2e
report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
sh scripts/vitest.sh run --project e2e-all --reporter=verbose --reporter=json --outputFile.json="$report" "$@" || status=$?
node scripts/e2e-results.mjs "$report"
exit "$status"
