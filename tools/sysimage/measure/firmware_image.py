"""Reads the firmware of virtual machines: what it says of itself to who launches a confidential VM.

OVMF ends with a table of GUIDs that is read backwards (edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm).
Entries of it lead to the SEV metadata (OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm) and to the TDVF
descriptor (Intel, "TDX Virtual Firmware Design Guide", chapter 11). The drivers are in an LZMA stream
(Platform Initialization Specification, volume 3).
"""

import functools
import lzma
import struct
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError

PAGE = 4096  # bytes
FOUR_GIB = 1 << 32
LARGEST = 64 << 20  # bytes; AAVMF is padded to so many
_MEMORY = 64 << 20  # bytes that metadata may have added to a guest; OVMF's is 4 MiB

_FOOTER = uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
_FOOTER_AT = 32  # bytes from the end
_SEV_METADATA = uuid.UUID("dc886566-984a-4798-a75e-5585a7bf67cc")
_SEV_HASHES = uuid.UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
_SEV_RESET = uuid.UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
_TDX_METADATA = uuid.UUID("e47a6535-984a-4798-865e-4685a7bf8ec2")
_LZMA = uuid.UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf")
_VARIABLES = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")
_STORE = 28  # bytes of the header of variables, of which the first 16 are the GUID
_VARIABLE = struct.Struct("<HBB32xII16x")  # start, state, reserved, sizes of name and data
_STARTS, _ADDED = 0x55AA, 0x3F  # where a variable starts; one that has not been deleted
_VOLUME = b"_FVH"  # at 40 in each firmware volume
_UNPACKED = 64 << 20  # bytes of drivers; OVMF's are 16 MiB
_ENTRY = struct.Struct("<H16s")
_HEADER = struct.Struct("<4sIII")
_SEV_SECTION = struct.Struct("<III")
_TDX_SECTION = struct.Struct("<IIQQII")

SEC_MEM, SECRETS, CPUID, SVSM_CAA, KERNEL_HASHES = 1, 2, 3, 4, 0x10
"""Kinds of sections of SEV metadata."""

MR_EXTEND, PAGE_AUG = 1, 2
"""Attributes of TDVF sections: the content is measured; the pages are not there at launch."""


@dataclass(frozen=True, slots=True)
class SevSection:
    """Memory that is given to an SEV-SNP guest at launch."""

    address: int
    size: int  # bytes
    kind: int


@dataclass(frozen=True, slots=True)
class TdvfSection:
    """Memory that is given to a TD at launch, and where its content is in the firmware."""

    offset: int
    raw_size: int  # bytes in the firmware
    address: int
    size: int  # bytes of memory
    kind: int
    attributes: int


@dataclass(frozen=True)
class FirmwareImage:
    """A firmware. What it lacks is empty, 0 or None."""

    where: str  # for messages
    data: bytes
    sev: tuple[SevSection, ...]
    hashes_address: int  # where the table of the kernel's hashes goes
    reset_address: int  # where all but the first processor start under SEV-ES and SEV-SNP
    tdvf: tuple[TdvfSection, ...]

    @property
    def kernel_hashes(self) -> bool:
        """Whether it measures kernel, initramfs and command line of a direct boot, under SEV-SNP."""
        return bool(self.hashes_address) and any(section.kind == KERNEL_HASHES for section in self.sev)

    @property
    def initrd_first(self) -> bool | None:
        """Whether `initrd=initrd` comes before the command line, not after it; None if it has no direct boot.

        It does so since edk2-stable202508 (OvmfPkg/Library/GenericQemuLoadImageLib).
        """
        first, last = b"initrd=initrd \0" in self.drivers, b" initrd=initrd\0" in self.drivers
        return first if first != last else None

    @property
    def measures(self) -> bool:
        """Whether it measures a boot, into a TPM or a TD's registers."""
        return b"Calling EFI Application from Boot Option\0" in self.drivers

    @property
    def measures_td(self) -> bool:
        """Whether it measures a boot into a TD's registers: it has OvmfPkg/Tcg/TdTcg2Dxe."""
        return self.measures and "TdTcg2Dxe\0".encode("utf-16-le") in self.drivers

    @property
    def secure_boot(self) -> bool:
        """Whether it can enforce signatures. Without keys, it has a variable that says that it doesn't."""
        return "SecureBootEnable\0".encode("utf-16-le") in self.drivers

    @property
    def keys(self) -> bool:
        """Whether the owner's key of Secure Boot is in it: it then starts only what has been signed."""
        return "PK\0".encode("utf-16-le") in _variables(self.data)

    @functools.cached_property
    def drivers(self) -> bytes:
        """The firmware volumes that are unpacked at boot; b"" if there are none."""
        found = bytearray()
        for packed in _lzma_sections(self.data):
            try:
                unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=_UNPACKED)
                found += unpacker.decompress(packed, _UNPACKED - len(found))
            except lzma.LZMAError:
                continue  # the GUID, in the code that looks for it
        return bytes(found)


def parse(data: bytes, where: str) -> FirmwareImage:
    """Reads a firmware. Raises ToolError, with `where` in it, for what is none, or has damaged metadata."""
    if len(data) > LARGEST or len(data) % PAGE or _VOLUME not in data:
        raise ToolError(
            f"{where}: is no firmware ({len(data)} bytes); name one such as OVMF.amdsev.fd of ovmf-amdsev"
        )
    try:
        table = dict(_table(data))
        sev = tuple(_sev(data, table))
        tdvf = tuple(_tdvf(data, table))
    except (struct.error, ValueError) as error:
        raise ToolError(
            f"{where}: its metadata is damaged ({error}); take it from its package again"
        ) from None
    return FirmwareImage(
        where=where,
        data=data,
        sev=sev,
        hashes_address=_number(table.get(_SEV_HASHES)),
        reset_address=_number(table.get(_SEV_RESET)),
        tdvf=tdvf,
    )


def _table(data: bytes) -> Iterator[tuple[uuid.UUID, bytes]]:
    """The table of GUIDs; nothing if there is none, as in firmware for AArch64."""
    end = len(data) - _FOOTER_AT
    size, guid = _entry(data, end)
    if guid != _FOOTER:
        return
    start = end - size
    at = end - _ENTRY.size
    if start < 0 or size < _ENTRY.size:
        raise ValueError(f"its table of GUIDs has {size} bytes")
    while at > start:
        size, guid = _entry(data, at)
        if not _ENTRY.size <= size <= at - start:
            raise ValueError(f"the entry {guid} has {size} bytes")
        yield guid, data[at - size : at - _ENTRY.size]
        at -= size


def _entry(data: bytes, end: int) -> tuple[int, uuid.UUID]:
    size, guid = _ENTRY.unpack_from(data, end - _ENTRY.size)
    return size, uuid.UUID(bytes_le=guid)


def _number(value: bytes | None) -> int:
    """The 32-bit number with which an entry begins; 0 if there is no entry."""
    return int.from_bytes(value[:4], "little") if value else 0


def _sections(
    data: bytes, entry: bytes | None, signature: bytes, form: struct.Struct
) -> Iterator[tuple[int, ...]]:
    """The sections of metadata, to which an entry of the table leads by its distance from the end."""
    if entry is None:
        return
    distance = _number(entry)
    start = len(data) - distance
    if not 0 < distance <= len(data):
        raise ValueError(f"{signature.decode()} would be at {start}")
    found, size, version, count = _HEADER.unpack_from(data, start)
    if (found, version) != (signature, 1):
        raise ValueError(f"{signature.decode()} version 1 is not at {start}")
    if _HEADER.size + count * form.size > size:
        raise ValueError(f"{count} sections of {signature.decode()} do not fit into {size} bytes")
    for number in range(count):
        yield form.unpack_from(data, start + _HEADER.size + number * form.size)


def _sev(data: bytes, table: Mapping[uuid.UUID, bytes]) -> Iterator[SevSection]:
    total = 0
    for values in _sections(data, table.get(_SEV_METADATA), b"ASEV", _SEV_SECTION):
        section = SevSection(*values)
        total = _total(total, section.address, section.size)
        if section.kind == KERNEL_HASHES and section.size != PAGE:
            raise ValueError(f"the section for hashes has {section.size} bytes")
        yield section


def _tdvf(data: bytes, table: Mapping[uuid.UUID, bytes]) -> Iterator[TdvfSection]:
    total = 0
    for values in _sections(data, table.get(_TDX_METADATA), b"TDVF", _TDX_SECTION):
        section = TdvfSection(*values)
        total = _total(total, section.address, section.size)
        if section.raw_size > section.size:
            raise ValueError(f"the section at {section.address:#x} has {section.raw_size} bytes of content")
        yield section


def _total(total: int, address: int, size: int) -> int:
    """How much memory the sections take with this one. Raises ValueError for a section that can't be."""
    if address % PAGE or size % PAGE or total + size > _MEMORY or address + size > FOUR_GIB:
        raise ValueError(f"a section is at {address:#x}, with {size} bytes")
    return total + size


def _variables(data: bytes) -> Iterator[bytes]:
    """Names of variables in a firmware (edk2, MdeModulePkg/Include/Guid/VariableFormat.h), in UTF-16."""
    at = data.find(_VARIABLES.bytes_le) + _STORE
    while at >= _STORE and at + _VARIABLE.size <= len(data):
        start, state, _, name, size = _VARIABLE.unpack_from(data, at)
        if start != _STARTS:
            return
        at += _VARIABLE.size
        if state == _ADDED:
            yield data[at : at + name]
        at += name + size
        at += -at % 4


def _lzma_sections(data: bytes) -> Iterator[bytes]:
    """The content of sections EFI_SECTION_GUID_DEFINED that are packed with LZMA."""
    at = 4
    while (at := data.find(_LZMA.bytes_le, at)) >= 0:
        header = at - 4
        size = int.from_bytes(data[header : header + 3], "little")
        offset = int.from_bytes(data[at + 16 : at + 18], "little")
        if data[header + 3] == 2 and offset < size:
            yield data[header + offset : header + size]
        at += 16
