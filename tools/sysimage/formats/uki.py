"""Writes unified kernel images: a stub for EFI, and sections added to it, one of them the kernel.

UAPI Group, "Unified Kernel Image (UKI)": which sections there are; "PE Format" of Microsoft: where they are.
The bytes are those of ukify(1) of systemd 257 for the same stub and sections.
"""

import re
import struct
from collections.abc import Iterator, Mapping

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import pe
from tools.sysimage.formats.pe import PeFile

_ROW = struct.Struct("<8sIIII12xI")  # of the table of sections
_DATA = 0x40000040  # IMAGE_SCN_MEM_READ, IMAGE_SCN_CNT_INITIALIZED_DATA
_CODE = 0x40000020  # IMAGE_SCN_MEM_READ, IMAGE_SCN_CNT_CODE
_NX = 0x100  # IMAGE_DLLCHARACTERISTICS_NX_COMPAT
_SBAT = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md"
_SBAT_UKI = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/"
# Offsets in the optional header, alike in PE32 and PE32+.
_INITIALIZED, _ALIGNMENT, _FILE_ALIGNMENT, _IMAGE, _CHECKSUM, _CHARACTERISTICS = 8, 32, 36, 56, 64, 70


def unify(stub: PeFile, sections: Mapping[str, bytes], where: str) -> list[bytes]:
    """The parts of a UKI, one after the other: `stub` with these sections (name → content), in this order.

    A section that the stub has is replaced, as .sbat is. Raises ToolError, with `where` in it, if the stub
    has no room for them.
    """
    data = bytearray(stub.data)
    optional = stub.checksum - _CHECKSUM
    [table] = struct.unpack_from("<H", data, optional - 4)
    table += optional
    alignment, file_alignment = struct.unpack_from("<II", data, optional + _ALIGNMENT)
    if stub.signature or not (_power(alignment) and _power(file_alignment)):
        raise ToolError(f"{where}: is signed or damaged; name systemd's stub, as its package has it")
    own = [section.name for section in stub.sections]
    parts: list[bytes] = []
    rows = len(own)
    _, size, address, *_ = _ROW.unpack_from(data, table + (rows - 1) * _ROW.size)
    end, at = address + size, len(data)
    [initialized] = struct.unpack_from("<I", data, optional + _INITIALIZED)
    for name, content in sections.items():
        if name in own:
            _replace(data, stub, own.index(name), content, table, where)
            continue
        if table + (rows + 2) * _ROW.size > stub.headers:
            raise ToolError(f"{where}: has no room in its headers for a section {name}; take a newer stub")
        end += -end % alignment
        gap, padding = bytes(-at % file_alignment), bytes(-len(content) % file_alignment)
        at += len(gap)
        row = (name.encode(), len(content), end, len(content) + len(padding), at)
        _ROW.pack_into(data, table + rows * _ROW.size, *row, _CODE if name == ".linux" else _DATA)
        parts += [gap, content, padding]
        at += len(content) + len(padding)
        end += len(content)
        initialized += len(content)
        rows += 1
    struct.pack_into("<H", data, optional - 18, rows)
    struct.pack_into("<I", data, optional + _INITIALIZED, initialized)
    struct.pack_into("<I", data, optional + _IMAGE, end + -end % alignment)
    struct.pack_into("<I", data, optional + _CHECKSUM, 0)
    # Firmware that keeps data from being run does so for a UKI only if it can for the kernel in it.
    if ".linux" in sections and not _never_executes_data(pe.parse(sections[".linux"], f"{where}: .linux")):
        [bits] = struct.unpack_from("<H", data, optional + _CHARACTERISTICS)
        struct.pack_into("<H", data, optional + _CHARACTERISTICS, bits & ~_NX)
    return [bytes(data), *parts]


def _power(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _never_executes_data(program: PeFile) -> bool:
    [bits] = struct.unpack_from("<H", program.data, program.checksum - _CHECKSUM + _CHARACTERISTICS)
    return bool(bits & _NX)


def _replace(data: bytearray, stub: PeFile, number: int, content: bytes, table: int, where: str) -> None:
    section = stub.sections[number]
    if len(content) > section.size:
        raise ToolError(
            f"{where}: has {section.size} bytes of room for {section.name}, which takes {len(content)}; "
            "take a newer stub"
        )
    data[section.offset : section.offset + section.size] = content.ljust(section.size, b"\0")
    struct.pack_into("<I", data, table + number * _ROW.size + 8, len(content))


def sbat(*programs: PeFile) -> bytes:
    """.sbat of a UKI of these programs: theirs, and a line for UKIs themselves (shim's SBAT.md)."""
    lines = [_SBAT]
    for program in programs:
        for section in program.sections:
            if section.name == ".sbat":
                lines += _sbat_lines(program.content(section))
    return "\n".join([*lines, _SBAT_UKI]).encode() + b"\n\0"


def _sbat_lines(content: bytes) -> Iterator[str]:
    first, *rest = content.rstrip(b"\0").decode("utf-8", "surrogateescape").splitlines() or [""]
    if first.startswith("sbat,"):
        yield from rest


def release(kernel: bytes) -> str:
    """The release of a kernel, as `uname -r` says it; "" if the file doesn't tell, as if compressed.

    Linux, Documentation/arch/x86/boot.rst: kernel_version. Other kernels have their banner in the file.
    """
    if kernel[0x202:0x206] == b"HdrS":
        start = 0x200 + int.from_bytes(kernel[0x20E:0x210], "little")
        found = re.match(rb"[!-~]+", kernel[start : start + 256])
        return found[0].decode() if found else ""
    found = re.search(rb"Linux version ([!-~]+) ", kernel)
    return found[1].decode() if found else ""
