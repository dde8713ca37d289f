"""Runs the stages install and rootfs once and prints its wall time in seconds and its peak memory in MiB.

tests/bench/rootfs_vs_mmdebstrap.sh runs it; the arguments are those of tests/testing/filesystems.py.
"""

import resource
import time

from tests.testing import filesystems
from tools.sysimage.core import errors


def main(argv: list[str]) -> int:
    """Runs the stages."""
    start = time.monotonic()
    status = filesystems.main(argv)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"rootfs {time.monotonic() - start:.2f} s, {memory:.0f} MiB")
    return status


if __name__ == "__main__":
    errors.run(lambda argv: main(list(argv)))
