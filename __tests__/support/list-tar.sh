#!/bin/sh
# Lists the tar archive on standard input, as far as there is one.
tar -tvf - 2>/dev/null
