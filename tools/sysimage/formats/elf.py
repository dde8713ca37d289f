"""Reads 64-bit little-endian ELF files: their sections, and what the dynamic loader looks at.

The format is that of gabi's "Dynamic Linking" and of the LSB's "Symbol Versioning".
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Inline, Span
from tools.sysimage.core.tree import Inode, Kind, Tree

HEADER = 64  # bytes
RELOCATABLE = 1  # e_type ET_REL
_SHARED = 3  # e_type ET_DYN
_HEADER = struct.Struct("<16xHH12xQQ6xHHHHH")
_NOBITS = 8  # sh_type: nothing in the file
_LOAD, _DYNAMIC, _INTERP, _PROPERTY = 1, 2, 3, 0x6474E553  # p_type
_END, _NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 0, 1, 5, 10, 14, 15, 29  # d_tag
_VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_WEAK = 2  # VER_FLG_WEAK: the loader only warns where such a version is missing
_X86_ISA_NEEDED = 0xC0008002  # GNU_PROPERTY_X86_ISA_1_NEEDED
_ENTRY = 16  # bytes of the smallest entry of a table of versions
_LONGEST = 4096  # bytes of a name
_MOST = 1 << 14  # versions, and libraries that are needed; libc has 50


@dataclass(frozen=True, slots=True)
class ElfHeader:
    """The header of an ELF file: where its tables are, and how many entries of which size they have."""

    kind: int  # e_type
    machine: int  # e_machine
    segments: int  # offset of the program header table
    sections: int  # offset of the section header table
    segment_size: int
    segment_count: int
    section_size: int
    section_count: int
    names: int  # the section that has the names of sections


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


@dataclass(frozen=True, slots=True)
class Linkage:
    """What a program or shared object asks the dynamic loader for, and what it offers."""

    machine: int  # as in Elf
    soname: str
    interpreter: str  # the loader's path, "" for a shared object
    needed: tuple[str, ...]  # sonames, in order
    search: tuple[str, ...]  # folders of DT_RUNPATH or DT_RPATH
    wants: Mapping[str, frozenset[str]]  # soname → symbol versions that must be there
    defines: frozenset[str]  # symbol versions


def header(data: bytes) -> ElfHeader | None:
    """The ELF header in `data`, which is the beginning of a file; None if there is none."""
    if len(data) < HEADER or data[:6] != b"\x7fELF\x02\x01":
        return None
    return ElfHeader(*_HEADER.unpack_from(data))


def sections(data: bytes) -> dict[str, bytes]:
    """The sections of a file by name. Raises ValueError or struct.error for what is no such ELF file.

    So does one whose sections lie over each other: copies of them would take more memory than there is.
    """
    head = header(data)
    if head is None:
        raise ValueError("no ELF header")
    places = range(head.sections, head.sections + head.section_size * head.section_count, head.section_size)
    table = [struct.unpack_from("<IIQQQQ", data, at) for at in places]
    if sum(size for _, kind, _, _, _, size in table if kind != _NOBITS) > 2 * len(data):
        raise ValueError("its sections are longer than the file")
    names = table[head.names][4]
    return {
        data[names + name : data.index(b"\0", names + name)].decode(): data[offset : offset + size]
        for name, kind, _, _, offset, size in table
        if kind != _NOBITS
    }


def read(inode: Inode) -> Elf | None:
    """Reads a file's headers; None if it is no dynamically linked shared object, or a damaged one."""
    try:
        return _read(inode)
    except struct.error, ValueError, OverflowError:
        return None


def _read(inode: Inode) -> Elf | None:
    opened = _open(inode)
    if opened is None:
        return None
    kind, machine, segments = opened
    dynamic = next((segment for segment in segments if segment.kind == _DYNAMIC), None)
    if kind != _SHARED or dynamic is None:
        return None
    tags = dict(reversed(list(_tags(_bytes(inode, dynamic.offset, dynamic.size)))))
    soname = ""
    if _SONAME in tags and _STRTAB in tags:
        for segment in segments:
            if segment.kind == _LOAD and 0 <= tags[_STRTAB] - segment.address < segment.size:
                at = tags[_STRTAB] - segment.address + segment.offset + tags[_SONAME]
                soname = _bytes(inode, at, _LONGEST).partition(b"\0")[0].decode("utf-8", "surrogateescape")
                break
    notes = (_bytes(inode, s.offset, s.size) for s in segments if s.kind == _PROPERTY)
    return Elf(machine, soname, max(map(_isa_level, notes), default=0))


def linkage(inode: Inode) -> Linkage | None:
    """Reads how a file is linked; None if it is no ELF file, or linked statically.

    Raises ToolError for a damaged one.
    """
    try:
        return _linkage(inode)
    except (struct.error, ValueError, OverflowError) as error:
        raise ToolError(
            f"{inode.origin or 'a program'}: is a damaged ELF file ({error}); build it again"
        ) from error


def _linkage(inode: Inode) -> Linkage | None:
    opened = _open(inode)
    if opened is None:
        return None
    _, machine, segments = opened
    dynamic = next((segment for segment in segments if segment.kind == _DYNAMIC), None)
    if dynamic is None:
        return None
    tags = list(_tags(_bytes(inode, dynamic.offset, dynamic.size)))
    first = dict(reversed(tags))
    if len(tags) > _MOST:
        raise ValueError("its dynamic section is longer than any")
    names = _Names(_at(inode, segments, first.get(_STRTAB, 0), first.get(_STRSZ, 0)))
    path = next((_bytes(inode, s.offset, s.size) for s in segments if s.kind == _INTERP), b"")
    search = names[first.get(_RUNPATH, first.get(_RPATH, 0))] if {_RUNPATH, _RPATH} & first.keys() else ""
    return Linkage(
        machine=machine,
        soname=names[first[_SONAME]] if _SONAME in first else "",
        interpreter=path.rstrip(b"\0").decode("utf-8", "surrogateescape"),
        needed=tuple(names[value] for tag, value in tags if tag == _NEEDED),
        search=tuple(folder for folder in search.split(":") if folder),
        wants=_wants(_from(inode, segments, first.get(_VERNEED)), first.get(_VERNEEDNUM, 0), names),
        defines=_defines(_from(inode, segments, first.get(_VERDEF)), first.get(_VERDEFNUM, 0), names),
    )


def closure(tree: Tree, programs: Iterable[Inode], triplet: str) -> dict[str, Inode]:
    """The shared libraries, the loader among them, that programs of a tree need: soname → file.

    The search is that of Debian's loader: DT_RUNPATH, then the directories of `triplet`, then the plain ones.
    Raises ToolError for a library that the tree lacks.
    """
    found: dict[str, Inode] = {}
    todo = list(programs)
    while todo:
        linked = linkage(todo.pop())
        for name in linked.needed if linked else ():
            if name in found:
                continue
            inode = library(tree, name, (*(linked.search if linked else ()), *folders(triplet)))
            if inode is None:
                raise ToolError(
                    f"{name}: a program needs this library, which the image lacks; add its package"
                )
            found[name] = inode
            todo.append(inode)
    return found


def folders(triplet: str) -> tuple[str, ...]:
    """The directories that Debian's loader searches by default."""
    return (f"usr/lib/{triplet}", f"lib/{triplet}", "usr/lib", "lib", "usr/lib64", "lib64")


def library(tree: Tree, name: str, places: Iterable[str]) -> Inode | None:
    """The file of a library in the first of the directories that has one of its name, links followed."""
    for place in places:
        inode = None if "$" in place else tree.find(f"{place.strip('/')}/{name}")
        if inode is not None and inode.kind is Kind.FILE:
            return inode
    return None


class _Names:
    """A string table."""

    def __init__(self, table: bytes) -> None:
        self._table = table

    def __getitem__(self, offset: int) -> str:
        end = self._table.find(b"\0", offset, offset + _LONGEST)
        if end < 0 and offset + _LONGEST <= len(self._table):
            raise ValueError("a name does not end")
        return self._table[offset : end if end >= 0 else None].decode("utf-8", "surrogateescape")


def _wants(data: bytes, count: int, names: _Names) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    at = 0
    left = min(len(data) // _ENTRY, _MOST)  # no more entries than there is room for
    for _ in range(count):
        _, entries, file, first, following = struct.unpack_from("<HHIII", data, at)
        versions = set()
        entry = at + first
        left -= 1 + entries
        if left < 0:
            raise ValueError("it asks for more versions than it has room for")
        for _ in range(entries):
            _, flags, _, name, step = struct.unpack_from("<IHHII", data, entry)
            if not flags & _WEAK:
                versions.add(names[name])
            entry += step
        found[names[file]] = frozenset(versions)
        at += following
    return found


def _defines(data: bytes, count: int, names: _Names) -> frozenset[str]:
    found = set()
    at = 0
    if count > min(len(data) // _ENTRY, _MOST):
        raise ValueError("it defines more versions than it has room for")
    for _ in range(count):
        *_, first, following = struct.unpack_from("<HHHHIII", data, at)
        # The first name is the version's own; the others are those of the versions that it inherits from.
        found.add(names[struct.unpack_from("<I", data, at + first)[0]])
        at += following
    return frozenset(found)


def _open(inode: Inode) -> tuple[int, int, list[Segment]] | None:
    """e_type, e_machine and the program header table; None for what is no such ELF file."""
    head = header(_bytes(inode, 0, HEADER))
    if head is None:
        return None
    table = _bytes(inode, head.segments, head.segment_size * head.segment_count)
    return head.kind, head.machine, list(_segments(table, head.segment_size))


def _from(inode: Inode, segments: list[Segment], address: int | None) -> bytes:
    """What is loaded at an address, to the end of its segment; nothing without an address."""
    return b"" if address is None else _at(inode, segments, address, inode.content.size)


def _at(inode: Inode, segments: list[Segment], address: int, size: int) -> bytes:
    for segment in segments:
        if segment.kind == _LOAD and 0 <= (skip := address - segment.address) < segment.size:
            return _bytes(inode, segment.offset + skip, min(size, segment.size - skip))
    return b""


def _segments(table: bytes, width: int) -> Iterator[Segment]:
    for at in range(0, len(table) - 55, max(width, 56)):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", table, at)
        yield Segment(kind, offset, address, size)


def _tags(data: bytes) -> Iterator[tuple[int, int]]:
    for tag, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        if tag == _END:
            return
        yield tag, value


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
