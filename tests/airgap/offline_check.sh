#!/usr/bin/env bash
# Says whether examples/minimal builds without any network, from a repository cache that another machine has filled,
# as docs/mirrors.md tells. The network is taken away by a namespace, in which loopback alone is left.
#
#   tests/airgap/offline_check.sh [OPTION OF BAZEL…]    # such as --disk_cache=FOLDER
set -euo pipefail
cd "$(dirname "$0")/../../examples/minimal"

unshare --map-root-user --net true 2>/dev/null || { echo "this host has no user namespaces"; exit 77; }
work=$(mktemp -d /var/tmp/offline_check.XXXXXX)
bazel=../../tools/bazel

clean_up() {
  "$bazel" --output_base="$work/other" shutdown || true
  chmod -R u+w "$work" && rm -rf "$work"
}
trap clean_up EXIT

"$bazel" --output_base="$work/other" fetch --noshow_progress --repository_cache="$work/cache" //...
du -sh "$work/cache"

export work bazel
unshare --map-root-user --net bash -euo pipefail -c '
  python3 - <<PYTHON
import fcntl, socket, struct
# SIOCSIFFLAGS, IFF_UP: what "ip link set lo up" does, where there is no ip.
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))
PYTHON
  status=0
  "$bazel" --output_base="$work/here" build --noshow_progress --repository_cache="$work/cache" "$@" //:guest || status=1
  "$bazel" --output_base="$work/here" shutdown
  exit "$status"
' bash "$@"
echo "built without a network"
