"""Kernel modules for tests, in memory: relocatable ELF files with what modpost writes."""

import struct
from collections.abc import Mapping, Sequence


def module(
    info: Mapping[str, str], crcs: Mapping[str, int] | None = None, wanted: Sequence[str] = ()
) -> bytes:
    """A module that says `info`, has CRCs of symbols, and wants these symbols."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in wanted)
    symbols = bytes(24)
    for name in wanted:
        symbols += struct.pack("<IBBHQQ", names.index(name.encode() + b"\0"), 0x10, 0, 0, 0, 0)
    sections = {
        ".modinfo": b"".join(f"{key}={value}".encode() + b"\0" for key, value in info.items()),
        "__versions": b"".join(
            struct.pack("<Q56s", crc, name.encode()) for name, crc in (crcs or {}).items()
        ),
        ".symtab": symbols,
        ".strtab": names,
    }
    table = b"\0" + b"".join(name.encode() + b"\0" for name in [*sections, ".shstrtab"])
    sections[".shstrtab"] = table
    data = bytearray(64)
    headers = bytearray(64)
    for name, content in sections.items():
        headers += struct.pack(
            "<IIQQQQ", table.index(name.encode() + b"\0"), 1, 0, 0, len(data), len(content)
        )
        headers += bytes(64 - 40)
        data += content
    start = len(data)
    head = struct.pack(
        "<6s10xHHIQQQIHHHHHH", b"\x7fELF\x02\x01", 1, 62, 1, 0, 0, start, 0, 64, 0, 0, 64, 6, 5
    )
    return head + bytes(data[64:]) + bytes(headers)
