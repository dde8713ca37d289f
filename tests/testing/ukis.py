"""Unified kernel images for tests: systemd's stub, with sections added to it as ukify(1) adds them."""

import struct
from collections.abc import Mapping

_SECTION = struct.Struct("<8sIIIIIIHHI")
_DATA = 0x40000040  # IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ


def unify(stub: bytes, sections: Mapping[str, bytes]) -> bytes:
    """A UKI of `stub`, which has room in its headers for these sections: name → content."""
    data = bytearray(stub)
    [start] = struct.unpack_from("<I", data, 0x3C)
    count, size = struct.unpack_from("<6xH12xH", data, start)
    optional = start + 24
    alignment, file_alignment = struct.unpack_from("<II", data, optional + 32)
    [headers] = struct.unpack_from("<I", data, optional + 60)
    table = optional + size
    rows = [_SECTION.unpack_from(data, table + number * 40) for number in range(count)]
    address = max(row[2] + row[1] for row in rows)
    for number, (name, content) in enumerate(sections.items(), start=count):
        address += -address % alignment
        data += bytes(-len(data) % file_alignment)
        padded = content + bytes(-len(content) % file_alignment)
        row = (name.encode(), len(content), address, len(padded), len(data), 0, 0, 0, 0, _DATA)
        assert table + number * 40 + 40 <= headers
        _SECTION.pack_into(data, table + number * 40, *row)
        data += padded
        address += len(content)
    struct.pack_into("<H", data, start + 6, count + len(sections))
    struct.pack_into("<I", data, optional + 56, address + -address % alignment)
    return bytes(data)
