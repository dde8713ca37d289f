#!/usr/bin/env bash
# Compares our root filesystem of a set with a real installation, path by path, and what the programs of both
# answer; see compare.py and answers.py. A set is vanilla or one of sets.toml,
# bookworm.toml or forky.toml.
#
#   tests/rootfs/compare.sh [--set vanilla] [--architecture amd64] [--golden FILE]
#
# With --all, it compares these sets and those of more_sets.toml, and prints a line a set; see compare_all.py.
#
#   tests/rootfs/compare.sh --all [--sets NAME…] [--keep DIR] [--cache DIR] [--show LINES]
set -euo pipefail
cd "$(dirname "$0")/../.."

if [[ ${1-} == --all ]]; then
  exec tools/bazel run //tests/rootfs:compare_all -- "${@:2}"
fi
set=vanilla architecture=amd64 golden=()
while (($#)); do
  case $1 in
    --set) set=$2 ;;
    --architecture) architecture=$2 ;;
    --golden) golden=(--golden "$(realpath -m "$2")") ;;
    *) echo "usage: tests/rootfs/compare.sh [--set NAME] [--architecture NAME] [--golden FILE]" >&2 && exit 2 ;;
  esac
  shift 2
done
work=$(mktemp -d /var/tmp/compare.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt reads the archive as its own user

tools/bazel run //tests/rootfs:reference -- --set "$set" --architecture "$architecture" --work "$work"
sh "$work/install.sh"
tools/bazel run //tests/rootfs:compare -- --set "$set" --work "$work" "${golden[@]}"
if [[ $architecture == "$(dpkg --print-architecture)" ]]; then
  tools/bazel run //tests/rootfs:answers -- --work "$work"
fi
