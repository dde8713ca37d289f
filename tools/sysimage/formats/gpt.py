"""Writes and reads GUID partition tables (UEFI Specification 2.10, chapter 5), with sectors of 512 bytes."""

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO
from zlib import crc32

from tools.sysimage.core.errors import ToolError

SECTOR = 512
ALIGNMENT = (1 << 20) // SECTOR
"""Sectors: partitions begin at multiples of 1 MiB."""
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
"""Type of an EFI system partition."""
READ_ONLY = 1 << 60
"""Attribute of a partition that is never written (Discoverable Partitions Specification)."""

_SIGNATURE = b"EFI PART"
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ROW = struct.Struct("<16s16sQQQ72s")
ENTRY = _ROW.size
"""Bytes of an entry."""
_ROWS = 128
_TABLE = _ROWS * _ROW.size // SECTOR  # sectors of the entries
_REVISION = 0x10000


@dataclass(frozen=True, slots=True)
class Partition:
    """An entry of the table. `first` and `last` are sectors."""

    kind: uuid.UUID
    identity: uuid.UUID
    name: str
    first: int
    last: int
    attributes: int = 0

    @property
    def size(self) -> int:
        """Length in bytes."""
        return (self.last - self.first + 1) * SECTOR


@dataclass(frozen=True, slots=True)
class Table:
    """A disk of `sectors`, and its partitions."""

    identity: uuid.UUID
    sectors: int
    partitions: tuple[Partition, ...]

    def entries(self) -> bytes:
        """All entries, as they are on the disk."""
        rows = b"".join(
            _ROW.pack(
                partition.kind.bytes_le,
                partition.identity.bytes_le,
                partition.first,
                partition.last,
                partition.attributes,
                partition.name.encode("utf-16-le"),
            )
            for partition in self.partitions
        )
        return rows.ljust(_ROWS * _ROW.size, b"\0")

    def header(self, backup: bool = False) -> bytes:
        """The header, without the rest of its sector; the one at the end of the disk with `backup`."""
        own, other = (self.sectors - 1, 1) if backup else (1, self.sectors - 1)
        fields = (
            *(own, other, ALIGNMENT, self.sectors - _TABLE - 2, self.identity.bytes_le),
            *(self.sectors - 1 - _TABLE if backup else 2, _ROWS, _ROW.size, crc32(self.entries())),
        )
        checksum = crc32(_HEADER.pack(_SIGNATURE, _REVISION, _HEADER.size, 0, 0, *fields))
        return _HEADER.pack(_SIGNATURE, _REVISION, _HEADER.size, checksum, 0, *fields)

    def head(self) -> bytes:
        """The first sectors of the disk: protective MBR, header, entries."""
        # Cylinders and heads end before disks of today do; the last ones that there are stand for all.
        size = min(self.sectors - 1, 0xFFFFFFFF)
        entry = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, size)
        mbr = entry.rjust(446 + 16, b"\0").ljust(510, b"\0") + b"\x55\xaa"
        return mbr + self.header().ljust(SECTOR, b"\0") + self.entries()

    def tail(self) -> bytes:
        """The last sectors of the disk."""
        return self.entries() + self.header(backup=True).ljust(SECTOR, b"\0")

    def write(self, out: BinaryIO) -> None:
        """Writes both copies to a disk, and makes it as long as it has to be."""
        out.seek(0)
        out.write(self.head())
        tail = self.tail()
        out.seek(self.sectors * SECTOR - len(tail))
        out.write(tail)

    def resized(self, sectors: int) -> Table:
        """The table of a disk with other sectors, and the same partitions. Raises ToolError for too few."""
        return table(self.identity, self.partitions, sectors)


def table(identity: uuid.UUID, partitions: Sequence[Partition], sectors: int) -> Table:
    """A table that has been checked. Raises ToolError for partitions that are not one after the other."""
    free = ALIGNMENT
    if len(partitions) > _ROWS:
        raise ToolError(f"GPT: {len(partitions)} partitions, and there is room for {_ROWS}; make fewer")
    if len({partition.identity for partition in partitions}) < len(partitions):
        raise ToolError("GPT: two partitions have one GUID; give each its own")
    for partition in partitions:
        if not free <= partition.first <= partition.last:
            raise ToolError(f"GPT: the partition {partition.name!r} begins in another one; move it")
        if len(partition.name.encode("utf-16-le")) > 72:
            raise ToolError(f"GPT: the name {partition.name!r} has more than 36 characters; shorten it")
        free = partition.last + 1
    if free > sectors - _TABLE - 1:
        raise ToolError(f"GPT: the partitions end after {sectors} sectors; make the disk larger")
    return Table(identity, sectors, tuple(partitions))


def is_table(stream: BinaryIO) -> bool:
    """Whether a partition table begins in the second sector from here; the stream is moved."""
    return stream.read(SECTOR + len(_SIGNATURE)).endswith(_SIGNATURE)


def read(stream: BinaryIO, where: str) -> Table:
    """Reads the table of a disk, as this module writes it. Raises ToolError for any other."""
    head = stream.read((2 + _TABLE) * SECTOR)
    stream.seek(0, 2)
    sectors, rest = divmod(stream.tell(), SECTOR)
    try:
        signature, _, _, _, _, _, _, _, _, identity, *_ = _HEADER.unpack_from(head, SECTOR)
        if signature != _SIGNATURE or rest:
            raise ValueError
        rows = [_ROW.unpack_from(head, 2 * SECTOR + number * _ROW.size) for number in range(_ROWS)]
        partitions = [
            Partition(
                uuid.UUID(bytes_le=kind),
                uuid.UUID(bytes_le=own),
                name.decode("utf-16-le").rstrip("\0"),
                first,
                last,
                attributes,
            )
            for kind, own, first, last, attributes, name in rows
            if any(kind)
        ]
        found = table(uuid.UUID(bytes_le=identity), partitions, sectors)
        if found.head() != head:
            raise ValueError
    except struct.error, ValueError:
        raise ToolError(
            f"{where}: has no partition table as a disk_image has it; name its raw disk"
        ) from None
    return found
