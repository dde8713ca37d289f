"""What emitting a large image takes, with a compressed base and without.

    tools/bazel run //tests/bench:emit -- [--gib N] [--runs N]        (default: 1 GiB, 5 runs)

The base is made of the files of //system_image:rootfs_sysroot, the overlay has a program of 4 MiB. The base
is compressed once, which takes minutes; then the image is emitted from it, again and again. The exit status
is 0 if the median takes at most 3 s.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.flatten import ENVIRON, PYTHON, flat_tree
from tests.bench.measure import measure
from tests.testing import programs
from tests.testing.tars import entry, tar
from tools.sysimage.core import errors
from tools.sysimage.formats import tar as sysimage_tar

MOST = 3.0  # seconds
_XZ = Path("system_image/tools/xz")
_OUTPUTS = ("output", "sha256", "sha384", "mtree", "contents")


def main(argv: Sequence[str]) -> int:
    """Makes base and overlay, measures, prints."""
    parser = argparse.ArgumentParser(prog="emit", description=__doc__)
    parser.add_argument("--gib", type=float, default=1, help="size of the base")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args(argv)
    if options.make:
        with (
            (options.make / "base.tar").open("wb") as stream,
            flat_tree(int(options.gib * (1 << 30))) as tree,
        ):
            sysimage_tar.write(tree, stream)
        return 0
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        measure([*PYTHON, "tests.bench.emit", "--make", folder, *argv], environ=ENVIRON)
        program = Path(sys.executable).read_bytes()[: 4 << 20]
        (folder / "overlay.tar").write_bytes(tar(entry("usr/bin/orchestrator", program, mode=0o755)))
        (folder / "tool.json").write_text(json.dumps({"argv": programs.argv(_XZ.resolve())}))
        base: list[str | Path] = ["--base", folder / "base.tar", "--tool", folder / "tool.json"]
        index, cut, made = folder / "index.json", folder / "base.blocks", folder / "base.blocks.xz"
        words = [*base[:2], "--index", index, "--slots", cut]
        measure([*PYTHON, "tools.sysimage.image.cut", *words], environ=ENVIRON)
        words = [*base[2:], "--slot", cut, "--output", made]
        whole = measure([*PYTHON, "tools.sysimage.image.compress", *words], environ=ENVIRON)
        print(f"compressing the base: {whole.wall:.1f} s, {made.stat().st_size >> 20} MiB", flush=True)
        command: list[str | Path] = [
            *PYTHON,
            "tools.sysimage.image.emit",
            *base,
            "--overlay",
            folder / "overlay.tar",
        ]
        command += ["--compressed", made, "--index", index]
        outputs = {name: folder / f"image.{name}" for name in _OUTPUTS}
        for option, path in outputs.items():
            command += [f"--{option}", path]
        costs = []
        for _ in range(options.runs):
            # As Bazel does before an action; a file system may write all out when one file replaces another.
            for path in outputs.values():
                path.unlink(missing_ok=True)
            costs.append(measure(command, environ=ENVIRON))
    wall = statistics.median(cost.wall for cost in costs)
    memory = max(cost.memory for cost in costs)
    print(f"emit: {wall:.2f} s, {wall / whole.wall:.4f} times that, {memory:.0f} MiB; the limit is {MOST} s")
    return 0 if wall <= MOST else 1


if __name__ == "__main__":
    errors.run(main)
