"""Open file descriptions (XBD 3.256): what descriptors refer to, with the offset that they share."""

import errno
from typing import Protocol

from tools.sysimage.scripts.files import OpenContent
from tools.sysimage.scripts.limits import Meter

_CHUNK = 1 << 12


class Stream(Protocol):
    """What a descriptor refers to."""

    def read(self, size: int) -> bytes:
        """Reads at most `size` bytes; none at the end. Raises OSError if it is not open for reading."""

    def readline(self) -> bytes:
        """Reads up to a newline, and with it."""

    def write(self, data: bytes) -> None:
        """Writes. Raises OSError if it is not open for writing."""


def read_all(stream: Stream) -> bytes:
    """Reads all that is left."""
    parts = []
    while part := stream.read(1 << 16):
        parts.append(part)
    return b"".join(parts)


class OpenFile:
    """An open file, with its offset."""

    def __init__(self, content: OpenContent, meter: Meter, *, read: bool, write: bool, append: bool) -> None:
        self._content = content
        self._meter = meter
        self._read = read
        self._write = write
        self._append = append
        self._offset = 0

    def read(self, size: int) -> bytes:
        """Reads from the offset on."""
        if not self._read:
            raise OSError(errno.EBADF, "Bad file descriptor")
        data = self._content.read(self._offset, size)
        self._offset += len(data)
        return data

    def readline(self) -> bytes:
        """Reads up to a newline, and with it."""
        parts = []
        while part := self.read(_CHUNK):
            end = part.find(b"\n") + 1
            if end:
                self._offset -= len(part) - end
                parts.append(part[:end])
                break
            parts.append(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Writes at the offset, or at the end if it was opened to append."""
        if not self._write:
            raise OSError(errno.EBADF, "Bad file descriptor")
        self._meter.write(len(data))
        if self._append:
            self._offset = self._content.size()
        self._content.write(self._offset, data)
        self._offset += len(data)


class Source:
    """Bytes to be read: a here-document, or what a pipeline's stage before has written."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._offset = 0

    def read(self, size: int) -> bytes:
        """Reads from the offset on."""
        data = self._data[self._offset : self._offset + size]
        self._offset += len(data)
        return data

    def readline(self) -> bytes:
        """Reads up to a newline, and with it."""
        end = self._data.find(b"\n", self._offset) + 1
        return self.read((end or len(self._data)) - self._offset)

    def write(self, data: bytes) -> None:  # noqa: ARG002 - of Stream
        """Refuses."""
        raise OSError(errno.EBADF, "Bad file descriptor")


class Sink:
    """Collects what is written."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._data = bytearray()

    def read(self, size: int) -> bytes:  # noqa: ARG002 - of Stream
        """Refuses."""
        raise OSError(errno.EBADF, "Bad file descriptor")

    def readline(self) -> bytes:
        """Refuses."""
        raise OSError(errno.EBADF, "Bad file descriptor")

    def write(self, data: bytes) -> None:
        """Appends."""
        self._meter.write(len(data))
        self._data += data

    def getvalue(self) -> bytes:
        """Returns all that was written."""
        return bytes(self._data)


class Null:
    """/dev/null."""

    def read(self, size: int) -> bytes:  # noqa: ARG002 - of Stream
        """Is at its end."""
        return b""

    def readline(self) -> bytes:
        """Is at its end."""
        return b""

    def write(self, data: bytes) -> None:
        """Forgets what is written."""


class Full(Null):
    """/dev/full."""

    def write(self, data: bytes) -> None:  # noqa: ARG002 - of Stream
        """Fails as a full disk does."""
        raise OSError(errno.ENOSPC, "No space left on device")
