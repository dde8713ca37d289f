"""The files of a package set, as they are unpacked: for stages that take some of them out."""

from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import span
from tools.sysimage.core.tree import Inode, Tree
from tools.sysimage.debian import unpack
from tools.sysimage.debian.dpkg import Package


def load(packages: Sequence[Package], scratch: Path) -> Tree:
    """The files of the packages; their content is in temporary files in the folder `scratch`."""
    tree = Tree()
    unpacker = unpack.Unpacker(tree)
    places = unpack.spool(packages, scratch)
    for package in packages:
        archive, offset = places[package.name]
        archive.seek(offset)
        unpacker.unpack(package, archive)
    return tree


def copy(inode: Inode, path: Path) -> None:
    """Writes a file to disk, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        span.copy(inode.content, stream)
    path.chmod(inode.mode & 0o777)
