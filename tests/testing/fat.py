"""A FAT16 file system for tests, with one file, as firmware reads it from a disk without partitions."""

import struct

_SECTOR, _CLUSTER = 512, 2048  # bytes
_ROOT = 512  # entries of the root directory


def with_file(path: str, content: bytes) -> bytes:
    """A file system that has the file `path`, each part of it in upper case and of the form 8.3."""
    *folders, name = path.split("/")
    clusters = max(len(folders) + -(-len(content) // _CLUSTER) + 1, 5000)  # fewer would be FAT12
    fat_sectors = -(-(clusters + 2) * 2 // _SECTOR)
    sectors = 1 + 2 * fat_sectors + _ROOT * 32 // _SECTOR + clusters * _CLUSTER // _SECTOR
    boot = bytearray(_SECTOR)
    struct.pack_into("<3s8sHBHBHHBHHHII", boot, 0, b"\xeb\x3c\x90", b"TESTFAT ", _SECTOR, 4, 1, 2, _ROOT, 0,
                     0xF8, fat_sectors, 32, 64, 0, sectors)  # fmt: skip
    struct.pack_into("<BBBI11s8s", boot, 36, 0x80, 0, 0x29, 1, b"TEST       ", b"FAT16   ")
    boot[510:] = b"\x55\xaa"
    table = [0xFFF8, 0xFFFF]
    data = bytearray()

    def store(stored: bytes) -> int:
        """Puts something into clusters of its own; returns the first."""
        first, count = len(table), max(1, -(-len(stored) // _CLUSTER))
        table.extend([*range(first + 1, first + count), 0xFFFF])
        data.extend(stored.ljust(count * _CLUSTER, b"\0"))
        return first

    def entry(named: str, attributes: int, first: int, size: int) -> bytes:
        stem, _, ending = named.partition(".") if named.strip(".") else (named, "", "")
        short = f"{stem:<8}{ending:<3}".encode()
        return struct.pack("<11sB8xHHHHI", short, attributes, 0, 0, 0x21, first, size)

    row = entry(name, 0x20, store(content), len(content))
    for depth, folder in reversed(list(enumerate(folders))):
        # A folder's parent comes after it: what it is called is known before it is there.
        parent = len(table) + 1 if depth else 0
        own = len(table)
        row = entry(folder, 0x10, store(entry(".", 0x10, own, 0) + entry("..", 0x10, parent, 0) + row), 0)
    fat = struct.pack(f"<{len(table)}H", *table).ljust(fat_sectors * _SECTOR, b"\0")
    whole = bytes(boot) + fat + fat + row.ljust(_ROOT * 32, b"\0") + bytes(data)
    return whole.ljust(sectors * _SECTOR, b"\0")
