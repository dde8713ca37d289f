"""Writes FAT file systems, the same bytes for the same files: FAT12, FAT16 or FAT32 by size, with long names.

Microsoft, "FAT: General Overview of On-Disk Format" (fatgen103), and for long names "Long Filename
Specification". All times are the first that FAT knows, 1980-01-01. Files lie in one piece, in the order of
their paths; free space is never written.
"""

import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Content, copy

SECTOR = 512
_ENTRY = 32  # bytes of an entry of a directory
_MOST_ROWS = 65534  # entries of a directory, beside . and ..
_ROOT = 512  # entries of the root directory of FAT12 and FAT16
_FATS = 2
_MEDIA = 0xF8  # a fixed disk
_DATE = 0x21  # 1980-01-01
_READ_ONLY, _LABEL, _DIRECTORY, _ARCHIVE, _LONG = 0x01, 0x08, 0x10, 0x20, 0x0F
_LARGEST = (1 << 32) - 1  # bytes of a file
_LONGEST = 255  # UTF-16 units of a name
_HALT = b"\xf4\xeb\xfd"  # what a BIOS runs: hlt, and again
# Bits of an entry → how many clusters there may be, least and most. FAT32 could have more, 2^28.
_CLUSTERS = {12: (1, 4084), 16: (4085, 65524), 32: (65525, 1 << 22)}
_PLENTY = 1 << 19  # clusters of FAT32, above which they are made larger
_SPECIAL = "$%'-_@~`!(){}^#&"


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a file system is divided. Sizes are in sectors."""

    bits: int  # of an entry of the FAT: 12, 16 or 32
    sectors: int
    cluster: int
    fat: int
    clusters: int  # for data

    @property
    def reserved(self) -> int:
        """Sectors before the first FAT."""
        return 32 if self.bits == 32 else 1

    @property
    def root(self) -> int:
        """Sectors of the root directory; FAT32 has it in clusters."""
        return 0 if self.bits == 32 else _ROOT * _ENTRY // SECTOR

    @property
    def data(self) -> int:
        """Where the first cluster begins."""
        return self.reserved + _FATS * self.fat + self.root


def geometry(sectors: int, cluster: int | None = None) -> Geometry:
    """How to divide a file system of `sectors`, by default into the smallest clusters.

    Raises ToolError if no FAT has that size: it is too small, too large, or between two kinds for `cluster`.
    """
    found = None
    for size in (1, 2, 4, 8, 16, 32, 64) if cluster is None else (cluster,):
        for bits, (least, most) in _CLUSTERS.items():
            made = _divided(bits, sectors, size)
            if made is not None and least <= made.clusters <= most:
                if bits < 32 or made.clusters <= _PLENTY or cluster is not None:
                    return made
                found = made
    if found is not None:
        return found
    raise ToolError(f"FAT: {sectors} sectors can't be divided into clusters; choose another size")


def _divided(bits: int, sectors: int, cluster: int) -> Geometry | None:
    fixed = Geometry(bits, sectors, cluster, 0, 0)
    room = sectors - fixed.data
    if room <= 0:
        return None

    def clusters(fat: int) -> int:
        return (room - _FATS * fat) // cluster

    fat = _fat_sectors(bits, room // cluster)
    # What the FATs take needs no entries itself.
    while fat > 1 and _fat_sectors(bits, clusters(fat - 1)) <= fat - 1:
        fat -= 1
    return Geometry(bits, sectors, cluster, fat, clusters(fat)) if clusters(fat) > 0 else None


def _fat_sectors(bits: int, clusters: int) -> int:
    return -(-(clusters + 2) * bits // (8 * SECTOR))


@dataclass(slots=True)
class _Node:
    """A file, or a directory with what is in it."""

    content: Content | None = None
    children: dict[str, _Node] = field(default_factory=dict)
    upper: set[str] = field(default_factory=set)  # names of the children, in upper case
    first: int = 0  # cluster
    data: bytes = b""  # of a directory: its entries


class Volume:
    """A file system with these files: path → content. Folders are made as the paths need them.

    Raises ToolError for a name that FAT does not have, two that differ in case alone, and a full folder.
    """

    def __init__(
        self, files: Mapping[str, Content], shape: Geometry, *, identity: int, label: str, hidden: int
    ) -> None:
        """`identity` are 32 bits, `hidden` the sectors before it on the disk, `label` 1 to 11 characters."""
        self.shape = shape
        self._identity, self._hidden = identity, hidden
        self._label = label.encode("ascii").ljust(11)
        self._root = _tree(files)
        self._runs: list[tuple[int, Content | bytes]] = []  # first cluster, what is there
        self._next = 2
        root_clusters = self._reserve_root()
        self._allocate(self._root)
        self._used = self._next - 2
        rows = _row(self._label, _LABEL, 0, 0) + self._entries(self._root)
        if shape.bits == 32:
            self._root.data = rows.ljust(root_clusters * self._cluster, b"\0")
            self._runs.append((2, self._root.data))
        elif len(rows) > _ROOT * _ENTRY:
            raise ToolError(f"FAT: the root directory has more than {_ROOT} entries; use folders")
        else:
            self._root.data = rows
        self._runs.sort(key=lambda run: run[0])

    @property
    def fits(self) -> bool:
        """Whether there are clusters for all files."""
        return self._used <= self.shape.clusters

    @property
    def _cluster(self) -> int:
        return self.shape.cluster * SECTOR

    def _reserve_root(self) -> int:
        """FAT32's root directory comes first; returns its clusters."""
        if self.shape.bits != 32:
            return 0
        count = self._clusters(_ENTRY + sum(_size_of(name) for name in self._root.children))
        self._next += count
        return count

    def _clusters(self, size: int) -> int:
        return -(-size // self._cluster)

    def _allocate(self, folder: _Node) -> None:
        for node in folder.children.values():
            if node.content is None:
                node.first = self._next
                self._next += self._clusters(2 * _ENTRY + sum(_size_of(name) for name in node.children))
                self._allocate(node)
            elif node.content.size:
                node.first = self._next
                self._next += self._clusters(node.content.size)
                self._runs.append((node.first, node.content))

    def _entries(self, folder: _Node) -> bytes:
        """The entries of a folder; lays down those of the folders in it."""
        rows = b""
        for (name, node), short in zip(
            folder.children.items(), short_names(list(folder.children)), strict=True
        ):
            size = 0 if node.content is None else node.content.size
            attributes = _DIRECTORY if node.content is None else _ARCHIVE
            rows += _long_rows(name, short) + _row(short, attributes, node.first, size)
            if node.content is None:
                # The root's number is 0 there, whatever its cluster is.
                dots = _row(b".".ljust(11), _DIRECTORY, node.first, 0)
                dots += _row(b"..".ljust(11), _DIRECTORY, folder.first, 0)
                node.data = dots + self._entries(node)
                self._runs.append((node.first, node.data))
        if len(rows) > _MOST_ROWS * _ENTRY:
            raise ToolError(f"FAT: a folder has more than {_MOST_ROWS} entries; use more folders")
        return rows

    def write(self, out: BinaryIO, at: int = 0) -> None:
        """Writes it at this place of `out`, where all that is not written has to read as 0.

        Raises ToolError if the files do not fit.
        """
        shape = self.shape
        if not self.fits:
            raise ToolError(
                f"FAT: the files take {self._used} clusters of {self._cluster} bytes, and there are "
                f"{shape.clusters}; make it larger, or leave files out"
            )
        boot = self._boot_sector()
        out.seek(at)
        out.write(boot)
        if shape.bits == 32:
            left = shape.clusters - self._used
            free = struct.pack("<II", left, 2 + self._used if left else 0xFFFFFFFF)
            info = b"RRaA".ljust(484, b"\0") + b"rrAa" + free + bytes(14) + b"\x55\xaa"
            out.write(info)
            out.seek(at + 2 * SECTOR + 510)
            out.write(b"\x55\xaa")
            out.seek(at + 6 * SECTOR)  # BPB_BkBootSec
            out.write(boot + info + b"\x55\xaa".rjust(SECTOR, b"\0"))
        for number in range(_FATS):
            out.seek(at + (shape.reserved + number * shape.fat) * SECTOR)
            for part in self._fat():
                out.write(part)
        if shape.bits != 32:
            out.seek(at + (shape.data - shape.root) * SECTOR)
            out.write(self._root.data)
        for first, content in self._runs:
            out.seek(at + shape.data * SECTOR + (first - 2) * self._cluster)
            if isinstance(content, bytes):
                out.write(content)
            else:
                copy(content, out)

    def _fat(self) -> Iterator[bytes]:
        """The FAT up to the last entry that is used: chains of clusters that follow each other."""
        end = (1 << self.shape.bits) - 1 if self.shape.bits < 32 else 0x0FFFFFFF
        table = array("I", [end & ~0xFF | _MEDIA, end])
        for first, content in self._runs:
            size = len(content) if isinstance(content, bytes) else content.size
            table.extend(range(first + 1, first + self._clusters(size)))
            table.append(end)
        if self.shape.bits == 12:
            yield _packed(table)
        else:
            for start in range(0, len(table), 1 << 16):
                part = table[start : start + (1 << 16)]
                yield struct.pack(f"<{len(part)}{'H' if self.shape.bits == 16 else 'I'}", *part)

    def _boot_sector(self) -> bytes:
        shape = self.shape
        small = shape.sectors < 1 << 16 and shape.bits != 32
        # Some programs want whole tracks; nobody has any.
        track = 32 if shape.sectors % 32 == 0 else 1
        head = struct.pack(
            "<8sHBHBHHBHHHII",
            b"MSWIN4.1",
            SECTOR,
            shape.cluster,
            shape.reserved,
            _FATS,
            0 if shape.bits == 32 else _ROOT,
            shape.sectors if small else 0,
            _MEDIA,
            0 if shape.bits == 32 else shape.fat,
            track,
            64,
            self._hidden,
            0 if small else shape.sectors,
        )
        if shape.bits == 32:
            head += struct.pack("<IHHIHH12x", shape.fat, 0, 0, 2, 1, 6)
        kind = f"FAT{shape.bits}".encode().ljust(8)
        head += struct.pack("<BxBI11s8s", 0x80, 0x29, self._identity, self._label, kind)
        jump = bytes((0xEB, len(head) + 1, 0x90))
        return (jump + head + _HALT).ljust(510, b"\0") + b"\x55\xaa"


def _packed(table: array[int]) -> bytes:
    """Entries of 12 bits: two in three bytes."""
    data = bytearray()
    for at in range(0, len(table), 2):
        pair = table[at] | (table[at + 1] if at + 1 < len(table) else 0) << 12
        data += pair.to_bytes(3, "little")
    return bytes(data)


def _tree(files: Mapping[str, Content]) -> _Node:
    root = _Node()
    for path, content in sorted(files.items()):
        *folders, name = path.split("/")
        node = root
        for part in folders:
            node = _child(node, part, path, None)
        if name in node.children:
            raise ToolError(f"FAT: {path!r}: is a folder and a file; leave one of them out")
        _child(node, name, path, content)
    return root


def _child(folder: _Node, name: str, path: str, content: Content | None) -> _Node:
    if name in folder.children:
        found = folder.children[name]
        if found.content is not None:
            raise ToolError(f"FAT: {path!r}: {name!r} is a folder and a file; leave one of them out")
        return found
    units = len(name.encode("utf-16-le", "surrogatepass")) // 2
    if not name.strip(". ") or name[-1] in ". " or units > _LONGEST:
        raise ToolError(f"FAT: {path!r}: {name!r} is no name on FAT; choose another one")
    if any(char in '"*/:<>?\\|' or not char.isprintable() for char in name):
        raise ToolError(f"FAT: {path!r}: {name!r} has characters that FAT has not; choose another name")
    if name.upper() in folder.upper:
        raise ToolError(f"FAT: {path!r}: {name!r} is there in other letter case; choose another name")
    if content is not None and content.size > _LARGEST:
        raise ToolError(f"FAT: {path!r}: has {content.size} bytes, and FAT takes {_LARGEST}; make it smaller")
    folder.upper.add(name.upper())
    folder.children[name] = _Node(content)
    return folder.children[name]


def _plain(char: str) -> bool:
    """Whether a character is one of a short name."""
    return char.isascii() and (char.isdigit() or char.isupper() or char in _SPECIAL)


def _short(name: str) -> bytes | None:
    """A name of the form 8.3 as an entry has it; None if it is another one."""
    stem, dot, ending = name.partition(".")
    fits = 1 <= len(stem) <= 8 and len(ending) <= 3 and bool(dot) == bool(ending)
    if not fits or not all(map(_plain, stem + ending)):
        return None
    return f"{stem:<8}{ending:<3}".encode()


def short_names(names: list[str]) -> list[bytes]:
    """The short names of a folder's names, each another one: 11 bytes, padded.

    Names of the form 8.3 keep theirs; the others get a number, "LONGNA~1.TXT".
    """
    taken = {short for name in names if (short := _short(name)) is not None}
    found = []
    for name in names:
        short = _short(name)
        if short is None:
            short = _numbered(name, taken)
            taken.add(short)
        found.append(short)
    return found


def _numbered(name: str, taken: set[bytes]) -> bytes:
    stem, dot, ending = name.lstrip(".").replace(" ", "").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    stem, ending = (
        "".join(char if _plain(char) else "_" for char in part.upper() if char != ".")
        for part in (stem, ending)
    )
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        short = f"{stem[: 8 - len(tail)] + tail:<8}{ending[:3]:<3}".encode()
        if short not in taken:
            return short
    raise ToolError(f"FAT: {name!r}: there are too many names like it in the folder; use folders")


def _size_of(name: str) -> int:
    """Bytes of a name's entries."""
    return _ENTRY if _short(name) is not None else _ENTRY * (1 + -(-_units(name) // 13))


def _units(name: str) -> int:
    return len(name.encode("utf-16-le", "surrogatepass")) // 2


def _long_rows(name: str, short: bytes) -> bytes:
    """The entries of a long name, the last part first; none if the short name says it."""
    if short == _short(name):
        return b""
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
    text = name.encode("utf-16-le", "surrogatepass")
    count = -(-len(text) // 26)
    if len(text) % 26:
        text = (text + b"\0\0").ljust(count * 26, b"\xff")
    rows = b""
    for number in range(count, 0, -1):
        part = text[(number - 1) * 26 : number * 26]
        order = number | (0x40 if number == count else 0)
        rows += struct.pack("<B10sBBB12sH4s", order, part[:10], _LONG, 0, checksum, part[10:22], 0, part[22:])
    return rows


def _row(short: bytes, attributes: int, first: int, size: int) -> bytes:
    return struct.pack(
        "<11sBBBHHHHHHHI",
        *(short, attributes, 0, 0, 0, _DATE, _DATE, first >> 16, 0, _DATE, first & 0xFFFF, size),
    )
