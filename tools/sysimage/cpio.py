"""Writes initramfs archives: cpio's "newc" format, as the kernel's buffer-format.rst describes it.

Archives of this kind can be laid one behind the other: the kernel unpacks them all, the later over the earlier.
"""

import stat
from typing import BinaryIO

from tools.sysimage.errors import ToolError
from tools.sysimage.tree import Inline, Inode, Kind, Tree

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
    """Writes a tree, parents first, times 0; paths that share an inode become files of their own.

    Raises ToolError for a file that the format can't hold.
    """
    for number, path in enumerate(tree.paths()[1:], 1):
        _entry(stream, path, tree[path], number, links=2 if tree[path].kind is Kind.DIRECTORY else 1)
    _entry(stream, "TRAILER!!!", _END, 0, links=1, kind=0)


def _entry(stream: BinaryIO, path: str, inode: Inode, number: int, links: int, kind: int | None = None) -> None:
    name = path.encode("utf-8", "surrogateescape") + b"\0"
    content = Inline(inode.target.encode("utf-8", "surrogateescape")) if inode.target else inode.content
    if content.size > _MOST:
        raise ToolError(f"{path}: has {content.size} bytes, and an initramfs can't hold a file of 4 GiB or more")
    mode = (_TYPES[inode.kind] if kind is None else kind) | inode.mode
    numbers = (
        *(number, mode, inode.uid, inode.gid, links, 0, content.size),
        *(0, 0, *inode.device, len(name), 0),  # the archive's device, the node's, no checksum
    )
    header = b"070701" + b"".join(b"%08X" % value for value in numbers) + name
    stream.write(header + bytes(-len(header) % 4))
    for chunk in content.chunks():
        stream.write(chunk)
    stream.write(bytes(-content.size % 4))
