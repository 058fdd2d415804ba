#!/bin/sh
# Prints how much room there is where the store lies, in KiB.
set -u
df -Pk /nix/store 2>/dev/null | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\) .*/\1/p'
