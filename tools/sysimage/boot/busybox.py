"""busybox: takes the static busybox out of a package set, for what is laid into a guest beside its image."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest, span
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Kind
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import PackagesInput
from tools.sysimage.debian.package_set import load
from tools.sysimage.formats import elf

_PROGRAM = "usr/bin/busybox"


def main(argv: Sequence[str]) -> int:
    """Writes the program."""
    parser = argparse.ArgumentParser(prog="busybox", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help='JSON with "packages"')
    parser.add_argument("--output", type=Path, required=True, help="the program")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(PackagesInput, options.manifest)
    with tempfile.TemporaryDirectory(dir=options.output.parent) as scratch:
        program = load(dpkg.load_all(manifest.packages), Path(scratch)).find(_PROGRAM)
        if program is None or program.kind is not Kind.FILE:
            raise ToolError(f"{_PROGRAM}: no package of the set has it; add busybox-static to the set")
        if elf.linkage(program) is not None:
            raise ToolError(
                f"{_PROGRAM}: needs libraries, which guests may lack; name busybox-static in place of busybox"
            )
        with atomic.output(options.output) as stream:
            span.copy(program.content, stream)
    return 0


if __name__ == "__main__":
    run(main)
