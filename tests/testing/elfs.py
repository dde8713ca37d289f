"""ELF files that are nothing but what a dynamic loader reads."""

import struct
from collections.abc import Mapping, Sequence

_BASE = 0x1000  # addresses are offsets and this, so that nobody takes one for the other
X86_64, AARCH64 = 62, 183  # e_machine


class _Names:
    def __init__(self) -> None:
        self.table = b"\0"

    def add(self, name: str) -> int:
        at = len(self.table)
        self.table += name.encode() + b"\0"
        return at


def linked(
    soname: str = "",
    *,
    needed: Sequence[str] = (),
    interpreter: str = "",
    runpath: str = "",
    wants: Mapping[str, Sequence[str]] | None = None,
    weak: Sequence[str] = (),
    defines: Sequence[str] = (),
    machine: int = X86_64,
) -> bytes:
    """A program or shared object. `wants` are versions by library; those in `weak` may be missing."""
    names = _Names()
    tags = [(1, names.add(name)) for name in needed]
    tags += [(14, names.add(soname))] if soname else []
    tags += [(29, names.add(runpath))] if runpath else []
    needs = b"".join(
        _need(names, file, versions, weak, last=at == len(wants or {}))
        for at, (file, versions) in enumerate((wants or {}).items(), 1)
    )
    definitions = b"".join(
        struct.pack("<HHHHIII", 1, 0, at, 1, 0, 20, 28 if at < len(defines) else 0)
        + struct.pack("<II", names.add(version), 0)
        for at, version in enumerate(defines, 1)
    )
    path = interpreter.encode() + b"\0" if interpreter else b""
    programs = 3 if interpreter else 2
    start = 64 + 56 * programs
    at_needs = start + len(names.table)
    at_definitions = at_needs + len(needs)
    at_path = at_definitions + len(definitions)
    at_dynamic = at_path + len(path)
    tags += [(0x6FFFFFFE, _BASE + at_needs), (0x6FFFFFFF, len(wants or {}))] if wants else []
    tags += [(0x6FFFFFFC, _BASE + at_definitions), (0x6FFFFFFD, len(defines))] if defines else []
    tags += [(5, _BASE + start), (10, len(names.table)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    end = at_dynamic + len(dynamic)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, programs, 0, 0, 0)
    segments = [(1, 0, end), (2, at_dynamic, len(dynamic))]
    segments += [(3, at_path, len(path))] if interpreter else []
    table = b"".join(
        struct.pack("<IIQQQQQQ", kind, 4, offset, _BASE + offset, 0, size, size, 1)
        for kind, offset, size in segments
    )
    return header + table + names.table + needs + definitions + path + dynamic


def _need(names: _Names, file: str, versions: Sequence[str], weak: Sequence[str], *, last: bool) -> bytes:
    size = 16 + 16 * len(versions)
    entries = b"".join(
        struct.pack(
            "<IHHII", 0, 2 if version in weak else 0, 2, names.add(version), 16 if at < len(versions) else 0
        )
        for at, version in enumerate(versions, 1)
    )
    return struct.pack("<HHIII", 1, len(versions), names.add(file), 16, 0 if last else size) + entries
