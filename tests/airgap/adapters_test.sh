#!/usr/bin/env bash
# Builds, tests and runs tests/airgap/workspace in the toolbox: what must work, and what must fail with which
# words. Needs no network but the PyPI index. Prints "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/workspace"
export RULES_SYSTEM_IMAGE_AIRGAP=1
bazel=$(realpath ../../../tools/bazel)
log=$(mktemp)
# Not in /tmp: Bazel 7's sandbox has one of its own.
pulling=$(mktemp -d /var/tmp/adapters-test.XXXXXX)
registry=
clean_up() {
  [[ -z $registry ]] || kill "$registry"
  [[ ! -e $pulling/output ]] || (cd "$pulling" && pulling_bazel shutdown)
  chmod -R u+w "$pulling"
  rm -rf "$log" "$pulling"
}
trap clean_up EXIT
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
  said=$(cd app && "$bazel" run -- //app:program 1 "2 3") || return 1
  # The program is told where it was called, and gets its arguments as they are.
  python3 -c '
import json, os, sys
said = json.loads(sys.argv[1].splitlines()[-1])
assert said["argv"][1:] == ["1", "2 3"], said
assert said["workspace"] == os.getcwd() and said["directory"] == os.getcwd() + "/app", said
assert said["env"].endswith("data.txt") and said["name"] == "__main__", said
' "$said"
}

loads_by_a_program() {
  local said
  said=$("$bazel" run //app:load_by_program) || return 1
  echo "$said"
  grep -qE '^load --input \[\{"Config": .*"RepoTags": \["both:latest", "both:1"\]' <<<"$said"
}

pulling_bazel() { "$bazel" --output_base="$pulling/output" "$@"; }

# Serves a registry, pushes //app:both to it, and makes a module in $pulling that names its images.
push_to_a_registry() {
  local port= said=$pulling/registry.log image digest
  "$bazel" run //app:crane -- registry serve --address 127.0.0.1:0 >"$said" 2>&1 &
  registry=$!
  for ((i = 0; i < 1200; i++)); do
    port=$(sed -n 's/.*serving on port \([0-9]*\)$/\1/p' "$said")
    [[ -z $port ]] && kill -0 "$registry" || break
    sleep 0.1
  done
  [[ -n $port ]] || { cat "$said"; return 1; }
  image=127.0.0.1:$port/some/image
  "$bazel" build //app:both.digest && "$bazel" run //app:push -- --repository "$image" || return 1
  digest=$(cat "$("$bazel" info bazel-bin)/app/both.json.sha256") || return 1
  cp .bazelrc "$pulling"
  : >"$pulling/BUILD.bazel"
  cat >"$pulling/MODULE.bazel" <<END
bazel_dep(name = "rules_oci", version = "2.3.0")
oci = use_extension("@rules_oci//oci:extensions.bzl", "oci")
oci.pull(name = "single", image = "http://$image", digest = "$digest")
oci.pull(name = "chosen", image = "http://$image", digest = "$digest", platforms = ["linux/amd64"])
oci.pull(name = "wrong", image = "http://$image", digest = "$digest", platforms = ["linux/arm64"])
oci.pull(name = "missing", image = "http://$image", digest = "sha256:$(printf %064d 0)")
use_repo(oci, "chosen", "missing", "single", "wrong_linux_arm64")
END
}

pulls_what_was_pushed() ( # NAME
  local pushed pulled
  pushed=$("$bazel" info bazel-bin)/app/both
  cd "$pulling" && pulling_bazel build "@$1" || return 1
  pulled=$(pulling_bazel info execution_root)/$(pulling_bazel cquery --output=files "@$1") || return 1
  # The registry has the blobs; a layout's other two files are of who pulls.
  diff -r "$pushed/blobs" "$pulled/blobs" && python3 -c '
import json, sys
pushed, pulled = (
    [json.load(open(layout + file)) for file in ("/oci-layout", "/index.json")] for layout in sys.argv[1:]
)
digests = [[manifest["digest"] for manifest in index["manifests"]] for _, index in (pushed, pulled)]
assert len(digests[0]) == 1 and digests[0] == digests[1], digests
assert pushed[0] == pulled[0], pulled
' "$pushed" "$pulled"
)

pull_fails_with() { # TEXT NAME: Bazel's one line on it names the image and says TEXT
  (cd "$pulling" && fails_with "$1" pulling_bazel build "@$2") &&
    [[ $(grep -cE "^ERROR: oci.pull: .*127.0.0.1:.*$1" "$log") == 1 ]]
}

no_lock_file() { [[ ! -e MODULE.bazel.lock ]]; }

check "what must work" "$bazel" test //app/...
check "bazel run" runs_where_it_is_called
check "loading an image" fails_with "neither docker nor podman" "$bazel" run //app:load
check "loading an image by a program" loads_by_a_program
check "serving and pushing an image" push_to_a_registry
for name in single chosen; do
  check "pulling an image: $name" pulls_what_was_pushed "$name"
done
check "pulling an image that is missing" pull_fails_with "MANIFEST_UNKNOWN" missing
check "pulling an image of another platform" pull_fails_with "is for linux/amd64" wrong_linux_arm64
check "a compact execution log" "$bazel" build --execution_log_compact_file="$pulling/log.zst" //app:answer
check "an action's program, for another platform" "$bazel" build --platforms=//app:foreign //app:answer
for case in fails/*/; do
  flags=()
  [[ ! -e $case/flags ]] || read -ra flags <"$case/flags"
  check "${case%/}" fails_with "$(cat "$case/expected")" "$bazel" build "${flags[@]}" "//${case%/}:all"
done
check "no MODULE.bazel.lock is left" no_lock_file
"$bazel" shutdown

echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
