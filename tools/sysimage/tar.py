"""Tar archives in and out: the one reader and the one writer of all stages.

Written is POSIX.1-2001 pax, with extended headers only for what ustar's fields can't hold; times are 0,
owners are numbers without names. Nothing of the host or the clock reaches the bytes.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tools.sysimage.errors import ToolError
from tools.sysimage.tree import CHUNK, Inline, Inode, Kind, Span, Tree, canonical

_XATTR = "SCHILY.xattr."
_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.GNUTYPE_SPARSE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.CHRTYPE: Kind.CHARACTER,
    tarfile.BLKTYPE: Kind.BLOCK,
    tarfile.FIFOTYPE: Kind.FIFO,
}
_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.DIRECTORY: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
    Kind.CHARACTER: tarfile.CHRTYPE,
    Kind.BLOCK: tarfile.BLKTYPE,
    Kind.FIFO: tarfile.FIFOTYPE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive: a path with its inode, or a further name (hard link) of an earlier path."""

    path: str
    inode: Inode | None
    link: str = ""  # the earlier path, if `inode` is None


def read(stream: BinaryIO, where: str, spool: BinaryIO | None = None) -> Iterator[Entry]:
    """Yields the entries of an uncompressed tar in the archive's order.

    A file's content is a Span of `stream` if that can be sought (`spool` is None), else it is appended
    to `spool`, an open temporary file. `where` names the archive in messages and is the inodes' origin.

    Raises ToolError for an archive that is cut off or damaged, a name outside the root, a type that no
    file system has.
    """
    seekable = spool is None
    try:
        # stream=True: tarfile would keep the header of each entry, and a layer has 100,000 of them.
        # (typeshed does not know it yet.)
        with tarfile.TarFile.open(  # type: ignore[call-overload]
            fileobj=stream, mode="r:" if seekable else "r|", errorlevel=2, stream=True
        ) as archive:
            for info in archive:
                yield _entry(archive, info, where, stream if seekable else spool, seekable)
            # tarfile takes an archive that ends between two entries for whole: the block of zeros that
            # ends it is the only proof.
            if archive.fileobj.tell() < archive.offset + tarfile.BLOCKSIZE:
                raise ToolError(f"{where}: the archive is cut off (no end marker); fetch or build it again")
    except tarfile.TarError as error:
        raise ToolError(f"{where}: not a whole tar archive ({error}); fetch or build it again") from error
    except EOFError as error:
        raise ToolError(f"{where}: the archive is cut off; fetch or build it again") from error


def _entry(
    archive: tarfile.TarFile,
    info: tarfile.TarInfo,
    where: str,
    data: BinaryIO | None,
    seekable: bool,
) -> Entry:
    path = canonical(info.name, where)
    if info.islnk():
        return Entry(path, None, canonical(info.linkname, where))
    kind = _KINDS.get(info.type)
    if kind is None:
        raise ToolError(
            f"{where}: entry {info.name!r} has the unknown type {info.type!r}; remove it from there"
        )
    xattrs = {
        key.removeprefix(_XATTR): value.encode("utf-8", "surrogateescape")
        for key, value in info.pax_headers.items()
        if key.startswith(_XATTR)
    }
    inode = Inode(kind, info.mode & 0o7777, info.uid, info.gid, xattrs=xattrs, origin=where)
    if kind is Kind.SYMLINK:
        inode.mode, inode.target = 0o777, info.linkname
    elif kind in (Kind.CHARACTER, Kind.BLOCK):
        inode.device = (info.devmajor, info.devminor)
    elif kind is Kind.FILE and info.size:
        assert data is not None
        if seekable and not info.issparse():
            inode.content = Span(data, info.offset_data, info.size)
        elif seekable:
            source = archive.extractfile(info)
            assert source is not None
            inode.content = Inline(source.read())
        else:
            inode.content = _spooled(archive, info, where, data)
    return Entry(path, inode)


def _spooled(archive: tarfile.TarFile, info: tarfile.TarInfo, where: str, spool: BinaryIO) -> Span:
    source = archive.extractfile(info)
    assert source is not None
    offset = spool.seek(0, 2)
    size = 0
    while chunk := source.read(CHUNK):
        spool.write(chunk)
        size += len(chunk)
    if size != info.size:
        raise ToolError(f"{where}: entry {info.name!r} is cut off; fetch or build it again")
    return Span(spool, offset, size)


class Writer:
    """Writes a tar, entry by entry; `close` writes the end marker."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._names: dict[Inode, str] = {}  # first name of each file, for hard links
        self.size = 0  # bytes written

    def add(self, path: str, inode: Inode) -> None:
        """Writes one entry; a second path of the same inode becomes a hard link to the first."""
        info = tarfile.TarInfo(path or ".")
        info.mode, info.uid, info.gid, info.mtime = inode.mode, inode.uid, inode.gid, 0
        first = self._names.setdefault(inode, path) if inode.kind is not Kind.DIRECTORY else path
        if first != path:
            info.type, info.linkname = tarfile.LNKTYPE, first
            self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            return
        info.type = _TYPES[inode.kind]
        info.linkname = inode.target
        info.devmajor, info.devminor = inode.device
        if inode.kind is Kind.FILE:
            info.size = inode.content.size
        info.pax_headers = {
            _XATTR + name: inode.xattrs[name].decode("utf-8", "surrogateescape")
            for name in sorted(inode.xattrs)
        }
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        if inode.kind is Kind.FILE:
            for chunk in inode.content.chunks():
                self._write(chunk)
            self._write(bytes(-info.size % tarfile.BLOCKSIZE))

    def close(self) -> None:
        """Writes the end: two blocks of zeros, no padding to a record, as the specification allows."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self.size += len(data)


def write(tree: Tree, stream: BinaryIO) -> None:
    """Writes a tree: the root as "./", then every path, parents first, hard links after their target."""
    writer = Writer(stream)
    for path in tree.paths():
        writer.add(path, tree[path])
    writer.close()


def load(stream: BinaryIO, where: str, spool: BinaryIO | None = None) -> Tree:
    """Reads a tar of ours into a tree: one entry a path, parents first, links after their target.

    Raises ToolError for duplicates, missing parents and links to nothing, and what `read` raises.
    """
    tree = Tree()
    for entry in read(stream, where, spool):
        inode = entry.inode or tree.get(entry.link)
        if inode is None:
            raise ToolError(
                f"{where}: {entry.path} is a hard link to {entry.link}, which does not come before it"
            )
        if entry.path and entry.path in tree:
            raise ToolError(f"{where}: {entry.path} is there twice; one entry a path is allowed")
        tree.put(entry.path, inode)
    return tree
