"""Writes initramfs archives: cpio's "newc" format, as the kernel's buffer-format.rst describes it.

Such archives can be concatenated: the kernel unpacks them in order, and later files replace earlier ones.
"""

import stat
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Inline, copy
from tools.sysimage.core.tree import Inode, Kind, Tree

_TYPES = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHARACTER: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
}
_END = Inode(Kind.FILE, 0)
_MOST = 0xFFFFFFFF  # bytes of a file: its size has eight hexadecimal digits


def write(tree: Tree, stream: BinaryIO) -> None:
    """Writes a tree, parents first, all times 0. Hard links become separate files.

    Raises ToolError for a file that is too large for the format.
    """
    for number, path in enumerate(tree.paths()[1:], 1):
        inode = tree[path]
        _entry(stream, path, inode, number, _TYPES[inode.kind])
    _entry(stream, "TRAILER!!!", _END, 0, 0)


def _entry(stream: BinaryIO, path: str, inode: Inode, number: int, kind: int) -> None:
    name = path.encode("utf-8", "surrogateescape") + b"\0"
    target = inode.target.encode("utf-8", "surrogateescape")
    content = Inline(target) if inode.kind is Kind.SYMLINK else inode.content
    if content.size > _MOST:
        raise ToolError(
            f"{path}: has {content.size} bytes, an initramfs holds files of less than 4 GiB; leave it out"
        )
    links = 2 if inode.kind is Kind.DIRECTORY else 1
    numbers = (
        *(number, kind | inode.mode, inode.uid, inode.gid, links, 0, content.size),
        *(0, 0, *inode.device, len(name), 0),  # the archive's device, the node's, no checksum
    )
    header = b"070701" + b"".join(b"%08X" % value for value in numbers) + name
    stream.write(header + bytes(-len(header) % 4))
    copy(content, stream)
    stream.write(bytes(-content.size % 4))
