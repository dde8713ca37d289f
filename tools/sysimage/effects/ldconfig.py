"""ldconfig(8): the links that sonames need, and /etc/ld.so.cache, byte for byte as glibc writes it.

The cache is in the format "glibc-ld.so.cache1.1" with its extension directory (dl-cache.h of glibc 2.33
and later): header, entries, string table, generator and names of glibc-hwcaps folders.
"""

import functools
import glob
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import Pattern
from tools.sysimage.core.tree import Inode, Kind, file
from tools.sysimage.effects.root import Root
from tools.sysimage.formats import elf

_PROGRAMS = ("usr/sbin/ldconfig", "sbin/ldconfig")
_CACHE = "etc/ld.so.cache"
_LIBC6 = 0x0003  # ELF, for glibc 2
_HEADER, _ENTRY = 48, 24
_EXTENSION_MAGIC = 0xEAA42174
_HWCAP_EXTENSION = 1 << 62
_HWCAPS = "glibc-hwcaps"
_LITTLE_ENDIAN = 2


@dataclass(frozen=True, slots=True)
class Library:
    """A line of the cache."""

    soname: str
    path: str
    flags: int
    hwcaps: str = ""  # the name of the glibc-hwcaps folder
    isa_level: int = 0


def update(root: Root, who: str) -> None:
    """Makes the links and the cache. Raises ToolError for an architecture it does not know."""
    machine = ARCHITECTURES.get(root.architecture)
    if machine is None:
        raise ToolError(
            f"{who}: ld.so.cache for {root.architecture} is not known, only for {', '.join(ARCHITECTURES)}"
        )
    libraries: list[Library] = []
    done: set[Inode] = set()
    for folder in _folders(root, machine.triplet):
        real = root.tree.resolve(folder.strip("/"))
        inode = root.tree.get(real)
        # One that is reached by two names is read once: by the first.
        if inode is None or inode.kind is not Kind.DIRECTORY or inode in done:
            continue
        done.add(inode)
        found: dict[str, tuple[str, bool]] = {}
        flags = _LIBC6 | machine.cache_flags
        for soname, name, is_link in _libraries(root, real, machine.elf_machine):
            old = found.get(soname)
            if old is None or (old[1] and not is_link) or (old[1] == is_link and compare(old[0], name) < 0):
                found[soname] = (name, is_link)
        for soname, (name, is_link) in found.items():
            if not is_link:
                _link(root, real, soname, name, who)
            libraries.append(Library(soname, f"{folder}/{soname}", flags))
        for level in root.names(f"{real}/{_HWCAPS}"):
            below = f"{real}/{_HWCAPS}/{level}"
            for soname, name, _ in _libraries(root, below, machine.elf_machine):
                inode = root.tree.find(f"{below}/{name}")
                header = elf.read(inode) if inode else None
                isa = header.isa_level if header else 0
                libraries.append(Library(soname, f"{folder}/{_HWCAPS}/{level}/{name}", flags, level, isa))
    data = cache(libraries, _generator(root))
    root.tree.put(_CACHE, file(data, 0o644, origin=who))
    # The cache of ldconfig itself holds inode numbers and times; it is made anew when it is missing.
    root.mkdir("var/cache/ldconfig", 0o700, origin=who)


def _folders(root: Root, triplet: str) -> Iterator[str]:
    yield from _configured(root, "etc/ld.so.conf", set())
    yield from (f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib", "/usr/lib")


def _configured(root: Root, path: str, seen: set[str]) -> Iterator[str]:
    if path in seen:
        return
    seen.add(path)
    for line in root.text(path).splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                yield from _included(root, pattern.lstrip("/"), seen)
        elif words:
            yield words[0].rstrip("/") or "/"


def _included(root: Root, pattern: str, seen: set[str]) -> Iterator[str]:
    if not glob.has_magic(pattern):
        yield from _configured(root, pattern, seen)
        return
    compiled = Pattern(pattern)
    folder = pattern.rpartition("/")[0]
    for path in root.tree.children(root.tree.resolve(folder)):
        if compiled.matches(path):
            yield from _configured(root, path, seen)


def _libraries(root: Root, folder: str, machine: int) -> Iterator[tuple[str, str, bool]]:
    """The libraries of a directory: (soname, file name, whether it is a link named like the soname)."""
    for name in root.names(folder):
        if not (name.startswith(("lib", "ld-")) and ".so" in name) and not name.startswith("ld.so"):
            continue
        path = f"{folder}/{name}"
        is_link = root.tree[path].kind is Kind.SYMLINK
        inode = root.tree.find(path)
        if inode is None or inode.kind is not Kind.FILE:
            continue
        header = elf.read(inode)
        if header is None or header.machine != machine:
            continue
        soname = header.soname or name
        if is_link and name != soname and not (name.endswith(".so") and soname.startswith(name)):
            is_link = False
        yield (name if is_link else soname), name, is_link


def _link(root: Root, folder: str, soname: str, name: str, who: str) -> None:
    if soname != name and root.tree.find(f"{folder}/{soname}") is not root.tree.find(f"{folder}/{name}"):
        root.link(f"{folder}/{soname}", name, who, replace=True)


def _generator(root: Root) -> str:
    """What ldconfig writes about itself; its parts are in the program's own help."""
    # In a tree that is not merged into /usr, it is in /sbin.
    program = next((path for path in _PROGRAMS if root.tree.find(path)), _PROGRAMS[0])
    data = b"".join(root.need(program, "ldconfig").content.chunks())
    match = re.search(rb"ldconfig \([^()\0]+\) [a-z]+ release version [0-9.]+(?=\0)", data)
    if match is None:
        raise ToolError(f"ldconfig: /{program} does not name its version; this tool reads glibc's")
    return match[0].decode()


def compare(left: str, right: str) -> int:
    """Compares file names as ldconfig does: runs of digits by their value (_dl_cache_libcmp)."""
    a, b = (re.findall(r"\d+|\D", text) for text in (left, right))
    for x, y in zip(a, b, strict=False):
        if x == y:
            continue
        if x[0].isdigit() and y[0].isdigit():
            if int(x) != int(y):
                return int(x) - int(y)
        elif x[0].isdigit() or y[0].isdigit():
            return 1 if x[0].isdigit() else -1
        else:
            return ord(x) - ord(y)
    return len(a) - len(b)


def cache(libraries: list[Library], generator: str) -> bytes:
    """The bytes of ld.so.cache for these libraries."""

    def order(left: Library, right: Library) -> int:
        # Descending, since the search in it is binary and counts down.
        result = compare(right.soname, left.soname) or right.flags - left.flags
        if not result and bool(left.hwcaps) != bool(right.hwcaps):
            result = -1 if left.hwcaps else 1
        return result or (left.hwcaps > right.hwcaps) - (left.hwcaps < right.hwcaps)

    entries = sorted(libraries, key=functools.cmp_to_key(order))
    levels = sorted({library.hwcaps for library in libraries if library.hwcaps})
    words = {text for library in entries for text in (library.soname, library.path)}
    strings, offsets = _string_table(words | set(levels))
    start = _HEADER + _ENTRY * len(entries)
    extension = -(-(start + len(strings)) // 4) * 4
    out = bytearray()
    out += b"glibc-ld.so.cache1.1"
    out += struct.pack("<IIB3xI12x", len(entries), len(strings), _LITTLE_ENDIAN, extension)
    for library in entries:
        hwcap = 0
        if library.hwcaps:
            hwcap = _HWCAP_EXTENSION | library.isa_level << 32 | levels.index(library.hwcaps)
        key, value = start + offsets[library.soname], start + offsets[library.path]
        out += struct.pack("<IIIIQ", library.flags, key, value, 0, hwcap)
    out += strings
    out += bytes(extension - len(out))
    sections = 2 if levels else 1
    names = b"".join(struct.pack("<I", start + offsets[level]) for level in levels)
    after = extension + 8 + 16 * sections
    out += struct.pack("<II", _EXTENSION_MAGIC, sections)
    out += struct.pack("<IIII", 0, 0, after + len(names), len(generator))
    if levels:
        out += struct.pack("<IIII", 1, 0, after, len(names))
    return bytes(out) + names + generator.encode()


def _string_table(words: set[str]) -> tuple[bytes, dict[str, int]]:
    """Strings that share their tails, ordered as glibc's stringtable_finalize orders them."""
    encoded = {word: word.encode("utf-8", "surrogateescape") for word in words}
    # By the reversed text, descending, longer before what is its tail.
    order = sorted(words, key=lambda word: encoded[word][::-1], reverse=True)
    out = bytearray()
    offsets: dict[str, int] = {}
    previous = b""
    for word in order:
        text = encoded[word]
        if previous.endswith(text) and out:
            offsets[word] = len(out) - 1 - len(text)
        else:
            offsets[word] = len(out)
            out += text + b"\0"
            previous = text
    return bytes(out), offsets
