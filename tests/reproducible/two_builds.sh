#!/usr/bin/env bash
# Builds an image twice, here and in a clone elsewhere, and compares the digests.
#
#   tests/reproducible/two_builds.sh [TARGET…]       (default: vanilla, its disk, and what its boot measures)
#
# The second build differs in all that must not matter: folder, home, cache, umask, time zone, locale,
# number of jobs and, if this is run by root, the user. It starts from nothing, its own toolbox included.
set -euo pipefail
# A build that fails in $(…) must end the script, not be followed by the digest of an older file.
shopt -s inherit_errexit

targets=("$@")
if [[ $# == 0 ]]; then
  targets=(//system_image:vanilla)
  [[ $(uname -m) != x86_64 ]] || targets+=(//system_image:vanilla_disk //system_image:vanilla_measurements)
fi
here=$(cd "$(dirname "$0")/../.." && pwd)
user=sysimage-$$ # one for each run: runs may overlap, or be killed before they clean up
# Not below /tmp/… of the first build's sandbox, and with another length of path.
there=$(mktemp -d /var/tmp/another-folder-for-the-second-build.XXXXXX)

cleanup() {
  trap - EXIT
  if [[ $(id -u) == 0 ]] && id "$user" >/dev/null 2>&1; then
    # The Bazel server of the second build; userdel refuses while a process of the user's lives.
    for _ in {1..20}; do
      pkill -KILL -u "$user" || break
      sleep 0.5
    done
    userdel "$user" || true
  elif [[ -e $there/home/.cache/bazel ]]; then
    as_second "cd '$there/checkout' && tools/bazel shutdown" >/dev/null 2>&1 || true
  fi
  # Bazel's outputs are read-only.
  chmod -R u+w "$there" 2>/dev/null || true
  rm -rf "$there"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

as_second() {
  local command="umask 077; export HOME='$there/home' TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANG=tr_TR.UTF-8; unset XDG_CACHE_HOME; $1"
  if [[ $(id -u) == 0 ]]; then
    setpriv --reuid="$user" --regid="$user" --clear-groups -- env USER="$user" LOGNAME="$user" bash -c "$command"
  else
    bash -c "$command"
  fi
}

digests_of() { # FOLDER COMMAND-PREFIX JOBS: builds there, and prints a line with the digest of each file of the targets
  local target files
  "$2" "cd '$1' && tools/bazel build --jobs=$3 ${targets[*]}" >&2
  for target in "${targets[@]}"; do
    # Bazel's paths have no characters that a shell reads otherwise.
    files=$("$2" "cd '$1' && tools/bazel cquery --output=files '$target' 2>/dev/null" | tr '\n' ' ')
    [[ $files ]] || return 1
    "$2" "cd '$1' && sha256sum $files"
  done
}

as_first() { (umask 022 && TZ=UTC LC_ALL=C bash -c "$1"); }

git clone --quiet --no-hardlinks "$here" "$there/checkout"
mkdir "$there/home"
if [[ $(id -u) == 0 ]]; then
  useradd --system --home-dir "$there/home" --shell /bin/bash --user-group "$user"
  chown -R "$user:$user" "$there"
  chmod 755 "$there"
fi

first=$(digests_of "$here" as_first 2)
echo "first, in $here, by $(id -un):"
echo "$first"
second=$(digests_of "$there/checkout" as_second 1)
echo "second, in $there/checkout, by $([[ $(id -u) == 0 ]] && echo "$user" || id -un):"
echo "$second"
if [[ $first != "$second" ]]; then
  echo "error: the two builds differ; of an image, compare the .mtree files to see where" >&2
  exit 1
fi
echo "${targets[*]}: the same bytes"
