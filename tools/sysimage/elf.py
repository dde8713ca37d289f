"""Reads what the dynamic loader looks at in 64-bit little-endian ELF files: machine, soname, ISA level."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tools.sysimage.tree import Inline, Inode, Span

_SHARED = 3  # e_type ET_DYN
_LOAD, _DYNAMIC, _PROPERTY = 1, 2, 0x6474E553  # p_type
_END, _STRTAB, _SONAME = 0, 5, 14  # d_tag
_X86_ISA_NEEDED = 0xC0008002  # GNU_PROPERTY_X86_ISA_1_NEEDED
_LONGEST = 4096  # bytes of a soname that are read


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of the program header table."""

    kind: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Elf:
    """A shared object or position-independent program."""

    machine: int  # e_machine: 62 is x86-64, 183 AArch64
    soname: str  # "" if it has none
    isa_level: int  # x86-64-v… that it needs, 0 if it does not say


def read(inode: Inode) -> Elf | None:
    """Reads a file's headers; None for what is no dynamically linked shared object."""
    header = _bytes(inode, 0, 64)
    if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
        return None
    kind, machine = struct.unpack_from("<HH", header, 16)
    (table,) = struct.unpack_from("<Q", header, 32)
    width, count = struct.unpack_from("<HH", header, 54)
    segments = list(_segments(_bytes(inode, table, width * count), width))
    dynamic = next((segment for segment in segments if segment.kind == _DYNAMIC), None)
    if kind != _SHARED or dynamic is None:
        return None
    tags = _tags(_bytes(inode, dynamic.offset, dynamic.size))
    soname = ""
    if _SONAME in tags and _STRTAB in tags:
        for segment in segments:
            if segment.kind == _LOAD and 0 <= tags[_STRTAB] - segment.address < segment.size:
                at = tags[_STRTAB] - segment.address + segment.offset + tags[_SONAME]
                soname = _bytes(inode, at, _LONGEST).partition(b"\0")[0].decode("utf-8", "surrogateescape")
                break
    notes = (_bytes(inode, s.offset, s.size) for s in segments if s.kind == _PROPERTY)
    return Elf(machine, soname, max(map(_isa_level, notes), default=0))


def _segments(table: bytes, width: int) -> Iterator[Segment]:
    for at in range(0, len(table) - 55, max(width, 56)):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", table, at)
        yield Segment(kind, offset, address, size)


def _tags(data: bytes) -> dict[int, int]:
    tags: dict[int, int] = {}
    for tag, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        if tag == _END:
            break
        tags[tag] = value
    return tags


def _isa_level(note: bytes) -> int:
    position = 16  # behind the note's own header: sizes, type, "GNU"
    while position + 12 <= len(note):
        kind, width, bits = struct.unpack_from("<III", note, position)
        if kind == _X86_ISA_NEEDED:
            return int(bits).bit_length()
        position += 8 + -(-width // 8) * 8
    return 0


def _bytes(inode: Inode, offset: int, size: int) -> bytes:
    """A part of a file, shorter at its end; only that is read."""
    content = inode.content
    if isinstance(content, Span):
        size = max(0, min(size, content.size - offset))
        return b"".join(Span(content.file, content.offset + offset, size).chunks())
    if isinstance(content, Inline):
        return content.data[offset : offset + size]
    return inode.read()[offset : offset + size]
