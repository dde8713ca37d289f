"""Where a file on disk is not zero: the holes of sparse files, and blocks that hold nothing."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_AT_ONCE = 1 << 20  # bytes that are looked at


@dataclass(frozen=True, slots=True)
class Extent:
    """`size` bytes at `offset`."""

    offset: int
    size: int


def extents(file: BinaryIO, block: int) -> Iterator[Extent]:
    """Yields the parts of a file that are not zero, in order, in whole blocks of `block` bytes.

    The last one ends with the file. The same for the same bytes, wherever the file has holes; `block` divides
    1 MiB.
    """
    size = os.fstat(file.fileno()).st_size
    begin = end = 0
    for at in _filled(file.fileno(), size, block):
        if at > end or end == 0:
            if end > begin:
                yield Extent(begin, end - begin)
            begin = at
        end = min(at + block, size)
    if end > begin:
        yield Extent(begin, end - begin)


def _filled(file: int, size: int, block: int) -> Iterator[int]:
    """Yields where blocks are that are not zero."""
    zeros = bytes(block)
    at = 0
    while (at := _data_from(file, at, size)) < size:
        at -= at % block
        data = os.pread(file, _AT_ONCE - at % _AT_ONCE, at)
        if not data:
            return
        for start in range(0, len(data), block):
            part = data[start : start + block]
            if part != zeros[: len(part)]:
                yield at + start
        at += len(data)


def _data_from(file: int, at: int, size: int) -> int:
    """Where the next bytes are that are not in a hole; the end, if there are none."""
    if at >= size:
        return size
    try:
        return os.lseek(file, at, os.SEEK_DATA)
    except OSError as error:
        # ENXIO: the rest is a hole. Others: the file system knows no holes.
        return size if error.errno == errno.ENXIO else at
