"""Changes bytes of a measured disk, one at a time: veritysetup, or what starts the guest, has to refuse each.

`bazel run //tests/disk/verity:campaign -- --count 1000`. veritysetup reads all of the file system and of its
hash tree. It takes no notice of most of the hash tree's superblock, which the guest compares byte by byte:
changes there are for the guest's program, as those of the partition table are.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.kernel.stage1 import disks
from tests.testing.programs import argv
from tests.testing.progress import told
from tools.sysimage.disk.hash_tree import BLOCK

_EROFS = (1024, 1024 + 128)  # bytes of the superblock of an erofs


def main() -> int:
    """Returns 0 if nothing passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="bytes to change")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    parts = {path.suffix: path for path in map(Path, os.environ["VERITY"].split())}
    root_hash = parts[".roothash"].read_text("ascii").strip()
    with tempfile.TemporaryDirectory() as folder:
        data, tree = Path(folder, "data"), Path(folder, "tree")
        data.write_bytes(parts[".erofs"].read_bytes())
        tree.write_bytes(parts[".verity"].read_bytes())
        caught, missed = _campaign(data, tree, root_hash, random.Random(options.seed), options.count)
    for place, count in sorted(caught.items()):
        print(
            f"{place}: {count} changed bytes, all refused"
            if not missed[place]
            else f"{place}: {count} refused"
        )
    for place, count in sorted(missed.items()):
        print(f"{place}: {count} changed bytes passed", file=sys.stderr)
    return 1 if missed else 0


def _campaign(
    data: Path, tree: Path, root_hash: str, seed: random.Random, count: int
) -> tuple[Counter[str], Counter[str]]:
    caught: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    assert _verified(data, tree, root_hash), "the disk is not sound to begin with"
    assert _starts(data, tree, root_hash), "the disk does not start to begin with"
    # Data and hash tree by their sizes would be 99 of 100.
    places = (
        ("file system", data, (0, data.stat().st_size), _verified),
        ("hash tree", tree, (BLOCK, tree.stat().st_size), _verified),
        ("superblock of the file system", data, _EROFS, _verified),
        ("superblock of the hash tree", tree, (0, BLOCK), _starts),
    )
    for number in told(range(count), count, "changed bytes"):
        place, path, (first, end), sound = places[number % len(places)]
        at, bit = seed.randrange(first, end), seed.randrange(8)
        _flip(path, at, bit)
        (missed if sound(data, tree, root_hash) else caught)[place] += 1
        _flip(path, at, bit)
    assert _verified(data, tree, root_hash)
    return caught, missed


def _flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def _verified(data: Path, tree: Path, root_hash: str) -> bool:
    command = [*argv(Path(os.environ["VERITYSETUP"])), "verify", str(data), str(tree), root_hash]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _starts(data: Path, tree: Path, root_hash: str) -> bool:
    # Of the file system, what starts the guest reads nothing before it has set dm-verity up.
    root = disks.Part(disks.ROOT, bytes(data.stat().st_size))
    disk = disks.write(data.parent / "disk", disks.Table((root, disks.Part(disks.VERITY, tree.read_bytes()))))
    command = [os.environ["DISK_INIT"], "--check", f"stage1.roothash={root_hash}", str(disk)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
