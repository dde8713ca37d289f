"""The launch digest of AMD SEV-SNP guests, as QEMU and KVM launch them, and the ID block to sign.

Each page is added to the digest by a PAGE_INFO structure (AMD, "SEV Secure Nested Paging Firmware ABI
Specification", 56860, section 8.17.2). QEMU adds the firmware, the memory that its metadata names, and at
last the processors' save areas (target/i386/sev.c).
"""

import hashlib
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure import firmware_image
from tools.sysimage.measure.firmware_image import FOUR_GIB, PAGE, FirmwareImage, SevSection

_ZEROS = bytes(48)
_NORMAL, _VMSA, _ZERO, _SECRETS, _CPUID = 1, 2, 3, 5, 6  # PAGE_TYPE
_VMSA_ADDRESS = 0xFFFFFFFFF000
_PAGE_INFO = struct.Struct("<48s48sHBBBBBBQ")
_KINDS = {
    firmware_image.SEC_MEM: _ZERO,
    firmware_image.SECRETS: _SECRETS,
    firmware_image.CPUID: _CPUID,
    firmware_image.SVSM_CAA: _ZERO,
}
_FIRST_START = 0xFFFFFFF0  # where the first processor starts
_MOST_VCPUS = 4096  # of QEMU's q35
_SNP_ACTIVE = 1  # bit of SEV_FEATURES

_HASHES = uuid.UUID("9438d606-4f22-4cc9-b479-a793d411fd21")
_ENTRIES = {
    "cmdline": uuid.UUID("97d02dd8-bd20-4c94-aa78-e7714d36ab2a"),
    "initrd": uuid.UUID("44baf731-3a2f-4bd7-9af1-41e29169781d"),
    "kernel": uuid.UUID("4de79437-abd2-427f-b835-d5b172d2045b"),
}


def _signature(family: int, model: int, stepping: int) -> int:
    """EAX of CPUID 1 (AMD, "CPUID Specification", 25481, Fn0000_0001_EAX), for families of at least 15."""
    return (family - 15) << 20 | model >> 4 << 16 | 15 << 8 | (model & 15) << 4 | stepping


_NAPLES, _ROME = _signature(23, 1, 2), _signature(23, 49, 0)
_MILAN, _GENOA, _TURIN = _signature(25, 1, 1), _signature(25, 17, 0), _signature(26, 0, 0)
CPU_TYPES: Mapping[str, int] = {
    "EPYC": _NAPLES,
    "EPYC-v1": _NAPLES,
    "EPYC-v2": _NAPLES,
    "EPYC-IBPB": _NAPLES,
    "EPYC-v3": _NAPLES,
    "EPYC-v4": _NAPLES,
    "EPYC-Rome": _ROME,
    "EPYC-Rome-v1": _ROME,
    "EPYC-Rome-v2": _ROME,
    "EPYC-Rome-v3": _ROME,
    "EPYC-Milan": _MILAN,
    "EPYC-Milan-v1": _MILAN,
    "EPYC-Milan-v2": _MILAN,
    "EPYC-Genoa": _GENOA,
    "EPYC-Genoa-v1": _GENOA,
    "EPYC-Turin": _TURIN,
}
"""QEMU's processor types → what their CPUID 1 has in EAX."""


@dataclass(frozen=True, slots=True)
class SnpGuest:
    """What of a machine is in its launch digest, beside the firmware."""

    cpu_type: str
    vcpus: int
    features: int  # SEV_FEATURES

    def check(self) -> None:
        """Raises ToolError for a guest that can't be."""
        if self.cpu_type not in CPU_TYPES:
            raise ToolError(f"cpu_types: {self.cpu_type} is not one of {', '.join(CPU_TYPES)}")
        if not 1 <= self.vcpus <= _MOST_VCPUS:
            raise ToolError(f"vcpus: {self.vcpus} is not between 1 and {_MOST_VCPUS}, QEMU's limit")
        if not self.features & _SNP_ACTIVE or self.features >> 64:
            raise ToolError(
                f"guest_features: {self.features:#x} is no SEV_FEATURES: 64 bits, the lowest set, for SNP"
            )


@dataclass(frozen=True, slots=True)
class KernelHashes:
    """SHA-256 of what QEMU starts directly, as it tells the firmware with `kernel-hashes=on`."""

    kernel: bytes
    initrd: bytes  # of nothing, if there is none
    cmdline: bytes  # with the NUL at its end

    @staticmethod
    def of(kernel: bytes, initrd: bytes, cmdline: str) -> KernelHashes:
        """The hashes of these files, and of a command line."""
        digests = (hashlib.sha256(data).digest() for data in (kernel, initrd, cmdline.encode() + b"\0"))
        return KernelHashes(*digests)

    def page(self, address: int) -> bytes:
        """The page that QEMU writes the table into (qemu, target/i386/sev.c, SevHashTable)."""
        entries = b"".join(
            _ENTRIES[name].bytes_le + struct.pack("<H", 50) + getattr(self, name) for name in _ENTRIES
        )
        table = _HASHES.bytes_le + struct.pack("<H", 18 + len(entries)) + entries
        return (bytes(address % PAGE) + table).ljust(PAGE, b"\0")


class SnpLaunch:
    """A guest with this firmware, and with a kernel or none, to which processors can be added."""

    def __init__(self, firmware: FirmwareImage, hashes: KernelHashes | None = None) -> None:
        """Raises ToolError if the firmware is not for SEV-SNP, or does not measure a kernel that is given."""
        if not firmware.sev or not firmware.reset_address:
            raise ToolError(f"{firmware.where}: has no SEV-SNP metadata; take OVMF.amdsev.fd of ovmf-amdsev")
        if hashes and not firmware.kernel_hashes:
            raise ToolError(
                f"{firmware.where}: has no SNP_KERNEL_HASHES: nothing measures the kernel; "
                "take OVMF.amdsev.fd of ovmf-amdsev, or set kernel_hashes = False"
            )
        self._reset = firmware.reset_address
        digest = _ZEROS
        start = FOUR_GIB - len(firmware.data)
        view = memoryview(firmware.data)
        for at in range(0, len(firmware.data), PAGE):
            digest = _add(digest, _NORMAL, start + at, hashlib.sha384(view[at : at + PAGE]).digest())
        for section in firmware.sev:
            digest = _add_section(digest, firmware, section, hashes)
        self._digest = digest

    def digest(self, guest: SnpGuest) -> bytes:
        """The launch digest, 48 bytes: MEASUREMENT of a report. Raises ToolError; see `SnpGuest.check`."""
        guest.check()
        digest = self._digest
        first, others = (
            hashlib.sha384(_save_area(start, guest.features, CPU_TYPES[guest.cpu_type])).digest()
            for start in (_FIRST_START, self._reset)
        )
        for number in range(guest.vcpus):
            digest = _add(digest, _VMSA, _VMSA_ADDRESS, others if number else first)
        return digest


def _add(digest: bytes, kind: int, address: int, content: bytes = _ZEROS) -> bytes:
    """PAGE_INFO of section 8.17.2: no migration agent's page, no permissions for other VMPLs."""
    return hashlib.sha384(
        _PAGE_INFO.pack(digest, content, _PAGE_INFO.size, kind, 0, 0, 0, 0, 0, address)
    ).digest()


def _add_section(
    digest: bytes, firmware: FirmwareImage, section: SevSection, hashes: KernelHashes | None
) -> bytes:
    if section.kind == firmware_image.KERNEL_HASHES and hashes:
        content = hashlib.sha384(hashes.page(firmware.hashes_address)).digest()
        return _add(digest, _NORMAL, section.address, content)
    kind = _KINDS.get(section.kind, _ZERO if section.kind == firmware_image.KERNEL_HASHES else None)
    if kind is None:
        raise ToolError(
            f"{firmware.where}: has SEV metadata of the unknown kind {section.kind}; teach snp.py what it is"
        )
    for at in range(0, section.size, PAGE):
        digest = _add(digest, kind, section.address + at)
    return digest


def _save_area(start: int, features: int, cpu: int) -> bytes:
    """The save area of a processor before its first instruction, in a page.

    Its layout is AMD's, "AMD64 Architecture Programmer's Manual", volume 2, table B-4; its values are those
    of a reset (ibid., table 14-1), with what QEMU and KVM set beside: EFER.SVME and CR4.MCE.
    """
    page = bytearray(PAGE)
    # Selector, attributes, limit, base of a segment.
    for offset, segment in {
        0x00: (0, 0x93, 0xFFFF, 0),  # ES
        0x10: (0xF000, 0x9B, 0xFFFF, start & 0xFFFF0000),  # CS
        0x20: (0, 0x93, 0xFFFF, 0),  # SS
        0x30: (0, 0x93, 0xFFFF, 0),  # DS
        0x40: (0, 0x93, 0xFFFF, 0),  # FS
        0x50: (0, 0x93, 0xFFFF, 0),  # GS
        0x60: (0, 0, 0xFFFF, 0),  # GDTR
        0x70: (0, 0x82, 0xFFFF, 0),  # LDTR
        0x80: (0, 0, 0xFFFF, 0),  # IDTR
        0x90: (0, 0x8B, 0xFFFF, 0),  # TR
    }.items():
        struct.pack_into("<HHIQ", page, offset, *segment)
    for offset, value in {
        0x0D0: 0x1000,  # EFER
        0x148: 0x40,  # CR4
        0x158: 0x10,  # CR0
        0x160: 0x400,  # DR7
        0x168: 0xFFFF0FF0,  # DR6
        0x170: 0x2,  # RFLAGS
        0x178: start & 0xFFFF,  # RIP
        0x268: 0x0007040600070406,  # G_PAT
        0x310: cpu,  # RDX
        0x3B0: features,  # SEV_FEATURES
        0x3E8: 0x1,  # XCR0
    }.items():
        struct.pack_into("<Q", page, offset, value)
    struct.pack_into("<I", page, 0x408, 0x1F80)  # MXCSR
    struct.pack_into("<H", page, 0x410, 0x37F)  # X87_FCW
    return bytes(page)


@dataclass(frozen=True, slots=True)
class IdBlock:
    """What an owner signs for SNP_LAUNCH_FINISH, beside the launch digest."""

    policy: int
    family_id: bytes = bytes(16)
    image_id: bytes = bytes(16)
    guest_svn: int = 0

    def check(self) -> None:
        """Raises ToolError for numbers that do not fit."""
        for name, value, bits in (("policy", self.policy, 64), ("guest_svn", self.guest_svn, 32)):
            if value < 0 or value >> bits:
                raise ToolError(f"{name}: {value} is no number of {bits} bits")

    def encode(self, digest: bytes) -> bytes:
        """The 96 bytes to sign with ECDSA P-384 and SHA-384 (56860, section 8.18: the ID block)."""
        return struct.pack(
            "<48s16s16sIIQ", digest, self.family_id, self.image_id, 1, self.guest_svn, self.policy
        )
