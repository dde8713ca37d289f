#!/usr/bin/env bash
# Whether `bazel run` pushes as the README says, and whether base images that are pushed, pinned and pulled give
# the system image that is built from packages, byte for byte; with a registry of the lock on loopback. Ends with
# "N passed, N failed".
#
# A script and no `bazel test`, since it starts Bazel itself. The pins that it writes are undone at the end.
set -uo pipefail
cd "$(dirname "$0")/../../.."

bazel=tools/bazel
# Not in /tmp: Bazel 7's sandbox has one of its own.
scratch=$(mktemp -d /var/tmp/registry-check.XXXXXX)
registry=
passed=0
failed=0
cp -p MODULE.bazel system_image/pins.bzl "$scratch"
clean_up() {
  cp -p "$scratch/MODULE.bazel" MODULE.bazel
  cp -p "$scratch/pins.bzl" system_image/pins.bzl
  [[ -z $registry ]] || kill "$registry"
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

check() { # NAME COMMAND…
  local name=$1
  shift
  if "$@" >"$scratch/out" 2>"$scratch/err"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "--- $name failed:"
    tail -n 20 "$scratch/out" "$scratch/err"
  fi
}

serve() { # starts the registry; sets `registry` and `host`
  local program port=
  $bazel build //tests/publish/push:registry || return 1
  program=$($bazel info bazel-bin)/tests/publish/push/registry
  # Bazel may tidy its folders while the registry runs.
  cp -r "$program" "$scratch/program"
  mkdir "$scratch/data"
  printf '{"version": 0.1, "log": {"accesslog": {"disabled": false}}, "http": {"addr": "127.0.0.1:0"},
"storage": {"filesystem": {"rootdirectory": "%s"}}}\n' "$scratch/data" >"$scratch/config.yml"
  "$scratch"/program/lib/ld-linux-*.so.* --library-path "$scratch/program/lib" \
    "$scratch/program/bin/docker-registry" serve "$scratch/config.yml" >"$scratch/log" 2>&1 &
  registry=$!
  for ((i = 0; i < 600; i++)); do
    port=$(sed -n 's/.*"listening on 127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$scratch/log")
    [[ -z $port ]] && kill -0 "$registry" || break
    sleep 0.1
  done
  host=localhost:$port
  [[ -n $port ]]
}

blobs_sent() { grep -cE '"(POST|PUT|PATCH) /v2/base/blobs/' "$scratch/log"; }

pushes() { # NAME: prints the reference last, and writes it to a file
  $bazel run "//system_image:push_$1" -- --repository "$host/base" --tag "$1" --reference-file "$scratch/$1" || return 1
  [[ $(tail -n 1 "$scratch/out") == "$(cat "$scratch/$1")" ]]
}

repeats() { # NAME: a tag is put again; no blob is
  local before
  before=$(blobs_sent)
  pushes "$1" && [[ $(blobs_sent) == "$before" ]]
}

sends_no_layer_of_vanilla() { # NAME
  local layer
  layer=$(sha256sum <bazel-bin/system_image/built_vanilla_rootfs.tar | cut -d ' ' -f 1)
  pushes "$1" && grep -x "existing blob: sha256:$layer" "$scratch/err"
}

setting_says_where_to() {
  $bazel run "--//system_image/settings:repository=$host/setting" //system_image:push_vanilla || return 1
  [[ $(tail -n 1 "$scratch/out") == "$host/setting@$(cut -d@ -f2 "$scratch/vanilla")" ]]
}

commit_is_an_annotation() { # of a checkout with Git
  grep -E "^org\.opencontainers\.image\.revision=$(git rev-parse HEAD)(-dirty)?$" \
    bazel-bin/system_image/push_vanilla_annotations.txt
}

status_keeps_no_password() (
  local status=$PWD/tools/workspace_status
  mkdir "$scratch/git" && cd "$scratch/git" || return 1
  [[ -z $(GIT_CEILING_DIRECTORIES=$scratch "$status") ]] || return 1
  git init -q . && git -c user.name=a -c user.email=a@b.example commit -q --allow-empty -m x &&
    git remote add origin https://user:secret@git.example/images.git || return 1
  [[ $("$status") == "STABLE_GIT_COMMIT $(git rev-parse HEAD)"$'\nSTABLE_GIT_URL https://git.example/images.git' ]] || return 1
  touch changed
  [[ $("$status") == "STABLE_GIT_COMMIT $(git rev-parse HEAD)-dirty"* ]]
)

pins() { $bazel run //system_image:pin -- "vanilla=$(cat "$scratch/vanilla")"; }

image() { # FLAG…: builds the image and keeps its digest
  $bazel build "$@" //system_image:vanilla &&
    sha256sum <bazel-bin/system_image/vanilla.tar.xz >"$scratch/digest"
}

built_from_packages() { image && mv "$scratch/digest" "$scratch/built"; }

same_when_pinned() {
  image --//system_image/settings:bases=pinned || return 1
  cmp "$scratch/built" "$scratch/digest" || return 1
  # …and it was the registry's image, not the one that is built.
  $bazel cquery --//system_image/settings:bases=pinned 'deps(//system_image:vanilla_flat)' >"$scratch/deps" || return 1
  grep -q '^@rules_system_image_pinned_vanilla_[a-z0-9]*//' "$scratch/deps" &&
    ! grep -q '^//system_image:built_vanilla ' "$scratch/deps" &&
    grep -qE '"GET /v2/base/blobs/' "$scratch/log"
}

unpinned_says_what_to_do() {
  ! $bazel build --nobuild --//system_image/settings:bases=pinned //system_image:vanilla &&
    grep -F 'run `bazel run //system_image:pin -- vanilla=HOST/PATH@sha256:…`' "$scratch/err"
}

check "without a pin, the build says what to do" unpinned_says_what_to_do
check "starting a registry" serve
for name in vanilla sysroot system_image_vanilla; do
  check "push_$name" pushes "$name"
  check "push_$name, repeated" repeats "$name"
done
# nvidia has no driver for another architecture.
[[ $(uname -m) != x86_64 ]] || check "push_nvidia" sends_no_layer_of_vanilla nvidia
check "the status has the commit, and no password" status_keeps_no_password
check "the commit is an annotation" commit_is_an_annotation
check "the build setting says where to" setting_says_where_to
check "building from packages" built_from_packages
check "pinning" pins
check "the pinned base gives the same system image" same_when_pinned

echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
