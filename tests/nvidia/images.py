"""The images that tests look into."""

import os
from contextlib import ExitStack
from pathlib import Path

from tools.sysimage.core.tree import Tree
from tools.sysimage.toolchain import elf_dependencies

TRIPLET = "x86_64-linux-gnu"


def image(files: ExitStack) -> Tree:
    """The root filesystem with nvidia's driver, on vanilla, and the modules of the kernel."""
    return elf_dependencies.load(Path(os.environ["IMAGE"]), "amd64", files)


def driver(files: ExitStack) -> Tree:
    """What of it vanilla does not have."""
    return elf_dependencies.load(Path(os.environ["LAYER"]), "amd64", files)
