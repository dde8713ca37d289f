"""Reads an erofs without the content of its files: paths, owners, modes, attributes, links.

The format is that of Linux, fs/erofs/erofs_fs.h. The content may be compressed, and fsck.erofs of erofs-utils
extracts it; the rest never is.
"""

import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind

MAGIC = 0xE0F5E1E2
SUPERBLOCK = 1024  # bytes from the start
# Magic, bits of a block, root, inodes, blocks of metadata and of attributes.
_SUPER = struct.Struct("<I8xB1xHQ12x4xII")
_COMPACT = struct.Struct("<HHHHIIIIHHI")
_EXTENDED = struct.Struct("<HHHHQIIIIQII16x")
_SLOT = 32  # bytes; inodes are at multiples of it
_PLAIN, _INLINE = 0, 2  # layouts of what is not compressed
_ENTRY = struct.Struct("<QHBx")  # of a directory
_ATTRIBUTE = struct.Struct("<BBH")
_ATTRIBUTES_HEAD = 12  # bytes
_PREFIXES = {
    1: "user.",
    2: "system.posix_acl_access",
    3: "system.posix_acl_default",
    4: "trusted.",
    6: "security.",
}
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}
_LARGEST = 64 << 20  # bytes of a directory or link


@dataclass(frozen=True, slots=True)
class _Node:
    """An inode, and where what is not in it lies."""

    layout: int
    mode: int
    size: int
    start: int  # block of the data, or the number of a device
    uid: int
    gid: int
    tail: int  # offset of what comes after it
    attributes: int  # bytes


def is_erofs(stream: BinaryIO) -> bool:
    """Whether a file system begins here; the stream is moved."""
    stream.seek(SUPERBLOCK, 1)
    return stream.read(4) == MAGIC.to_bytes(4, "little")


def read(stream: BinaryIO, where: str) -> Iterator[tuple[str, Inode]]:
    """Yields each path with its inode, files without content; hard links have one inode.

    Raises ToolError for what is none, or has what mkfs.erofs does not write by default.
    """
    try:
        yield from _Reader(stream).walk()
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise ToolError(f"{where}: is no erofs that can be read ({error}); make it anew") from None


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.seek(SUPERBLOCK)
        magic, bits, root, _, metadata, attributes = _SUPER.unpack(stream.read(_SUPER.size))
        if magic != MAGIC or not 9 <= bits <= 16:
            raise ValueError("no superblock")
        self._block = 1 << bits
        self._root = root
        self._metadata, self._shared = metadata << bits, attributes << bits

    def walk(self) -> Iterator[tuple[str, Inode]]:
        inodes: dict[int, Inode] = {}
        queue = [("", self._root)]
        for path, number in queue:
            node = self._node(number)
            known = inodes.get(number)
            if known and known.kind is Kind.DIRECTORY:
                raise ValueError(f"/{path} is a directory that has another name")
            inode = inodes[number] = known or self._inode(node)
            yield path, inode
            if inode.kind is Kind.DIRECTORY:
                queue += [(f"{path}/{name}".lstrip("/"), below) for name, below in self._entries(node)]

    def _at(self, offset: int, size: int) -> bytes:
        self._stream.seek(offset)
        data = self._stream.read(size)
        if len(data) < size:
            raise ValueError(f"it ends before {offset + size}")
        return data

    def _node(self, number: int) -> _Node:
        offset = self._metadata + number * _SLOT
        form, icount = struct.unpack("<HH", self._at(offset, 4))
        if form & 1:
            _, _, mode, _, size, start, _, uid, gid, *_ = _EXTENDED.unpack(self._at(offset, _EXTENDED.size))
            tail = offset + _EXTENDED.size
        else:
            _, _, mode, _, size, _, start, _, uid, gid, _ = _COMPACT.unpack(self._at(offset, _COMPACT.size))
            tail = offset + _COMPACT.size
        attributes = _ATTRIBUTES_HEAD + 4 * (icount - 1) if icount else 0
        return _Node(form >> 1 & 7, mode, size, start, uid, gid, tail, attributes)

    def _inode(self, node: _Node) -> Inode:
        kind = _KINDS[stat.S_IFMT(node.mode)]
        inode = Inode(kind, stat.S_IMODE(node.mode), node.uid, node.gid, xattrs=self._xattrs(node))
        if kind is Kind.SYMLINK:
            inode.target = self._data(node).decode("utf-8", "surrogateescape")
        if kind in (Kind.CHARACTER, Kind.BLOCK):
            inode.device = (node.start >> 8 & 0xFFF, node.start & 0xFF | node.start >> 12 & 0xFFF00)
        return inode

    def _data(self, node: _Node) -> bytes:
        """The data of a directory or link."""
        if node.size > _LARGEST or node.layout not in (_PLAIN, _INLINE):
            raise ValueError(f"a directory or link has {node.size} bytes in layout {node.layout}")
        if node.layout == _PLAIN or not node.size:
            return self._at(node.start * self._block, node.size) if node.size else b""
        whole = (node.size - 1) // self._block * self._block
        return (self._at(node.start * self._block, whole) if whole else b"") + self._at(
            node.tail + node.attributes, node.size - whole
        )

    def _entries(self, node: _Node) -> Iterator[tuple[str, int]]:
        data = self._data(node)
        for start in range(0, len(data), self._block):
            block = data[start : start + self._block]
            count = _ENTRY.unpack_from(block)[1] // _ENTRY.size
            rows = [_ENTRY.unpack_from(block, at * _ENTRY.size) for at in range(count)]
            ends = [offset for _, offset, _ in rows[1:]] + [len(block)]
            for (number, offset, _), end in zip(rows, ends, strict=True):
                name = block[offset:end].partition(b"\0")[0]
                if name not in (b".", b".."):
                    if not name or b"/" in name:
                        raise ValueError(f"the name {name!r}")
                    yield name.decode("utf-8", "surrogateescape"), number

    def _xattrs(self, node: _Node) -> Mapping[str, bytes]:
        if not node.attributes:
            return {}
        data = self._at(node.tail, node.attributes)
        shared = data[4]
        at = _ATTRIBUTES_HEAD + 4 * shared
        found = {}
        for [place] in struct.iter_unpack("<I", data[_ATTRIBUTES_HEAD:at]):
            offset = self._shared + 4 * place
            length, _, size = _ATTRIBUTE.unpack(self._at(offset, _ATTRIBUTE.size))
            name, value, _ = _attribute(self._at(offset, _ATTRIBUTE.size + length + size), 0)
            found[name] = value
        while at + _ATTRIBUTE.size <= len(data):
            name, value, at = _attribute(data, at)
            found[name] = value
        return dict(sorted(found.items()))


def _attribute(data: bytes, at: int) -> tuple[str, bytes, int]:
    """Name and value of an attribute, and where the next one is."""
    length, prefix, size = _ATTRIBUTE.unpack_from(data, at)
    start = at + _ATTRIBUTE.size
    end = start + length + size
    if end > len(data):
        raise ValueError("an attribute that is cut off")
    name = _PREFIXES[prefix] + data[start : start + length].decode("utf-8", "surrogateescape")
    return name, data[start + length : end], end + -end % 4
