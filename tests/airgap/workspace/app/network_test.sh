#!/bin/sh
# In the sandbox there is no way out of this machine.
test "$(wc -l < /proc/net/route)" = 1 || { cat /proc/net/route; exit 1; }
