#!/usr/bin/env bash
# Builds an image twice, here and in a clone elsewhere, and compares the digests.
#
#   tests/reproducible/two_builds.sh [TARGET]        (default: //system_image:vanilla)
#
# The second build differs in all that must not matter: folder, home, cache, umask, time zone, locale,
# number of jobs and, if this is run by root, the user. It starts from nothing, its own toolbox included.
set -euo pipefail
# A build that fails in $(…) must end the script, not be followed by the digest of an older file.
shopt -s inherit_errexit

target=${1:-//system_image:vanilla}
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

digest_of() { # FOLDER COMMAND-PREFIX JOBS: builds there and prints the digest of the target's file
  local file
  "$2" "cd '$1' && tools/bazel build --jobs=$3 '$target'" >&2
  file=$("$2" "cd '$1' && tools/bazel cquery --output=files '$target' 2>/dev/null" | tail -n 1)
  "$2" "cd '$1' && sha256sum '$file'" | cut -d' ' -f1
}

as_first() { (umask 022 && TZ=UTC LC_ALL=C bash -c "$1"); }

git clone --quiet --no-hardlinks "$here" "$there/checkout"
mkdir "$there/home"
if [[ $(id -u) == 0 ]]; then
  useradd --system --home-dir "$there/home" --shell /bin/bash --user-group "$user"
  chown -R "$user:$user" "$there"
  chmod 755 "$there"
fi

first=$(digest_of "$here" as_first 2)
echo "first:  $first  ($here, $(id -un))"
second=$(digest_of "$there/checkout" as_second 1)
echo "second: $second  ($there/checkout, $([[ $(id -u) == 0 ]] && echo "$user" || id -un))"
if [[ $first != "$second" ]]; then
  echo "error: the two builds of $target differ; compare their .mtree files to see where" >&2
  exit 1
fi
echo "$target: the same bytes"
