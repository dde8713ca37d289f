"""Reads PE files, as EFI starts them: kernels with an EFI stub, boot loaders, unified kernel images.

The format is that of Microsoft's "PE Format", the digest that of "Windows Authenticode Portable Executable
Signature Format", as EDK2's DxeTpm2MeasureBootLib computes it.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError

_PLUS, _PLAIN = 0x20B, 0x10B  # Magic of the optional header: PE32+, PE32
_DIRECTORIES = {_PLUS: 112, _PLAIN: 96}  # offset of the data directories in it
_CHECKSUM, _HEADERS = 64, 60  # offsets of CheckSum and SizeOfHeaders in it
_CERTIFICATES = 4  # number of the data directory of signatures; its address is an offset in the file
_SECTION = struct.Struct("<8sIIII16x")
_ZEROS = 64 << 20  # bytes of a section that are in memory alone
BOOT_FILES = {0x8664: "BOOTX64.EFI", 0xAA64: "BOOTAA64.EFI"}
"""Machine → the file in EFI/BOOT that its firmware starts (UEFI Specification 2.10, 3.5.1.1)."""
_MOST = 96  # sections; the loader of Windows takes no more


@dataclass(frozen=True, slots=True)
class PeSection:
    """A section: where it is in the file, and how many bytes of memory it takes."""

    name: str
    offset: int
    size: int  # in the file, padded
    virtual_size: int


@dataclass(frozen=True, slots=True)
class PeFile:
    """A PE file that has been checked: all offsets are within it."""

    data: bytes
    sections: tuple[PeSection, ...]  # in the order of the table
    machine: int  # 0x8664 is x86-64, 0xAA64 AArch64
    checksum: int  # offset of the field
    certificates: int  # offset of the data directory of signatures; 0 if there is none
    headers: int  # bytes of all headers
    signature: int  # bytes of signatures at the end of the file

    def content(self, section: PeSection) -> bytes:
        """What is in memory of a section: without padding, and with zeros that are not in the file."""
        end = section.offset + min(section.size, section.virtual_size)
        return self.data[section.offset : end].ljust(section.virtual_size, b"\0")

    def authenticode(self, algorithm: str) -> bytes:
        """The digest by which EFI measures and signs the file: without checksum and signatures."""
        digest = hashlib.new(algorithm)
        for start, end in self._hashed():
            digest.update(memoryview(self.data)[start:end])
        return digest.digest()

    def _hashed(self) -> Iterator[tuple[int, int]]:
        yield 0, self.checksum
        if self.certificates:
            yield self.checksum + 4, self.certificates
            yield self.certificates + 8, self.headers
        else:
            yield self.checksum + 4, self.headers
        end = self.headers
        for section in sorted(self.sections, key=lambda section: section.offset):
            if section.size:
                yield section.offset, section.offset + section.size
                end += section.size
        if (rest := len(self.data) - self.signature) > end:
            yield end, rest


def parse(data: bytes, where: str) -> PeFile:
    """Reads a PE file. Raises ToolError, with `where` in it, if it is none or damaged."""
    try:
        return _parse(data)
    except (struct.error, ValueError) as error:
        raise ToolError(
            f"{where}: is no EFI program ({error}); name a kernel with an EFI stub, or a UKI"
        ) from None


def machine(head: bytes, where: str) -> int:
    """For which machine a PE file is, of its first bytes. Raises ToolError if it is none."""
    try:
        start = _start(head)
        return int.from_bytes(head[start + 4 : start + 6], "little")
    except (struct.error, ValueError) as error:
        raise ToolError(f"{where}: is no EFI program ({error}); name a UKI") from None


def _start(data: bytes) -> int:
    """Where the PE header is."""
    if data[:2] != b"MZ":
        raise ValueError("it does not begin with MZ")
    [start] = struct.unpack_from("<I", data, 0x3C)
    if data[start : start + 4] != b"PE\0\0":
        raise ValueError("it has no PE header")
    return int(start)


def _parse(data: bytes) -> PeFile:
    start = _start(data)
    number, count, size = struct.unpack_from("<4xHH12xH", data, start)
    optional = start + 24
    [magic] = struct.unpack_from("<H", data, optional)
    if magic not in _DIRECTORIES:
        raise ValueError(f"its optional header is of the unknown kind {magic:#x}")
    if count > _MOST:
        raise ValueError(f"it has {count} sections")
    [headers] = struct.unpack_from("<I", data, optional + _HEADERS)
    [directories] = struct.unpack_from("<I", data, optional + _DIRECTORIES[magic] - 4)
    table = optional + size
    certificates = signature = 0
    if directories > _CERTIFICATES:
        certificates = optional + _DIRECTORIES[magic] + 8 * _CERTIFICATES
        _, signature = struct.unpack_from("<II", data, certificates)
    if not certificates + 8 <= table <= table + count * _SECTION.size <= headers <= len(data):
        raise ValueError("its headers are longer than they say")
    sections = tuple(_section(data, table + row * _SECTION.size) for row in range(count))
    end = headers + sum(section.size for section in sections)
    if signature and end + signature > len(data):
        raise ValueError("it is shorter than its sections and signatures")
    return PeFile(data, sections, number, optional + _CHECKSUM, certificates, headers, signature)


def _section(data: bytes, at: int) -> PeSection:
    raw, virtual_size, _, size, offset = _SECTION.unpack_from(data, at)
    name = raw.rstrip(b"\0").decode("ascii")
    if virtual_size > size + _ZEROS:
        raise ValueError(f"its section {name} takes {virtual_size} bytes of memory")
    if size and offset + size > len(data):
        raise ValueError(f"its section {name} ends after the file")
    return PeSection(name, offset, size, virtual_size)
