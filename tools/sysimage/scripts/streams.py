"""Open file descriptions (XBD 3.256): what descriptors refer to, with the offset that they share."""

import errno
from typing import NoReturn, Protocol

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
    """Reads all that is left. Raises Refused where that has no end."""
    if isinstance(stream, Endless):
        stream.refuse()
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


class Endless:
    """What a pipeline's stage before has written, and then one text for ever.

    What is read counts as written. Who would read it to its end is refused.
    """

    def __init__(self, data: bytes, text: bytes, meter: Meter) -> None:
        self._data = data
        self._text = text
        self._meter = meter
        self._offset = 0

    def read(self, size: int) -> bytes:
        """Reads from the offset on."""
        self._meter.write(size)
        return self._read(size)

    def _read(self, size: int) -> bytes:
        data = self._data[self._offset : self._offset + size]
        self._offset += len(data)
        if rest := size - len(data):
            start = (self._offset - len(self._data)) % len(self._text)
            data += (self._text * (rest // len(self._text) + 2))[start : start + rest]
            self._offset += rest
        return data

    def readline(self) -> bytes:
        """Reads up to a newline, and with it."""
        near = self._data[self._offset :]
        start = max(0, self._offset - len(self._data)) % len(self._text)
        end = (near + (self._text * 2)[start:]).find(b"\n") + 1
        return self.read(end)

    def lines(self, count: int) -> bytes:
        """Reads so many lines."""
        parts = list[bytes]()
        while count and self._offset < len(self._data):
            parts.append(self.readline())
            count -= 1
        each = self._text.count(b"\n")
        if count >= each:
            # Whole texts at once, from a place where one begins.
            start = (self._offset - len(self._data)) % len(self._text)
            if not start:
                parts.append(self.read(count // each * len(self._text)))
                count %= each
        return b"".join([*parts, *(self.readline() for _ in range(count))])

    def refuse(self) -> NoReturn:
        """Refuses to read to the end."""
        raise self._meter.refused("its input has no end", "say by an entry what it does")

    def write(self, data: bytes) -> None:  # noqa: ARG002 - of Stream
        """Refuses."""
        raise OSError(errno.EBADF, "Bad file descriptor")


class Sink:
    """Collects what is written; `endless` is a text that comes after it for ever, if a pipeline goes on."""

    def __init__(self, meter: Meter, *, piped: bool = False) -> None:
        self._meter = meter
        self._data = bytearray()
        self.piped = piped
        self.endless = b""

    def source(self) -> Stream:
        """What the next stage of a pipeline reads."""
        if self.endless:
            return Endless(bytes(self._data), self.endless, self._meter)
        return Source(bytes(self._data))

    def read(self, size: int) -> bytes:  # noqa: ARG002 - of Stream
        """Refuses."""
        raise OSError(errno.EBADF, "Bad file descriptor")

    def readline(self) -> bytes:
        """Refuses."""
        raise OSError(errno.EBADF, "Bad file descriptor")

    def write(self, data: bytes) -> None:
        """Appends; nothing comes after what has no end."""
        if self.endless:
            return
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
