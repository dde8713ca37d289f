#!/usr/bin/env bash
# Builds, tests and runs tests/airgap/workspace in the toolbox: what must work, and what must fail with which
# words. Needs no network but the PyPI index. Prints "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/workspace"
export RULES_SYSTEM_IMAGE_AIRGAP=1
bazel=../../../tools/bazel
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0

check() { # NAME COMMAND…
  local name=$1
  shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "--- $name failed:"
    tail -40 "$log"
  fi
}

fails_with() { # TEXT COMMAND…: the command must fail and say TEXT
  local text=$1
  shift
  "$@" && { echo "it should have failed"; return 1; }
  grep -qF -- "$text" "$log"
}

runs_where_it_is_called() {
  local said
  said=$(cd app && ../$bazel run -- //app:program 1 "2 3") || return 1
  # The program is told where it was called, and gets its arguments as they are.
  python3 -c '
import json, os, sys
said = json.loads(sys.argv[1].splitlines()[-1])
assert said["argv"][1:] == ["1", "2 3"], said
assert said["workspace"] == os.getcwd() and said["directory"] == os.getcwd() + "/app", said
assert said["env"].endswith("data.txt") and said["name"] == "__main__", said
' "$said"
}

no_lock_file() { [[ ! -e MODULE.bazel.lock ]]; }

check "what must work" $bazel test //app/...
check "bazel run" runs_where_it_is_called
check "loading an image" fails_with "neither docker nor podman" $bazel run //app:load
for case in fails/*/; do
  check "${case%/}" fails_with "$(cat "$case/expected")" $bazel build "//${case%/}:all"
done
check "no MODULE.bazel.lock is left" no_lock_file
$bazel shutdown

echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
