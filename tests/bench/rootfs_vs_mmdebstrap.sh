#!/usr/bin/env bash
# Measures packages → rootfs.tar beside mmdebstrap on the same .debs, and says the ratio.
#
#   tests/bench/rootfs_vs_mmdebstrap.sh [RUNS]        (default: 3)
#
# Both start with the .debs of the set vanilla in one local folder, fetched before the clock starts, and end
# with an uncompressed tar; the network has no part. They run in turn, so that what else the machine does
# falls on both, and the best run of each counts. Needs root and mmdebstrap, and a machine with nothing else
# to do. The exit status is 0 if the ratio of the wall times is below 0.5.
set -euo pipefail
cd "$(dirname "$0")/../.."

runs=${1:-3}
architecture=$(dpkg --print-architecture)
work=$(mktemp -d /var/tmp/bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt reads the archive as its own user

tools/bazel run //tests/rootfs:reference -- --set vanilla --architecture "$architecture" --work "$work" 2>/dev/null
for ((run = 1; run <= runs; run++)); do
  # It prints the tool's own wall time; what starting Bazel takes is not in it.
  tools/bazel run //tests/bench:rootfs -- --manifest "$work/manifest.json" --output "$work/ours.tar" 2>/dev/null |
    tee -a "$work/ours"
  start=$(date +%s.%N)
  sh "$work/install.sh"
  echo "$start $(date +%s.%N)" | awk '{ printf "mmdebstrap %.2f s\n", $2 - $1 }' | tee -a "$work/theirs"
done
sort -n -k2 "$work/ours" | head -n 1 >"$work/best"
sort -n -k2 "$work/theirs" | head -n 1 >>"$work/best"
awk '{ wall[NR] = $2 } END { r = wall[1] / wall[2]; printf "ratio %.2f (below 0.50 is wanted)\n", r; exit r >= 0.5 }' "$work/best"
