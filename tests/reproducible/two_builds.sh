#!/usr/bin/env bash
# Builds an image here and in a clone elsewhere, and compares the digests.
#
#   tests/reproducible/two_builds.sh [--farm] [TARGET…]       (default: vanilla, its disk, and what its boot measures)
#
# The second build differs in all that must not matter: folder, home, cache, umask, time zone, locale,
# number of jobs and, if this is run by root, the user. It starts from nothing, its own toolbox included. Then it is
# made once more there, with many jobs, from the disk cache that it has filled. --farm: and by workers that have Python
# alone (tests/remote/remote_check.py).
set -euo pipefail
# A build that fails in $(…) must end the script, not be followed by the digest of an older file.
shopt -s inherit_errexit

farm=
if [[ ${1:-} == --farm ]]; then
  farm=yes
  shift
fi
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

digests_of() { # FOLDER COMMAND-PREFIX OPTIONS: builds there, and prints a line with the digest of each of the targets' files
  local target files
  "$2" "cd '$1' && tools/bazel build $3 ${targets[*]}" >&2
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

same_as_first() { # DIGESTS: ends the script if they are others
  [[ $1 == "$first" ]] && return
  echo "error: the builds differ; of an image, compare the .mtree files to see where" >&2
  exit 1
}

first=$(digests_of "$here" as_first --jobs=2)
echo "first, in $here, by $(id -un):"
echo "$first"
cached="--disk_cache='$there/home/disk'"
second=$(digests_of "$there/checkout" as_second "$cached --jobs=1")
echo "second, in $there/checkout, by $([[ $(id -u) == 0 ]] && echo "$user" || id -un):"
echo "$second"
same_as_first "$second"
as_second "cd '$there/checkout' && tools/bazel clean"
third=$(digests_of "$there/checkout" as_second "$cached --remote_download_outputs=all --jobs=32")
echo "third, from its cache:"
echo "$third"
same_as_first "$third"
[[ ! $farm ]] || "$here/tests/remote/remote_check.py" "${targets[@]}"
echo "${targets[*]}: the same bytes"
