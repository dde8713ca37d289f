#!/usr/bin/env python3
"""What an image takes after a change of the orchestrator alone, and how large it is.

    tests/bench/rebuild.py [RUNS]

Compresses the base of //system_image:vanilla anew, then RUNS times (5) changes a word of the orchestrator and
builds the image, and puts the word back: commit nothing meanwhile. Then compresses the whole tar with `xz -6`
of the host, to compare sizes. The exit status is 0 if the median build takes at most 1/10 of what compressing
takes, the action that emits the image less than a second, and the image is at most 3 % larger than xz's.
"""

import lzma
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from building import HERE, action_seconds, bazel

IMAGE = "//system_image:vanilla"
SOURCE = HERE / "system_image/orchestrator/main.cc"
WORD = "reference orchestrator"
MOST_BUILD, MOST_EMIT, MOST_SIZE = 0.1, 1.0, 1.03


def compressing() -> float:
    """Seconds that compressing the whole base takes, with all cores."""
    compressed = (HERE / "bazel-bin/system_image/vanilla_compressed.tar.xz").resolve()
    compressed.unlink(missing_ok=True)
    # It must not come from a cache.
    return action_seconds("Compressing the base", "--disk_cache=", f"{IMAGE}_compressed")


def changed(run: int) -> tuple[float, float]:
    """Seconds of a build after a change of the orchestrator, and of its action that emits the image."""
    before = SOURCE.read_text()
    SOURCE.write_text(before.replace(WORD, f"{WORD} {time.time_ns()}{run}"))
    try:
        start = time.monotonic()
        emit = action_seconds("Emitting the system image", "--disk_cache=", IMAGE)
        return time.monotonic() - start, emit
    finally:
        SOURCE.write_text(before)


def sizes() -> tuple[int, int]:
    """Bytes of the image, and of its tar after `xz -6`."""
    image = HERE / "bazel-bin/system_image/vanilla.tar.xz"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        tar = Path(folder, "image.tar")
        with lzma.open(image) as source, tar.open("wb") as out:
            shutil.copyfileobj(source, out)
        subprocess.run(["xz", "-6", "--threads=1", tar], check=True)
        return image.stat().st_size, tar.with_suffix(".tar.xz").stat().st_size


def main(runs: int) -> int:
    """Prints the figures."""
    bazel("build", IMAGE)
    whole = compressing()
    print(f"compressing the base: {whole:.1f} s", flush=True)
    builds, emits = zip(*(changed(run) for run in range(runs)), strict=True)
    build, emit = statistics.median(builds), statistics.median(emits)
    print(f"build after a change: {build:.2f} s, {build / whole:.3f} times that; the limit is {MOST_BUILD}")
    print(f"of it the action that emits: {emit:.2f} s; the limit is {MOST_EMIT}", flush=True)
    bazel("build", IMAGE)
    ours, theirs = sizes()
    print(f"size: {ours}, {ours / theirs:.4f} times that of xz -6, {theirs}; the limit is {MOST_SIZE}")
    return 0 if build <= MOST_BUILD * whole and emit < MOST_EMIT and ours <= MOST_SIZE * theirs else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 5))
