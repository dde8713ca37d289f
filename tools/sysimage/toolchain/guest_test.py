"""guest_test: runs a program of the guest with the loader and the libraries of a sysroot."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core.span import External
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.formats import elf


def main(argv: Sequence[str]) -> None:
    """Executes the program in place of this one."""
    parser = argparse.ArgumentParser(prog="guest_test", description=__doc__)
    parser.add_argument("--emulator", type=Path, help="folder whose bin/ has the emulator of the guest")
    parser.add_argument("libraries", type=Path, help="folder with the guest's libraries and its loader")
    parser.add_argument("program", type=Path, help="the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    options = parser.parse_args(argv)
    # $ORIGIN in a program's search path has to be the directory in which it was built.
    program = options.program.resolve()
    linkage = elf.linkage(Inode(Kind.FILE, 0o755, content=External(program, program.stat().st_size)))
    command = [str(program)]
    if linkage is not None and linkage.interpreter:
        loader = next(options.libraries.glob("ld-linux-*.so.*"))
        start = ["--library-path", str(options.libraries), "--argv0", str(options.program)]
        command = [str(loader), *start, str(program)]
    if options.emulator:
        command = [str(next(options.emulator.glob("bin/*"))), *command]
    os.execv(command[0], [*command, *options.arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
