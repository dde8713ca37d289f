#!/usr/bin/env bash
# Whether a release builds what the Bazel Central Registry would build of it: examples/minimal of the archive, with the
# rules from a registry in a folder and no override. Twice the same archive; no tests in it.
set -euo pipefail
cd "$(dirname "$0")/.."

checkout=$PWD
# Not in /tmp: Bazel 7's sandbox has one of its own.
place=$(mktemp -d /var/tmp/release.XXXXXX)
bazel() { "$checkout/tools/bazel" "$@"; }
clean_up() {
  bazel clean --expunge >/dev/null 2>&1
  rm -rf "$place"
}
fail() {
  echo "error: $1" >&2
  exit 1
}

version=0.1.0 # that of the examples
tools/release "$version" "$place/release" --no-docs >/dev/null
tools/release "$version" "$place/again" --no-docs >/dev/null
archive=rules_system_image-$version.tar.gz
cmp "$place/release/$archive" "$place/again/$archive" || fail "two releases of a commit differ"
tar -tzf "$place/release/$archive" >"$place/list"
! grep -E "^[^/]*/(tests|\.ci|\.bcr)/" "$place/list" || fail "the archive has what is not for users"

# Of a release for others, an owner has to decide some things first.
if git grep -q '{OWNER}' HEAD -- .bcr/metadata.template.json; then
  ! tools/release "$version" "$place/refused" --no-docs --url https://host.example/releases 2>"$place/said" ||
    fail "a release for others went out with a placeholder for its owner"
  grep -q 'metadata.template.json: repository still has a placeholder' "$place/said" ||
    fail "a refused release does not say where its owner is named: $(cat "$place/said")"
fi

tar -xzf "$place/release/$archive" -C "$place"
cp "$checkout/.bazelversion" "$place/rules_system_image-$version/examples/minimal"
[[ ! -e user.bazelrc ]] || cp user.bazelrc "$place/rules_system_image-$version/examples/minimal/.bazelrc"
cd "$place/rules_system_image-$version/examples/minimal"
trap clean_up EXIT
# The rules as a consumer has them: from the registry.
python3 - <<'END'
import re
text = open("MODULE.bazel").read()
text, count = re.subn(r"local_path_override\(.*?\n\)\n", "", text, flags=re.DOTALL)
assert count == 1, text
open("MODULE.bazel", "w").write(text)
END
registry="--registry=file://$place/release/registry"
bazel mod graph "$registry" | grep -F "rules_system_image@$version" || fail "the rules are not those of the registry"
bazel build "$registry" //:guest //tools/... "$@"
[[ -s bazel-bin/guest.tar.xz ]] || fail "there is no image"
