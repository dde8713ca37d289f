"""Reads Debian binary packages: deb(5), an ar archive of debian-binary, control.tar and data.tar."""

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from compression import zstd
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import CHUNK
from tools.sysimage.formats import control_file, tar

_MAGIC = b"!<arch>\n"
_HEADER = 60  # bytes of an ar member's header
_OPENERS: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    ".tar": lambda stream: stream,
    ".tar.gz": lambda stream: cast(BinaryIO, gzip.open(stream)),
    ".tar.xz": lambda stream: cast(BinaryIO, lzma.open(stream)),
    ".tar.zst": lambda stream: cast(BinaryIO, zstd.open(stream)),
}
_DAMAGED = (lzma.LZMAError, gzip.BadGzipFile, zlib.error, zstd.ZstdError, EOFError)
_MAX_CONTROL = 1 << 26  # bytes that control.tar may unpack to; Debian's largest is 3 MiB


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the ar archive: `size` bytes at `offset` of the file."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Deb:
    """A package: its control fields (deb822, name → value as written) and the files of control.tar."""

    path: Path
    fields: dict[str, str]
    control: dict[str, bytes]  # "control", "md5sums", "conffiles", "postinst", …

    @property
    def name(self) -> str:
        """The package's name."""
        return self.fields["Package"]

    @contextmanager
    def data(self) -> Iterator[BinaryIO]:
        """Opens data.tar, decompressed, as a stream that can't seek.

        Raises ToolError if the archive is cut off or damaged, also while the stream is read.
        """
        with self.path.open("rb") as stream:
            member = _member(_members(stream, self.path), "data.tar", self.path)
            with _decompressed(stream, member, self.path) as data:
                yield data


def open_deb(path: Path) -> Deb:
    """Reads the control part of a package. Raises ToolError if it is no whole .deb of format 2."""
    with path.open("rb") as stream:
        members = _members(stream, path)
        if not members or members[0].name != "debian-binary":
            raise ToolError(f"{path}: not a Debian package (its first member is not debian-binary)")
        stream.seek(members[0].offset)
        version = stream.read(min(members[0].size, 64))
        if not version.startswith(b"2."):
            raise ToolError(f"{path}: format {version.strip()!r} is unknown; this tool reads format 2")
        _member(members, "data.tar", path)
        spool = io.BytesIO()
        with _decompressed(stream, _member(members, "control.tar", path), path) as archive:
            control = {
                entry.path: entry.inode.read()
                for entry in tar.read(cast(BinaryIO, _Limited(archive, path)), f"{path}: control.tar", spool)
                if entry.inode and entry.path
            }
    if "control" not in control:
        raise ToolError(f"{path}: control.tar has no file 'control'; fetch the package again")
    # dpkg takes any bytes, and writes them as they are: older packages have Latin-1.
    fields = control_file.parse(control["control"].decode("utf-8", "surrogateescape"), str(path))
    return Deb(path, fields, control)


def _members(stream: BinaryIO, path: Path) -> list[Member]:
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise ToolError(f"{path}: not a Debian package (no ar archive); fetch it again")
    end = stream.seek(0, 2)
    members = []
    offset = len(_MAGIC)
    while offset < end:
        stream.seek(offset)
        header = stream.read(_HEADER)
        if len(header) < _HEADER or header[58:] != b"`\n":
            raise ToolError(f"{path}: cut off or damaged at byte {offset}; fetch it again")
        # GNU ar ends names with a slash, dpkg does not.
        name = header[:16].decode("ascii", "replace").rstrip().rstrip("/")
        digits = header[48:58].rstrip(b" ")
        if not digits.isdigit():
            raise ToolError(f"{path}: {name} has the size {digits!r}, which is no number; fetch it again")
        size = int(digits)
        offset += _HEADER
        if offset + size > end:
            raise ToolError(
                f"{path}: cut off within {name}: {offset + size - end} bytes are missing; fetch it again"
            )
        members.append(Member(name, offset, size))
        offset += size + size % 2
    return members


def _member(members: list[Member], stem: str, path: Path) -> Member:
    for member in members:
        if member.name.startswith(stem) and member.name[len(stem) - 4 :] in _OPENERS:
            return member
    have = ", ".join(member.name for member in members)
    raise ToolError(f"{path}: no {stem} in a compression that is known (gz, xz, zst, none); it has {have}")


@contextmanager
def _decompressed(stream: BinaryIO, member: Member, path: Path) -> Iterator[BinaryIO]:
    opener = _OPENERS[member.name[member.name.index(".tar") :]]
    part = io.BufferedReader(_Part(stream, member.offset, member.size), CHUNK)  # type: ignore[type-var]
    try:
        yield opener(cast(BinaryIO, part))
    except _DAMAGED as error:
        raise ToolError(f"{path}: {member.name} is damaged ({error}); fetch it again") from error


class _Limited(io.RawIOBase):
    """A stream that ends with an error when it has given more than a control.tar has."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, _MAX_CONTROL

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ToolError(
                f"{self._path}: control.tar unpacks to more than {_MAX_CONTROL} bytes; fetch it again"
            )
        return data


class _Part(io.RawIOBase):
    """A part of a file as a stream of its own."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        self._stream = stream
        self._left = size
        stream.seek(offset)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)
