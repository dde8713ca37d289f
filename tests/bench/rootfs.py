"""Runs the stage rootfs once and prints its wall time in seconds and its peak memory in MiB.

tests/bench/rootfs_vs_mmdebstrap.sh runs it; the arguments are those of the stage.
"""

import resource
import time

from tools.sysimage.core import errors
from tools.sysimage.rootfs import rootfs


def main(argv: list[str]) -> int:
    """Runs the stage."""
    start = time.monotonic()
    status = rootfs.main(argv)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"rootfs {time.monotonic() - start:.2f} s, {memory:.0f} MiB")
    return status


if __name__ == "__main__":
    errors.run(lambda argv: main(list(argv)))
