#!/usr/bin/env bash
# Installs the packages that reference.py prepared in WORK with mmdebstrap, as root, into WORK/real.tar.
#
#   tests/rootfs/install.sh WORK ARCHITECTURE
set -euo pipefail

work=$1 architecture=$2
if [[ $(id -u) != 0 ]]; then
  echo "error: mmdebstrap needs root to make a real installation; run this as root" >&2
  exit 1
fi
if ! command -v mmdebstrap >/dev/null; then
  echo "error: mmdebstrap is not installed; run apt-get install mmdebstrap (only comparing needs it)" >&2
  exit 1
fi
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR="$work" \
  mmdebstrap --quiet --variant=essential --include="$(cat "$work/packages")" --architectures="$architecture" \
  locked "$work/real.tar" "$work/repository/sources.list"
