"""The bytes of files: in memory, part of an open file, or a file on disk; read when they are written."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from tools.sysimage.core.errors import ToolError

CHUNK = 1 << 20  # bytes that are copied at a time
_LARGE = 1 << 16  # bytes: from this size on, having the kernel copy a file is faster


@dataclass(frozen=True, slots=True)
class Span:
    """`size` bytes at `offset` of an open file that can be sought."""

    file: BinaryIO
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes, at most CHUNK at a time. Raises ToolError if the file is cut off.

        Spans of one file on disk can be read from several threads at once.
        """
        position, left = self.offset, self.size
        descriptor = _descriptor(self.file)
        while left:
            if descriptor is not None:
                data = os.pread(descriptor, min(CHUNK, left), position)
            else:
                # Several spans share one file, so each read seeks to its own place.
                self.file.seek(position)
                data = self.file.read(min(CHUNK, left))
            if not data:
                name = getattr(self.file, "name", "a stream")
                raise ToolError(f"{name}: cut off at byte {position}, {left} bytes are missing; make it anew")
            position += len(data)
            left -= len(data)
            yield data


def copy(content: Content, out: BinaryIO) -> None:
    """Writes the bytes of a file to `out`. Raises ToolError as `Content.chunks` does."""
    if isinstance(content, Span) and content.size >= _LARGE:
        source, sink = _descriptor(content.file), _descriptor(out)
        if source is not None and sink is not None:
            done = _copy_in_kernel(source, content, sink)
            content = Span(content.file, content.offset + done, content.size - done)
    for chunk in content.chunks():
        out.write(chunk)


def sha256(content: Content) -> str:
    """The SHA-256 of the bytes of a file, in hex. Raises ToolError as `Content.chunks` does."""
    digest = hashlib.sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _copy_in_kernel(source: int, span: Span, sink: int) -> int:
    """Has the kernel copy what it can, which takes half the time; returns how many bytes it copied."""
    done = 0
    # Where the file system can't copy, or the source is cut off, `copy` reads the rest itself, or refuses it.
    with suppress(OSError):
        while done < span.size and (
            count := os.copy_file_range(source, sink, span.size - done, span.offset + done)
        ):
            done += count
    return done


def _descriptor(file: BinaryIO) -> int | None:
    try:
        # Bytes that were appended to a spool may still be in Python's buffer.
        file.flush()
        return file.fileno()
    except OSError, AttributeError:
        return None


@dataclass(frozen=True, slots=True)
class Sparse:
    """A file with holes: `parts` are offsets in the file with the bytes there, in order; the rest is 0."""

    parts: tuple[tuple[int, Span], ...]
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes, holes as zeros, at most CHUNK at a time."""
        position = 0
        for offset, span in self.parts:
            yield from _zeros(offset - position)
            yield from span.chunks()
            position = offset + span.size
        yield from _zeros(self.size - position)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(CHUNK, count))
        count -= CHUNK


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes in memory, for the small files that a stage makes."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes at once."""
        if self.data:
            yield self.data


@dataclass(frozen=True, slots=True)
class External:
    """A file on disk, of `size` bytes. It is opened when it is read, so thousands of them cost nothing."""

    path: Path
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes. Raises ToolError if the size of the file has changed."""
        size = 0
        with self.path.open("rb") as stream:
            while data := stream.read(CHUNK):
                size += len(data)
                yield data
        if size != self.size:
            raise ToolError(
                f"{self.path}: has {size} bytes instead of {self.size}; it changed while it was read"
            )


class Content(Protocol):
    """The bytes of a file, wherever they are: Span, Inline, Sparse, External."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes, at most about CHUNK at a time."""
