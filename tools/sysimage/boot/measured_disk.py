"""Measured disks as a host boots them that adds files to the initramfs: for tests, and for looking around.

A disk's own UKI is measured, so these files make another one of it. The disk's file system stays as it is.
"""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Inline
from tools.sysimage.formats import fat, gpt, pe, uki
from tools.sysimage.formats.pe import PeFile

STARTS = ("disk", "uki", "kernel")
"""What starts a machine: firmware the UKI on the disk, or QEMU's -kernel; or QEMU the kernel in the UKI."""

_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_BOOT = {0x8664: "BOOTX64.EFI", 0xAA64: "BOOTAA64.EFI"}  # UEFI Specification 2.10, 3.5.1.1
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Unified:
    """What is in a UKI, and the UKI: files of a folder."""

    kernel: Path
    initramfs: Path
    cmdline: str
    uki: Path


def with_files(path: Path, archive: bytes, scratch: Path) -> Unified:
    """A UKI, and its parts, with an archive behind its initramfs. Raises ToolError for what is no UKI."""
    found = pe.parse(path.read_bytes(), str(path))
    sections = {section.name: found.content(section) for section in found.sections}
    for name in (".linux", ".initrd", ".cmdline"):
        if name not in sections:
            raise ToolError(f"{path}: has no section {name}; name the UKI of a measured disk")
    initramfs = sections[".initrd"] + archive
    taken = Unified(
        scratch / "kernel",
        scratch / "initramfs",
        sections[".cmdline"].rstrip(b"\0").decode("ascii", "replace"),
        scratch / "uki.efi",
    )
    taken.kernel.write_bytes(sections[".linux"])
    taken.initramfs.write_bytes(initramfs)
    taken.uki.write_bytes(_replaced(found, initramfs, str(path)))
    return taken


def _replaced(found: PeFile, initramfs: bytes, where: str) -> bytes:
    """The UKI with another initramfs, behind all else; the old one has a name that nobody reads."""
    data = found.data
    row = data.index(b".initrd\0", found.checksum, found.headers)
    renamed = data[:row] + b".unused\0" + data[row + 8 :]
    return b"".join(uki.unify(pe.parse(renamed, where), {".initrd": initramfs}, where))


def with_uki(raw: Path, path: Path, scratch: Path) -> Path:
    """A copy of a disk whose firmware finds this UKI, on an EFI system partition behind all others."""
    data = path.read_bytes()
    name = _BOOT[pe.parse(data, str(path)).machine]
    with raw.open("rb") as stream:
        table = gpt.read(stream, str(raw))
    others = [partition for partition in table.partitions if partition.kind != _ESP]
    before = [partition for partition in table.partitions if partition.kind == _ESP]
    if len(before) != 1:
        raise ToolError(f"{raw}: has {len(before)} EFI system partitions; name a disk_image")
    first = -(-(table.partitions[-1].last + 1) // gpt.ALIGNMENT) * gpt.ALIGNMENT
    # A FAT32, with room for the FATs themselves.
    shape = fat.geometry((40 * _MIB + len(data)) // _MIB * _MIB // gpt.SECTOR)
    esp = gpt.Partition(
        _ESP, before[0].identity, before[0].name, first, first + shape.sectors - 1, before[0].attributes
    )
    volume = fat.Volume({f"EFI/BOOT/{name}": Inline(data)}, shape, identity=1, label="ESP", hidden=first)
    copy = scratch / "disk.raw"
    shutil.copyfile(raw, copy)
    sectors = esp.last + 1 + gpt.ALIGNMENT
    with copy.open("r+b") as out:
        gpt.table(table.identity, (*others, esp), sectors).write(out)
        volume.write(out, first * gpt.SECTOR)
    return copy
