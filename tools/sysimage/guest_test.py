"""guest_test: runs a program with the loader and the libraries of a folder: LIBRARIES PROGRAM [ARGUMENT…]."""

import os
import sys
from pathlib import Path

from tools.sysimage import elf
from tools.sysimage.tree import External, Inode, Kind


def main() -> None:
    """Becomes the program."""
    libraries, link, *arguments = sys.argv[1:]
    # $ORIGIN in a program's search path is the folder that it was built in.
    program = Path(link).resolve()
    linkage = elf.linkage(Inode(Kind.FILE, 0o755, content=External(program, program.stat().st_size)))
    if linkage is None or not linkage.interpreter:
        os.execv(program, [str(program), *arguments])
    loader = next(Path(libraries).glob("ld-linux-*.so.*"))
    os.execv(loader, [str(loader), "--library-path", libraries, "--argv0", link, str(program), *arguments])


if __name__ == "__main__":
    main()
