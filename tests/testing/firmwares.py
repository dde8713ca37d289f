"""Firmware and EFI programs for tests, in memory: the metadata and headers that launches and boots read."""

import lzma
import struct
import uuid
from collections.abc import Mapping, Sequence

PAGE = 4096
MEASURES = b"\0Calling EFI Application from Boot Option\0"
MEASURES_TD = MEASURES + "TdTcg2Dxe\0".encode("utf-16-le")
FIRST = MEASURES_TD + b"initrd=initrd \0"
LAST = MEASURES_TD + b" initrd=initrd\0"
SECURE_BOOT = "SecureBootEnable\0".encode("utf-16-le")
SEV = ((0x800000, 0x9000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3), (0x810000, 0x1000, 0x10))
_SIZE = 16 * PAGE


def firmware(
    drivers: bytes = FIRST,
    *,
    sev: Sequence[tuple[int, int, int]] = SEV,
    tdvf: Sequence[tuple[int, int, int, int, int, int]] = (
        (4 * PAGE, 12 * PAGE, 0x100000000 - 12 * PAGE, 12 * PAGE, 0, 1),
        (0, 0, 0x809000, 0x2000, 2, 0),
    ),
    hashes: int = 0x810C00,
    fill: bytes = b"\x90",
    variables: Sequence[str] = (),
) -> bytes:
    """A firmware of 64 KiB that ends as OVMF does: metadata, a table of GUIDs, 32 bytes.

    `sev` are sections of SEV metadata (address, size, kind), `tdvf` of TDVF metadata (offset and size of the
    content, address and size in memory, kind, attributes). `drivers` are what its LZMA stream holds,
    `variables` the names of variables that are set.
    """
    data = bytearray(fill * (_SIZE // len(fill)))
    struct.pack_into("<16s16sQ4s", data, 0, bytes(16), bytes(16), _SIZE, b"_FVH")
    packed = lzma.compress(drivers, format=lzma.FORMAT_ALONE)
    section = struct.pack(
        "<3sB16sHH",
        (24 + len(packed)).to_bytes(3, "little"),
        2,
        uuid.UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf").bytes_le,
        24,
        1,
    )
    data[0x80 : 0x80 + len(section) + len(packed)] = section + packed
    if variables:
        rows = b""
        for name in variables:
            text = f"{name}\0".encode("utf-16-le")
            rows += struct.pack("<HBBI28xII16x", 0x55AA, 0x3F, 0, 7, len(text), 3) + text + b"abc"
            rows += bytes(-len(rows) % 4)
        store = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
        store += struct.pack("<IBBHI", 0x1000, 0x5A, 0xFE, 0, 0) + rows
        data[0x2000 : 0x2000 + len(store)] = store
    entries = {
        "00f771de-1a7e-4fcb-890e-68c77e2fb44e": 0x80B004,
        "7255371f-3a3b-4b04-927b-1da6efa8d454": hashes,
    }
    if sev:
        entries["dc886566-984a-4798-a75e-5585a7bf67cc"] = 0x800
        rows = b"".join(struct.pack("<III", *row) for row in sev)
        struct.pack_into("<4sIII", data, _SIZE - 0x800, b"ASEV", 16 + len(rows), 1, len(sev))
        data[_SIZE - 0x7F0 : _SIZE - 0x7F0 + len(rows)] = rows
    if tdvf:
        entries["e47a6535-984a-4798-865e-4685a7bf8ec2"] = 0x600
        rows = b"".join(struct.pack("<IIQQII", *row) for row in tdvf)
        struct.pack_into("<4sIII", data, _SIZE - 0x600, b"TDVF", 16 + len(rows), 1, len(tdvf))
        data[_SIZE - 0x5F0 : _SIZE - 0x5F0 + len(rows)] = rows
    table = b"".join(
        struct.pack("<IH16s", value, 22, uuid.UUID(guid).bytes_le) for guid, value in entries.items()
    )
    table += struct.pack("<H16s", len(table) + 18, uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le)
    data[_SIZE - 32 - len(table) : _SIZE - 32] = table
    return bytes(data)


def program(sections: Mapping[str, bytes], *, signature: bytes = b"", setup: bool = False) -> bytes:
    """A PE32+ file with these sections and, with `setup`, the header that makes it a bzImage too."""
    headers, table = 0x1000, 0x40 + 24 + 240
    data = bytearray(headers)
    struct.pack_into("<2s", data, 0, b"MZ")
    struct.pack_into("<I", data, 0x3C, 0x40)
    struct.pack_into("<4sHH12xHH", data, 0x40, b"PE\0\0", 0x8664, len(sections), 240, 0x206)
    optional = 0x40 + 24
    struct.pack_into("<H", data, optional, 0x20B)
    struct.pack_into("<II", data, optional + 56, 0x100000, headers)
    struct.pack_into("<I", data, optional + 108, 16)
    address = 0x1000
    for number, (name, content) in enumerate(sections.items()):
        padded = content + bytes(-len(content) % 512)
        row = (name.encode(), len(content), address, len(padded), len(data))
        struct.pack_into("<8sIIII", data, table + 40 * number, *row)
        data += padded
        address += len(padded) + (-len(padded) % 0x1000)
    if signature:
        struct.pack_into("<II", data, optional + 112 + 32, len(data), len(signature))
        data += signature
    if setup:
        data[0x1F1] = 7  # the headers
        data[0x202:0x206] = b"HdrS"
    return bytes(data)
