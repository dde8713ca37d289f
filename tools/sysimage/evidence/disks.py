"""The image on a measured disk: the file system in its partitions, as a tree."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import External, Span, copy, sha256
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.formats import erofs, gpt


def is_disk(path: Path) -> bool:
    """Whether a file is a disk with a GUID partition table."""
    with path.open("rb") as stream:
        return gpt.is_table(stream)


@contextmanager
def opened(path: Path, fsck: Sequence[str], scratch: Path) -> Iterator[tuple[Tree, dict[str, str]]]:
    """The tree of a raw disk, and the SHA-256 of each partition by its name.

    `fsck` starts fsck.erofs, which extracts what may be compressed into a new folder. Raises ToolError for
    a disk that `disk_image` did not make, or that has no file system.
    """
    with path.open("rb") as disk:
        table = gpt.read(disk, str(path))
        parts = {
            f"partition {part.name}": Span(disk, part.first * gpt.SECTOR, part.size)
            for part in table.partitions
        }
        for span in parts.values():
            disk.seek(span.offset)
            if erofs.is_erofs(disk):
                break
        else:
            raise ToolError(f"{path}: no partition has an erofs; name the disk of a `verity_image`")
        scratch.mkdir()
        image = scratch / "erofs"
        with image.open("wb") as out:
            copy(span, out)
        yield _tree(image, fsck, scratch / "tree", path), {name: sha256(part) for name, part in parts.items()}


def _tree(image: Path, fsck: Sequence[str], folder: Path, path: Path) -> Tree:
    options = [f"--extract={folder}", "--no-preserve", "--no-xattrs"]
    done = subprocess.run([*fsck, *options, str(image)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["it says nothing"]
        raise ToolError(f"{path}: its file system can't be extracted ({said[0]}); make it anew")
    tree = Tree()
    with image.open("rb") as stream:
        for name, inode in erofs.read(stream, str(path)):
            if inode.kind is Kind.FILE:
                file = folder / name
                inode.content = External(file, file.stat().st_size)
            tree.put(name, inode)
    return tree
