#!/usr/bin/env bash
# Whether a repository can lock for itself as docs/getting-started.md says: in a copy of examples/minimal, with its lock, without
# one, and with the one that was written then. Needs a Debian mirror and a PyPI index.
set -euo pipefail
cd "$(dirname "$0")/../.."

checkout=$PWD
# Not in /tmp: Bazel 7's sandbox has one of its own.
module=$(mktemp -d /var/tmp/first-lock.XXXXXX)
bazel() { "$checkout/tools/bazel" "$@"; }
clean_up() {
  bazel clean --expunge >/dev/null 2>&1
  rm -rf "$module"
}

git ls-files -z examples/minimal | xargs -0 cp --parents -t "$module"
cd "$module/examples/minimal"
trap clean_up EXIT
sed -i "s|path = \"../..\"|path = \"$checkout\"|" MODULE.bazel
mv debian.lock.json "$module/committed"

fit() { sed -n 's/.*"manifest_sha256": "\(.*\)".*/\1/p' "$1"; }

fail() {
  echo "error: $1" >&2
  exit 1
}

if bazel build //tools >"$module/log" 2>&1; then
  fail "a build without a lock succeeds"
fi
grep -F 'write it with `bazel run @trixie//:lock`' "$module/log" || fail "a build without a lock says: $(cat "$module/log")"
bazel run @trixie//:lock
[[ $(fit debian.lock.json) == "$(fit "$module/committed")" ]] || fail "the new lock is of another manifest"
bazel run @trixie//:lock -- --check
bazel run @trixie//:lock -- --update
bazel test //tools:tools_test

# Nor does an import need what it is to write.
mv debian.toml debian.lock.json "$module"
cat >manifest.yaml <<'YAML'
version: 1
sources:
  - channel: trixie main
    url: https://mirror.example/debian
archs: [amd64]
packages: [busybox-static]
YAML
bazel run @trixie//:lock -- --import manifest.yaml
grep -F '"busybox-static"' debian.toml || fail "the import wrote: $(cat debian.toml)"
bazel run @trixie//:lock
mv "$module/debian.toml" .

# A build fetches nothing of the lock tool's.
bazel clean --expunge
cp "$module/committed" debian.lock.json
bazel test //tools:tools_test
wheels=$(cd "$(bazel info output_base)/external" && echo *rules_system_image_lock*)
[[ $wheels == "*rules_system_image_lock*" ]] || fail "a build has fetched $wheels"
