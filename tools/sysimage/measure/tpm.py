"""What a boot measures into a TPM's registers (PCRs), and into the registers of a TD (RTMRs), event by event.

TCG, "PC Client Platform Firmware Profile", sections 3.3.4 (what goes into which register) and 10 (events).
The order, and what is hashed, are those of the lock's firmware (edk2: SecurityPkg/Tcg/Tcg2Dxe,
OvmfPkg/Tcg/TdTcg2Dxe), Linux's EFI stub (drivers/firmware/efi/libstub/efi-stub-helper.c) and systemd's
(src/boot/stub.c); tests/measure boots them.
"""

import hashlib
import struct
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import gpt, pe
from tools.sysimage.formats.gpt import Table
from tools.sysimage.formats.pe import PeFile
from tools.sysimage.measure import stub
from tools.sysimage.measure.firmware_image import FirmwareImage

BANKS = ("sha256", "sha384")
"""The algorithms of registers."""

REGISTERS = (4, 5, 7, 9, 11, 12)
"""The PCRs that depend on what is booted, or say that nothing is enforced; see `LEFT_OUT`."""

LEFT_OUT = {
    "0": "the firmware's version and volumes, which a measurement of the launch covers",
    "1": "the machine's tables and boot options, which QEMU makes for each machine",
    "rtmr0": "QEMU's ACPI tables and the size of memory are in it, so that each machine has another",
}
"""Register → why it is not predicted."""

CONDITION = (
    "the firmware has keys of Secure Boot: it starts a kernel or UKI only if one of them has signed it"
)
"""What has to be true, besides, for a boot with a firmware that has keys."""

_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
_SECURE_BOOT = {"SecureBoot": _GLOBAL, "PK": _GLOBAL, "KEK": _GLOBAL, "db": _SECURITY, "dbx": _SECURITY}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is measured: the register is extended by its digest."""

    register: int  # PCR
    kind: str  # EV_…, TCG's name
    what: str
    digests: Mapping[str, bytes]  # bank → digest
    of: tuple[str, ...]  # the inputs that it is made of


def _event(register: int, kind: str, what: str, data: bytes, *of: str) -> Event:
    return Event(register, kind, what, {bank: hashlib.new(bank, data).digest() for bank in BANKS}, of)


def _program(what: str, image: PeFile, *of: str) -> Event:
    digests = {bank: image.authenticode(bank) for bank in BANKS}
    return Event(4, "EV_EFI_BOOT_SERVICES_APPLICATION", what, digests, of)


def extended(digests: Iterable[bytes], bank: str) -> bytes:
    """The value of a register that is extended by digests (TPM 2.0 Library, part 1, "Extend of a PCR")."""
    value = bytes(hashlib.new(bank).digest_size)
    for digest in digests:
        value = hashlib.new(bank, value + digest).digest()
    return value


def pcr(events: Sequence[Event], number: int, bank: str) -> bytes:
    """The value of a PCR after these events."""
    return extended((event.digests[bank] for event in events if event.register == number), bank)


def rtmr(events: Sequence[Event], number: int) -> list[Event]:
    """The events that extend RTMR1 or RTMR2 of a TD, of those of a TPM.

    UEFI Specification 2.10, section 38.4.1: PCRs 2 to 6 are RTMR1, PCRs 8 to 15 RTMR2. There is one
    separator where there is one for each PCR (TdTcg2Dxe.c, OnReadyToBoot).
    """
    registers = {1: range(2, 7), 2: range(8, 16)}[number]
    return [
        event
        for event in events
        if event.register in registers and (event.kind != "EV_SEPARATOR" or event.register == registers[0])
    ]


def direct_boot(firmware: FirmwareImage, kernel: PeFile, initrd: bytes | None, cmdline: str) -> list[Event]:
    """The events of `-kernel`, `-initrd` and `-append`. Raises ToolError if the firmware has no direct boot.

    QEMU from 10.0 on hands the kernel over as it is in its file (fw_cfg, etc/boot/kernel).
    """
    options = load_options(firmware, cmdline, initrd is not None)
    return [
        *_firmware_start(firmware),
        _program("kernel", kernel, "kernel"),
        *_ready_to_boot(),
        *_linux(options, ("cmdline", "firmware"), initrd, ("initrd",)),
        *_leave(),
    ]


def load_options(firmware: FirmwareImage, cmdline: str, initrd: bool) -> bytes:
    """LoadOptions of a kernel that is booted directly: UTF-16, with its NUL. Raises ToolError."""
    first = firmware.initrd_first
    if first is None:
        raise ToolError(
            f"{firmware.where}: has no driver that boots a kernel directly, or an unknown one; measure a UKI"
        )
    words = cmdline
    if initrd:
        words = f"initrd=initrd {cmdline}" if first else f"{cmdline} initrd=initrd"
    return f"{words}\0".encode("utf-16-le") if words else b""


def unified_boots(
    firmware: FirmwareImage, uki: PeFile, where: str, disk: Table | None = None
) -> dict[str, list[Event]]:
    """The events of a UKI: `direct` of `-kernel`, `esp` of \\EFI\\BOOT on a disk without partitions.

    With the partitions of a disk, there is `disk` alone: of \\EFI\\BOOT in its EFI system partition. Raises
    ToolError if the UKI is none, or the kernel in it is not a PE file.
    """
    found = stub.sections(uki, where)
    kernel = pe.parse(found[".linux"], f"{where}: .linux")
    program = _program("UKI", uki, "uki")
    options = stub.command_line(found, where)
    initrd = stub.initramfs(found)
    start, ready = list(_firmware_start(firmware)), list(_ready_to_boot())
    rest = [
        *(_event(11, "EV_IPL", what, data, "uki") for what, data in stub.measured(found)),
        _program("kernel in the UKI", kernel, "uki"),
        *_linux(f"{options}\0".encode("utf-16-le"), ("uki",), initrd or None, ("uki",)),
        *_leave(),
    ]
    if disk:
        return {"disk": [*start, *ready, _partitions(disk), program, *rest]}
    return {
        "direct": [*start, program, *ready, *rest],
        "esp": [*start, *ready, program, *rest],
    }


def _partitions(disk: Table) -> Event:
    """UEFI_GPT_DATA, before the first program of a disk is started: the header, and the entries in use."""
    count = len(disk.partitions)
    data = disk.header() + struct.pack("<Q", count) + disk.entries()[: count * gpt.ENTRY]
    return _event(5, "EV_EFI_GPT_EVENT", "partitions", data, "disk")


def _firmware_start(firmware: FirmwareImage) -> Iterator[Event]:
    """PCR 7 of a firmware without keys, whose Secure Boot is off: UEFI_VARIABLE_DATA."""
    if not firmware.measures:
        raise ToolError(
            f"{firmware.where}: has no driver that measures a boot; take OVMF, or AAVMF_CODE.secboot.fd"
        )
    for name, vendor in _SECURE_BOOT.items():
        value = b"\0" if name == "SecureBoot" and firmware.secure_boot else b""
        data = vendor.bytes_le + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value
        yield _event(7, "EV_EFI_VARIABLE_DRIVER_CONFIG", f"variable {name}", data, "firmware")
    yield _separator(7)


def _separator(register: int) -> Event:
    return _event(register, "EV_SEPARATOR", "separator", bytes(4))


def _ready_to_boot() -> Iterator[Event]:
    action = b"Calling EFI Application from Boot Option"
    yield _event(4, "EV_EFI_ACTION", action.decode(), action)
    for register in range(7):
        yield _separator(register)


def _linux(
    options: bytes, options_of: tuple[str, ...], initrd: bytes | None, initrd_of: tuple[str, ...]
) -> Iterator[Event]:
    """What Linux's stub measures: efi_convert_cmdline and efi_load_initrd."""
    yield _event(9, "EV_EVENT_TAG", "LOADED_IMAGE::LoadOptions", options, *options_of)
    if initrd is not None:
        yield _event(9, "EV_EVENT_TAG", "Linux initrd", initrd, *initrd_of)


def _leave() -> Iterator[Event]:
    for action in (b"Exit Boot Services Invocation", b"Exit Boot Services Returned with Success"):
        yield _event(5, "EV_EFI_ACTION", action.decode(), action)
