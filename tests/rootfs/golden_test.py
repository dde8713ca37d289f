"""A set against what a real installation of it has beyond its packages' files.

The golden file is the real one's: `tests/rootfs/compare.sh --set NAME --golden FILE` writes it, after a
change of the lock or of differences.toml.
"""

import difflib
import os
from pathlib import Path

from tests.rootfs import compare
from tools.sysimage.rootfs.comparison import load


def test_what_effects_make_is_what_the_real_installation_has() -> None:
    tree = load(Path(os.environ["ROOTFS"]))
    golden = Path(os.environ["GOLDEN"]).read_text().splitlines(keepends=True)
    info = any(line.startswith("var/lib/dpkg/info/") for line in golden)
    lines = compare.beyond_packages(tree, info=info)
    difference = list(difflib.unified_diff(golden, lines, "real", "ours", n=0))
    assert not difference, "".join(difference)
