"""Writes a disk as a sparse file into a tar archive of GNU's old format (GNU tar, "Old GNU Format")."""

import struct
from typing import BinaryIO

from tools.sysimage.core.span import Content, Inline, Span
from tools.sysimage.formats.extents import extents
from tools.sysimage.formats.gpt import SECTOR, Table

_BLOCK = 512
_RECORD = 20 * _BLOCK
_HEADER, _MORE = 4, 21  # parts that a header, and a block after it, has room for
_GRAIN = 1 << 16  # bytes: smaller holes are not worth an entry


def write(raw: BinaryIO, table: Table, larger: Table, name: str, out: BinaryIO) -> None:
    """Writes the archive: the disk `raw`, with `larger` in place of its `table`, as the file `name`."""
    head, tail = larger.head(), larger.tail()
    begin, end = len(head), table.sectors * SECTOR - len(tail)
    parts: list[tuple[int, Content]] = [(0, Inline(head))]
    for extent in extents(raw, _GRAIN):
        first, last = max(extent.offset, begin), min(extent.offset + extent.size, end)
        if first < last:
            parts.append((first, Span(raw, first, last - first)))
    size = larger.sectors * SECTOR
    parts.append((size - len(tail), Inline(tail)))
    stored = sum(content.size for _, content in parts)
    places = [(at, content.size) for at, content in parts]
    out.write(_header(name, stored, size, places))
    written = _BLOCK
    for start in range(_HEADER, len(places), _MORE):
        rest = _places(places[start : start + _MORE], _MORE)
        out.write((rest + bytes((len(places) > start + _MORE,))).ljust(_BLOCK, b"\0"))
        written += _BLOCK
    for _, content in parts:
        for chunk in content.chunks():
            out.write(chunk)
            written += len(chunk)
    # Two empty blocks end an archive, which is written in whole records.
    padding = -written % _BLOCK + 2 * _BLOCK
    out.write(bytes(padding + -(written + padding) % _RECORD))


def _header(name: str, stored: int, size: int, places: list[tuple[int, int]]) -> bytes:
    head = struct.pack(
        "<100s8s8s8s12s12s8s1s100s8s32s32s8s8s12s12s12s4sx96sB12s17x",
        name.encode(),
        *(_number(0o644, 8), _number(0, 8), _number(0, 8), _number(stored, 12), _number(0, 12)),
        *(b" " * 8, b"S", b"", b"ustar  ", b"root", b"root", b"", b"", b"", b"", b"", b""),
        *(_places(places[:_HEADER], _HEADER), len(places) > _HEADER, _number(size, 12)),
    )
    return head[:148] + f"{sum(head):06o}\0 ".encode() + head[156:]


def _places(places: list[tuple[int, int]], count: int) -> bytes:
    return b"".join(_number(number, 12) for place in places for number in place).ljust(24 * count, b"\0")


def _number(number: int, width: int) -> bytes:
    """Octal with a NUL; a number that is too large for that in base 256, as GNU has it."""
    if number < 8 ** (width - 1):
        return f"{number:0{width - 1}o}\0".encode()
    return b"\x80" + number.to_bytes(width - 1)
