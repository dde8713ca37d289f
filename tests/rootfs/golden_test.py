"""The set vanilla against what a real installation of it has beyond its packages' files.

The golden file is the real one's: `python3.14 -m tests.rootfs.compare --golden FILE` writes it, after a
change of the lock or of differences.toml.
"""

import difflib
import os
from pathlib import Path

from tests.rootfs import compare


def test_what_effects_make_is_what_the_real_installation_has() -> None:
    tree = compare.load(Path(os.environ["ROOTFS"]))
    golden = Path(os.environ["GOLDEN"]).read_text().splitlines(keepends=True)
    difference = list(difflib.unified_diff(golden, compare.beyond_packages(tree), "real", "ours", n=0))
    assert not difference, "".join(difference)
