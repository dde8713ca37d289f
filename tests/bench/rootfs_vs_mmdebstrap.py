"""Measures packages → rootfs.tar beside mmdebstrap on the same .debs, and says the ratio.

    python3.14 -m tests.bench.rootfs_vs_mmdebstrap [--set vanilla] [--runs 3]

Both start with all .debs of the lock in one local folder (fetched before the clock starts) and end with
an uncompressed tar; the network has no part. Each is run as a program of its own, in turn, and the best
of the runs counts: wall time, processor time (user and system), peak memory of the largest process.
Needs root and mmdebstrap (apt-get install mmdebstrap), and an idle machine for the wall time to mean
something. The exit status is 0 if the ratio of wall times is below 0.5 and memory below 256 MiB.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rootfs import reference
from tools.sysimage import errors

MOST_RATIO, MOST_MEMORY = 0.5, 256  # MiB


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: seconds, and MiB."""

    wall: float
    processor: float
    memory: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s wall {self.processor:6.2f} s processor {self.memory:6.0f} MiB"


def measure(action: Callable[[], None]) -> Cost:
    """Carries out an action in a process of its own."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - start
    if status:
        raise errors.ToolError("the run failed; see above")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--set", default="vanilla", help="a set of debian.lock.json")
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/rules_system_image-compare")
    arguments = parser.parse_args(argv)
    work = arguments.work / f"{arguments.set}-{arguments.architecture}"
    packages = reference.fetch(arguments.set, arguments.architecture, arguments.work / "debs")
    sources = reference.repository(packages, arguments.architecture, work / "repository")
    manifest = work / "manifest.json"
    manifest.write_text(json.dumps({"architecture": arguments.architecture, "packages": packages}))
    names = [package["name"] for package in packages]
    tool = [
        sys.executable,
        "-m",
        "tools.sysimage.rootfs",
        "--manifest",
        manifest,
        "--output",
        work / "ours.tar",
    ]

    def ours() -> None:
        subprocess.run(tool, check=True)

    def real() -> None:
        reference.install(sources, names, arguments.architecture, work / "real.tar")

    print(f"{arguments.set} {arguments.architecture}: {len(packages)} packages, best of {arguments.runs}")
    # In turn, so that what else the machine does falls on both.
    runs = [(measure(ours), measure(real)) for _ in range(arguments.runs)]
    our = min((pair[0] for pair in runs), key=lambda cost: cost.wall)
    their = min((pair[1] for pair in runs), key=lambda cost: cost.wall)
    ratio = our.wall / their.wall
    print(f"rootfs      {our}")
    print(f"mmdebstrap  {their}")
    print(
        f"ratio       {ratio:.2f} of the wall time (below {MOST_RATIO} is wanted), "
        f"{our.processor / their.processor:.2f} of the processor time"
    )
    return 0 if ratio < MOST_RATIO and our.memory < MOST_MEMORY else 1


if __name__ == "__main__":
    errors.run(main)
