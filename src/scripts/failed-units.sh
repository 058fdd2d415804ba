#!/bin/sh
# Prints "state=STATE" as systemd says it (starting, running, degraded), and "failedUnit=NAME" for each unit that
# failed. Prints nothing where systemd does not run the machine.
set -u
[ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 || exit 0
# its exit code only says whether all is well
echo "state=$(systemctl is-system-running 2>/dev/null)"
systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null | while read -r first second _; do
  # older ones put a dot before the name
  case $first in *.*) echo "failedUnit=$first" ;; *) echo "failedUnit=$second" ;; esac
done
