"""A tree on disk."""

from pathlib import Path

from tools.sysimage.core.span import copy
from tools.sysimage.core.tree import Kind, Tree


def write(tree: Tree, folder: Path) -> None:
    """Writes a tree to disk. Its directories may be there already."""
    for path in tree.paths():
        inode = tree[path]
        place = folder / path
        if inode.kind is Kind.DIRECTORY:
            place.mkdir(parents=True, exist_ok=True)
        elif inode.kind is Kind.SYMLINK:
            place.symlink_to(inode.target)
        else:
            with place.open("wb") as stream:
                copy(inode.content, stream)
            place.chmod(0o755 if inode.mode & 0o111 else 0o644)
