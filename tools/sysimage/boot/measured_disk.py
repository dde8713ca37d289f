"""Boots measured disks with files added to their initramfs: for tests, and for looking around.

A disk's own UKI is measured, so these files make another one of it. The disk's file system stays as it is.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Inline
from tools.sysimage.formats import fat, gpt, pe, uki
from tools.sysimage.formats.pe import PeFile

STARTS = ("disk", "uki", "kernel")
"""What starts a machine: firmware the UKI on the disk, or QEMU's -kernel; or QEMU the kernel in the UKI."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Unified:
    """What is in a UKI, and the UKI: files of a folder."""

    kernel: Path
    initramfs: Path
    cmdline: str
    uki: Path


def with_files(path: Path, archive: bytes, words: Sequence[str], scratch: Path) -> Unified:
    """A UKI, and its parts, with an archive behind its initramfs, and words behind its command line.

    Raises ToolError for what is no UKI.
    """
    found = pe.parse(path.read_bytes(), str(path))
    sections = {section.name: found.content(section) for section in found.sections}
    for name in (".linux", ".initrd", ".cmdline"):
        if name not in sections:
            raise ToolError(f"{path}: has no section {name}; name the UKI of a measured disk")
    cmdline = b" ".join([sections[".cmdline"].rstrip(b"\0"), *(word.encode() for word in words)])
    added = {".cmdline": cmdline, ".initrd": sections[".initrd"] + archive}
    taken = Unified(
        scratch / "kernel", scratch / "initramfs", cmdline.decode("utf-8", "replace"), scratch / "uki.efi"
    )
    taken.kernel.write_bytes(sections[".linux"])
    taken.initramfs.write_bytes(added[".initrd"])
    taken.uki.write_bytes(_replaced(found, added, str(path)))
    return taken


def _replaced(found: PeFile, sections: Mapping[str, bytes], where: str) -> bytes:
    """The UKI with other sections, behind all else; the old ones have names that nobody reads."""
    data = found.data
    for name in sections:
        old = name.encode().ljust(8, b"\0")
        row = data.index(old, found.checksum, found.headers)
        data = data[:row] + b"-" + old[1:] + data[row + 8 :]
    return b"".join(uki.unify(pe.parse(data, where), sections, where))


def with_uki(raw: Path, path: Path, scratch: Path) -> Path:
    """A copy of a disk whose firmware finds this UKI, on an EFI system partition behind all others."""
    data = path.read_bytes()
    name = pe.BOOT_FILES[pe.parse(data, str(path)).machine]
    with raw.open("rb") as stream:
        table = gpt.read(stream, str(raw))
    others = [partition for partition in table.partitions if partition.kind != gpt.ESP]
    before = [partition for partition in table.partitions if partition.kind == gpt.ESP]
    if len(before) != 1:
        raise ToolError(f"{raw}: has {len(before)} EFI system partitions; name a disk_image")
    first = -(-(table.partitions[-1].last + 1) // gpt.ALIGNMENT) * gpt.ALIGNMENT
    # A FAT32, with room for the FATs themselves.
    shape = fat.geometry((40 * _MIB + len(data)) // _MIB * _MIB // gpt.SECTOR)
    esp = gpt.Partition(
        gpt.ESP, before[0].identity, before[0].name, first, first + shape.sectors - 1, before[0].attributes
    )
    volume = fat.Volume({f"EFI/BOOT/{name}": Inline(data)}, shape, identity=1, label="ESP", hidden=first)
    copy = scratch / "disk.raw"
    shutil.copyfile(raw, copy)
    sectors = esp.last + 1 + gpt.ALIGNMENT
    with copy.open("r+b") as out:
        gpt.table(table.identity, (*others, esp), sectors).write(out)
        volume.write(out, first * gpt.SECTOR)
    return copy
