"""Disks for tests: a partition table with what a test puts into it, sound or not."""

import struct
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512  # bytes
ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
VERITY = uuid.UUID("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5")
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_ALIGNMENT = 2048  # sectors
_ENTRIES = 128


@dataclass(frozen=True, slots=True)
class Part:
    """A partition: its type, and what is in it."""

    type: uuid.UUID
    data: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """A partition table, the fields that tests make wrong among it."""

    parts: tuple[Part, ...]
    entry_size: int = 128
    more: int = 0  # sectors behind the end of the table

    def places(self) -> list[tuple[int, int]]:
        """First and last sector of each partition."""
        found, at = [], _ALIGNMENT
        for part in self.parts:
            count = -(-len(part.data) // SECTOR)
            found.append((at, at + count - 1))
            at = -(-(at + count) // _ALIGNMENT) * _ALIGNMENT
        return found

    def sectors(self) -> int:
        """Of the whole disk."""
        return self.places()[-1][1] + 1 + 33


def entries(table: Table) -> bytes:
    """The array of partition entries."""
    out = b""
    for number, (part, (first, last)) in enumerate(zip(table.parts, table.places(), strict=True)):
        entry = part.type.bytes_le + uuid.UUID(int=number + 1).bytes_le + struct.pack("<QQQ", first, last, 0)
        out += entry.ljust(table.entry_size, b"\0")
    return out.ljust(_ENTRIES * table.entry_size, b"\0")


def header(table: Table, array: bytes, **fields: int) -> bytes:
    """The primary header; `fields` are wrong on purpose."""
    sectors = table.sectors()
    known = {
        "size": 92,
        "mine": 1,
        "other": sectors - 1,
        "first": 34,
        "last": sectors - 34,
        "entries": 2,
        "count": len(array) // table.entry_size,
        "entry": table.entry_size,
        "crc": zlib.crc32(array),
    }
    known.update(fields)

    def packed(checksum: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII",
            *(b"EFI PART", 0x10000, known["size"], checksum, 0, known["mine"], known["other"]),
            *(known["first"], known["last"], bytes(16), known["entries"], known["count"], known["entry"]),
            known["crc"],
        )

    return packed(zlib.crc32(packed(0)))


def mbr() -> bytes:
    """A protective MBR."""
    entry = struct.pack("<4xB3xII", 0xEE, 1, 0xFFFFFFFF)
    return (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa"


def write(path: Path, table: Table, **fields: int) -> Path:
    """Writes a disk."""
    array = entries(table)
    with path.open("wb") as out:
        out.write(mbr() + header(table, array, **fields).ljust(SECTOR, b"\0") + array)
        for part, (first, _) in zip(table.parts, table.places(), strict=True):
            out.seek(first * SECTOR)
            out.write(part.data)
        out.truncate((table.sectors() + table.more) * SECTOR)
    return path
