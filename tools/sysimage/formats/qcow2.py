"""Writes disks as qcow2, version 3, with what is zero left out (QEMU, docs/interop/qcow2.rst)."""

import struct
from array import array
from collections.abc import Sequence
from typing import BinaryIO

from tools.sysimage.core.span import Span, copy
from tools.sysimage.formats.extents import Extent

CLUSTER = 1 << 16
"""Bytes: what is in one of them at all is written whole."""

_COPIED = 1 << 63  # of an offset: it has one user
_POINTERS = CLUSTER // 8  # offsets in a table of one cluster
_COUNTS = CLUSTER // 2  # counts of 16 bits in a block of one cluster
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_LENGTH = 104  # bytes of the header


def write(raw: BinaryIO, size: int, extents: Sequence[Extent], out: BinaryIO) -> None:
    """Writes a disk of `size` bytes to `out`, which is empty; `extents` are those of `raw`, in clusters."""
    used = [
        cluster
        for extent in extents
        for cluster in range(extent.offset // CLUSTER, -(-(extent.offset + extent.size) // CLUSTER))
    ]
    seconds = sorted({cluster // _POINTERS for cluster in used})
    first_size = -(-size // (CLUSTER * _POINTERS))
    first = -(-first_size // _POINTERS)
    blocks = tables = 1
    while True:
        count = 1 + tables + blocks + first + len(seconds) + len(used)
        needed = -(-count // _COUNTS)
        if needed <= blocks and -(-blocks // _POINTERS) <= tables:
            break
        blocks, tables = max(blocks, needed), max(tables, -(-max(blocks, needed) // _POINTERS))
    first_at = 1 + tables + blocks
    second_at = first_at + first
    data_at = second_at + len(seconds)
    fields = (
        *(0, 0, CLUSTER.bit_length() - 1, size, 0, first_size, first_at * CLUSTER),
        *(CLUSTER, tables, 0, 0, 0, 0, 0, 4, _LENGTH),
    )
    out.write(_HEADER.pack(b"QFI\xfb", 3, *fields))
    _put(out, 1, _big_endian(array("Q", [(1 + tables + number) * CLUSTER for number in range(blocks)])))
    counts = array("H", [1] * count)
    _put(out, 1 + tables, _big_endian(counts))
    pointers = array("Q", bytes(8 * first_size))
    for number, second in enumerate(seconds):
        pointers[second] = (second_at + number) * CLUSTER | _COPIED
    _put(out, first_at, _big_endian(pointers))
    place = {second: number for number, second in enumerate(seconds)}
    tables_of_data = [array("Q", bytes(CLUSTER)) for _ in seconds]
    for number, cluster in enumerate(used):
        table = tables_of_data[place[cluster // _POINTERS]]
        table[cluster % _POINTERS] = (data_at + number) * CLUSTER | _COPIED
    for number, table in enumerate(tables_of_data):
        _put(out, second_at + number, _big_endian(table))
    at = data_at * CLUSTER
    for extent in extents:
        out.seek(at)
        copy(Span(raw, extent.offset, extent.size), out)
        at += -(-extent.size // CLUSTER) * CLUSTER
    # A disk may end within a cluster.
    out.truncate(count * CLUSTER)


def _big_endian(numbers: array[int]) -> bytes:
    kind = "H" if numbers.itemsize == 2 else "Q"
    return struct.pack(f">{len(numbers)}{kind}", *numbers)


def _put(out: BinaryIO, cluster: int, data: bytes) -> None:
    out.seek(cluster * CLUSTER)
    out.write(data)
