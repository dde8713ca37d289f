"""Tar archives in and out: the one reader and the one writer of all stages.

The reader takes all kinds of tar that packages and images have: v7, ustar, GNU, star, pax, and every kind
of sparse file. The writer writes ustar, with a pax header only where a value does not fit ustar's fields;
times are 0, owners are numbers without names. Neither the host nor the clock influences the bytes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import CHUNK, Content, Inline, Span, Sparse, copy
from tools.sysimage.core.tree import Inode, Kind, Tree, canonical
from tools.sysimage.formats import tarformat
from tools.sysimage.formats.tarformat import BLOCK, ZEROS, DamagedError, TarHeader

_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,  # contiguous: an ordinary file for today's systems
    b"S": Kind.FILE,  # GNU sparse
    b"5": Kind.DIRECTORY,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER,
    b"4": Kind.BLOCK,
    b"6": Kind.FIFO,
}
_TYPES = {
    Kind.FILE: b"0",
    Kind.DIRECTORY: b"5",
    Kind.SYMLINK: b"2",
    Kind.CHARACTER: b"3",
    Kind.BLOCK: b"4",
    Kind.FIFO: b"6",
}
_MODES = tuple(range(0o10000))  # all inodes of a mode share one number object
# What Linux takes: bytes of a path or a link's target (PATH_MAX without the NUL), xattr(7), makedev(3).
_MAX_NAME, _MAX_XATTR_NAME, _MAX_XATTR = 4095, 255, 65536
_MAX_MAJOR, _MAX_MINOR = 1 << 12, 1 << 20
_MAX_SPARSE_MAP = 1 << 16  # entries; only an attack has more


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive: a path with its inode, or a further name (hard link) of an earlier path."""

    path: str
    inode: Inode | None
    link: str = ""  # the earlier path, if `inode` is None


def read(
    stream: BinaryIO,
    where: str,
    spool: BinaryIO | None = None,
    *,
    layer: bool = False,
) -> Iterator[Entry]:
    """Yields the entries of an uncompressed tar in the archive's order.

    A file's content is a Span of `stream`, which then has to be able to seek. If `spool`, an open temporary
    file, is given, contents are appended to it, and are Spans of it. `where` names the archive in messages,
    and is the inodes' origin.

    `layer` allows what image builders write: a leading slash in a name means the root of the image, and
    the end marker may be missing (a layer's digest proves that it is whole).

    Raises ToolError if the archive is cut off or damaged, a name is outside the root, or a type is unknown.
    """
    reader = _Reader(stream, where, spool, layer)
    try:
        yield from reader.entries()
    except DamagedError as error:
        reader.refuse(f"{error} (before byte {reader.offset})")


def broken_at(stream: BinaryIO) -> str:
    """The entry in or after which a layer breaks off; "" if it is whole. `stream` has to be able to seek."""
    stream.seek(0)
    reader = _Reader(stream, "", None, True)
    try:
        for _ in reader.entries():
            pass
    except DamagedError, ToolError:
        return reader.name
    return ""


# A guest has its files in memory; a few bytes of an archive can promise more than any disk has.
_MAX_HOLES = 1 << 36


class _Reader:
    def __init__(
        self,
        stream: BinaryIO,
        where: str,
        spool: BinaryIO | None,
        layer: bool,
    ) -> None:
        self._stream, self._where, self._layer, self._spool = stream, where, layer, spool
        self._holes = 0  # bytes that sparse files take when they are written
        self.name = ""  # of the entry that was read last, for messages
        self.offset = self._end = 0
        if spool is None:
            self.offset = stream.tell()
            self._end = stream.seek(0, os.SEEK_END)
            stream.seek(self.offset)

    def refuse(self, what: str) -> NoReturn:
        after = f", in or after the entry {self.name!r}" if self.name else ""
        raise ToolError(f"{self._where}: not a whole tar archive ({what}{after}); fetch or build it again")

    def entries(self) -> Iterator[Entry]:
        shared: dict[bytes, bytes] = {}  # pax records that hold for all that follows
        records: list[tuple[bytes, bytes]] = []
        long_name = long_link = b""
        while (block := self._header()) is not None:
            header = tarformat.parse(block)
            if header.type in (b"x", b"X"):
                records = tarformat.parse_records(self._extension(header))
            elif header.type == b"g":
                shared.update(tarformat.parse_records(self._extension(header)))
            elif header.type == b"L":
                long_name = self._extension(header).partition(b"\0")[0]
            elif header.type == b"K":
                long_link = self._extension(header).partition(b"\0")[0]
            else:
                header.name = long_name or header.name
                header.link = long_link or header.link
                if shared or records:
                    # An empty value cancels that of a global header.
                    tarformat.apply_records(header, [*shared.items(), *records])
                yield self._entry(header)
                records, long_name, long_link = [], b"", b""
        if records or long_name or long_link:
            self.refuse("it ends after an extended header")

    def _header(self) -> bytes | None:
        block = self._read_at_most(BLOCK)
        if block == ZEROS:
            after = self._read_at_most(BLOCK)
            if after.strip(b"\0"):
                self.refuse(f"there are entries after a block of zeros, at byte {self.offset}")
            return None
        if not block and self._layer:
            return None
        if len(block) < BLOCK:
            self.refuse(f"it is cut off at byte {self.offset}, without an end marker")
        return block

    def _entry(self, header: TarHeader) -> Entry:
        if b"\0" in header.name or b"\0" in header.link:
            self.refuse(f"a name contains a NUL byte, before byte {self.offset}")
        if max(len(header.name), len(header.link)) > _MAX_NAME:
            self.refuse(f"a name of more than {_MAX_NAME} bytes, before byte {self.offset}")
        name = self.name = header.name.decode("utf-8", "surrogateescape")
        link = header.link.decode("utf-8", "surrogateescape")
        path = self._canonical(name)
        if header.type == b"1":
            return Entry(path, None, self._canonical(link))
        kind = _KINDS.get(header.type)
        if kind is None:
            raise ToolError(
                f"{self._where}: entry {name!r} has the unknown type {header.type!r}; remove it from there"
            )
        if kind is Kind.FILE and name.endswith("/"):
            # v7 writes directories so. Data that follow are skipped, or they would be read as headers.
            self._content(header)
            kind = Kind.DIRECTORY
        if header.uid < 0 or header.gid < 0:
            raise ToolError(f"{self._where}: entry {name!r} has a negative owner; build the archive again")
        inode = Inode(kind, _MODES[header.mode & 0o7777], header.uid, header.gid, origin=self._where)
        if header.xattrs:
            self._check_xattrs(header)
            inode.xattrs = {
                key.decode("utf-8", "surrogateescape"): value for key, value in header.xattrs.items()
            }
        if kind is Kind.SYMLINK:
            if not link:
                raise ToolError(
                    f"{self._where}: entry {name!r} is a symbolic link to nothing; remove it there"
                )
            inode.mode, inode.target = 0o777, link
        elif kind in (Kind.CHARACTER, Kind.BLOCK):
            if not (0 <= header.device[0] < _MAX_MAJOR and 0 <= header.device[1] < _MAX_MINOR):
                raise ToolError(f"{self._where}: entry {name!r} has a device number that Linux has not")
            inode.device = header.device
        elif kind is Kind.FILE:
            inode.content = self._content(header)
        return Entry(path, inode)

    def _check_xattrs(self, header: TarHeader) -> None:
        for key, value in header.xattrs.items():
            if len(key) > _MAX_XATTR_NAME or len(value) > _MAX_XATTR:
                raise ToolError(
                    f"{self._where}: entry {self.name!r} has an extended attribute of {len(value)} bytes, "
                    f"and Linux takes {_MAX_XATTR}; build the archive again"
                )

    def _canonical(self, name: str) -> str:
        return (
            canonical(name.lstrip("/"), self._where, clean=True)
            if self._layer
            else canonical(name, self._where)
        )

    def _content(self, header: TarHeader) -> Content:
        if header.parts is None:
            return self._data(header.size) if header.size else Inline(b"")
        stored = header.size - self._sparse_map(header)
        data = self._data(stored) if stored > 0 else None
        spans = []
        end = used = 0
        for offset, size in header.parts:
            if offset < end or offset + size > header.real_size or used + size > stored:
                self.refuse(f"the map of the sparse file {header.name!r} contradicts its size")
            if data and size:
                spans.append((offset, Span(data.file, data.offset + used, size)))
            end = offset + size
            used += size
        self._holes += header.real_size
        # Layers have a limit of their own, which users can raise.
        if self._holes > _MAX_HOLES and not self._layer:
            raise ToolError(
                f"{self._where}: with {self.name!r}, sparse files take {self._holes} bytes, more than the "
                f"{_MAX_HOLES} that an image may; leave the file out, or make it at boot"
            )
        return Sparse(tuple(spans), header.real_size)

    def _sparse_map(self, header: TarHeader) -> int:
        """Completes `header.parts`; returns how many bytes of the entry's data the map takes."""
        assert header.parts is not None
        if header.type == b"S":
            while header.more_parts:
                tarformat.parse_sparse_block(header, self._read(BLOCK))
                self._limit_map(len(header.parts))
            return 0
        if not header.more_parts:
            return 0
        numbers: list[int] = []
        wanted = 1  # the first number says how many pairs follow it
        taken = 0
        text = b""
        while len(numbers) < wanted:
            if taken + BLOCK > header.size:
                self.refuse(f"the map of the sparse file {header.name!r} does not end")
            *lines, text = (text + self._read(BLOCK)).split(b"\n")
            taken += BLOCK
            for line in lines:
                if len(numbers) == wanted:
                    break
                if not line.isdigit() or len(line) > 20:
                    self.refuse(f"the map of the sparse file {header.name!r} holds {line[:20]!r}")
                numbers.append(int(line))
                self._limit_map(numbers[0])
                wanted = 1 + 2 * numbers[0]
        header.parts = tarformat.pairs(numbers[1:])
        return taken

    def _limit_map(self, entries: int) -> None:
        if entries > _MAX_SPARSE_MAP:
            self.refuse(f"a sparse file's map has {entries} entries")

    def _data(self, size: int) -> Span:
        """The next `size` bytes and their padding."""
        padding = -size % BLOCK
        if self._spool is not None:
            span = Span(self._spool, self._spool.seek(0, os.SEEK_END), size)
            left = size
            while left:
                chunk = self._read(min(CHUNK, left))
                self._spool.write(chunk)
                left -= len(chunk)
            self._read(padding)
            return span
        span = Span(self._stream, self.offset, size)
        self.offset += size + padding
        if self.offset > self._end:
            self.refuse(f"it is cut off, {self.offset - self._end} bytes are missing")
        self._stream.seek(self.offset)
        return span

    def _extension(self, header: TarHeader) -> bytes:
        if header.size > tarformat.MAX_EXTENSION:
            self.refuse(f"an extended header of {header.size} bytes, at byte {self.offset}")
        data = self._read(header.size)
        self._read(-header.size % BLOCK)
        return data

    def _read(self, size: int) -> bytes:
        data = self._read_at_most(size)
        if len(data) < size:
            self.refuse(f"it is cut off at byte {self.offset}")
        return data

    def _read_at_most(self, size: int) -> bytes:
        data = self._stream.read(size)
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        self.offset += len(data)
        return data


class Writer:
    """Writes a tar, entry by entry; `close` writes the end marker."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.names: dict[Inode, str] = {}  # first name of each file, for hard links
        self.size = 0  # bytes written

    def add(self, path: str, inode: Inode) -> None:
        """Writes one entry; a second path of the same inode becomes a hard link to the first."""
        first = self.names.setdefault(inode, path) if inode.kind is not Kind.DIRECTORY else path
        if first != path:
            self._write(header(path, inode, first))
            return
        self._write(header(path, inode))
        if inode.kind is Kind.FILE:
            copy(inode.content, self._stream)
            self.size += inode.content.size
            self._write(bytes(-inode.content.size % BLOCK))

    def close(self) -> None:
        """Writes the end: two blocks of zeros, no padding to a record, as the specification allows."""
        self._write(END)

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self.size += len(data)


END = bytes(2 * BLOCK)


def header(path: str, inode: Inode, link: str | None = None) -> bytes:
    """The bytes before an entry's data; with `link`, those of a hard link to that path.

    Directories end with a slash, the root is "./".
    """
    name = (path or ".") + ("/" if inode.kind is Kind.DIRECTORY else "")
    if link is not None:
        return tarformat.build(
            TarHeader(_encode(name), inode.mode, inode.uid, inode.gid, 0, b"1", _encode(link))
        )
    return tarformat.build(
        TarHeader(
            _encode(name),
            inode.mode,
            inode.uid,
            inode.gid,
            inode.content.size if inode.kind is Kind.FILE else 0,
            _TYPES[inode.kind],
            _encode(inode.target),
            inode.device,
            {_encode(key): value for key, value in inode.xattrs.items()},
        )
    )


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def write(tree: Tree, stream: BinaryIO) -> None:
    """Writes a tree: the root as "./", then every path, parents first, hard links after their target."""
    writer = Writer(stream)
    for path, inode in tree.walk():
        writer.add(path, inode)
    writer.close()


def load(stream: BinaryIO, where: str, spool: BinaryIO | None = None) -> Tree:
    """Reads a tar of ours into a tree: one entry a path, parents first, links after their target.

    Raises ToolError for duplicates, missing parents and links to nothing, and as `read` does.
    """
    tree = Tree()
    for entry in read(stream, where, spool):
        inode = entry.inode or tree.get(entry.link)
        if inode is None:
            raise ToolError(
                f"{where}: {entry.path} is a hard link to {entry.link}, which does not come before it"
            )
        size = len(tree)
        tree.put(entry.path, inode)
        if entry.path and len(tree) == size:
            raise ToolError(f"{where}: {entry.path} is there twice; one entry a path is allowed")
    return tree
