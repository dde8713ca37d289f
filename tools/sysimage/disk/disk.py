"""disk: makes a disk that boots, of a UKI and a file system with its hash tree, as each cloud takes it."""

import argparse
import hashlib
import mmap
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.span import External, Span, copy
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.disk import sparse_tar
from tools.sysimage.formats import extents, fat, gpt, pe, qcow2, vhd
from tools.sysimage.formats.fat import SECTOR, Volume
from tools.sysimage.formats.gpt import ALIGNMENT, Partition, Table
from tools.sysimage.formats.verity import VerityInput, read_root_hash

FORMATS = ("raw", "qcow2", "vhd", "gcp")
_MIB = 1 << 20
_GIB = 1 << 30
_HEAD = 1 << 16  # bytes of a UKI in which its headers are


@dataclass(frozen=True, slots=True)
class Types:
    """Types of an architecture's partitions (Discoverable Partitions Specification)."""

    root: uuid.UUID
    verity: uuid.UUID


_TYPES = {
    0x8664: Types(
        uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
        uuid.UUID("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),
    ),
    0xAA64: Types(
        uuid.UUID("b921b045-1df0-41c3-af44-4c6f280d3fae"),
        uuid.UUID("df3300ce-d69f-4c92-978c-9bfb0f38d820"),
    ),
}
"""By the machine in a PE file's header."""


@dataclass(frozen=True, slots=True)
class DiskInput:
    """What the rule hands over."""

    uki: Path
    verity: VerityInput | None = None
    esp_size: int = 0
    """MiB; 0: as small as a FAT32 with the UKI can be."""


def main(argv: Sequence[str]) -> int:
    """Writes a disk, and its digest."""
    parser = argparse.ArgumentParser(prog="disk", description=__doc__)
    parser.add_argument("--manifest", type=Path, help="JSON: DiskInput, for a raw disk")
    parser.add_argument("--raw", type=Path, help="the raw disk of which another format is made")
    parser.add_argument("--format", choices=FORMATS, default="raw", help="the format")
    parser.add_argument("--gzip", type=Path, help='JSON {"argv": […]}: how gzip is started, for gcp')
    parser.add_argument("--output", type=Path, required=True, help="where the disk goes")
    parser.add_argument("--digest", type=Path, required=True, help="where its SHA-256 goes")
    options = parser.parse_args(argv)
    if options.format == "raw":
        given = json_manifest.read(DiskInput, options.manifest)
        with atomic.output(options.output) as stream:
            write(given, stream)
    else:
        with options.raw.open("rb") as raw, atomic.output(options.output) as stream:
            table = gpt.read(raw, str(options.raw))
            if options.format == "gcp":
                _gcp(raw, table, tool_argv(options.gzip), stream)
            else:
                {"qcow2": _qcow2, "vhd": _vhd}[options.format](raw, table, stream)
    with options.output.open("rb") as made, atomic.output(options.digest) as stream:
        digest = hashlib.file_digest(made, "sha256").hexdigest()
        stream.write(f"{digest}  {options.output.name}\n".encode())
    return 0


def write(given: DiskInput, out: BinaryIO) -> None:
    """Writes the raw disk. Raises ToolError for what can't be on one."""
    machine = _machine(given.uki)
    types = _TYPES[machine]
    uki = External(given.uki, given.uki.stat().st_size)
    root_hash = _root_hash(given.verity) if given.verity else ""
    if root_hash:
        _check_command_line(given.uki, root_hash)
    with given.uki.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    digest += f"{root_hash} {given.esp_size}".encode()
    files = {f"EFI/BOOT/{pe.BOOT_FILES[machine]}": uki}
    identity = _guid(digest, "FAT").time_low
    esp = _esp(files, given.esp_size, identity)
    partitions = [_after([], gpt.ESP, _guid(digest, "ESP"), "esp", esp.shape.sectors * SECTOR)]
    blocks: list[External] = []
    if given.verity:
        # The specification: the partitions' GUIDs are the halves of the root hash.
        for kind, half, name, path in (
            (types.root, root_hash[:32], "root", given.verity.data),
            (types.verity, root_hash[32:], "root-verity", given.verity.hash_tree),
        ):
            blocks.append(External(path, path.stat().st_size))
            partitions.append(
                _after(partitions, kind, uuid.UUID(hex=half), name, blocks[-1].size, gpt.READ_ONLY)
            )
    end = _aligned(partitions[-1].last + 1) + ALIGNMENT
    table = gpt.table(_guid(digest, "disk"), partitions, end)
    table.write(out)
    esp.write(out, partitions[0].first * SECTOR)
    for partition, content in zip(partitions[1:], blocks, strict=True):
        out.seek(partition.first * SECTOR)
        with content.path.open("rb") as stream:
            copy(Span(stream, 0, content.size), out)


def _machine(uki: Path) -> int:
    with uki.open("rb") as stream:
        number = pe.machine(stream.read(_HEAD), f"uki: {uki}")
    if number not in _TYPES:
        raise ToolError(
            f"uki: {uki}: is for machine {number:#x} (PE), not for x86-64 or AArch64; name another"
        )
    return number


def _root_hash(verity: VerityInput) -> str:
    text = read_root_hash(verity.root_hash)
    for path in (verity.data, verity.hash_tree):
        size = path.stat().st_size
        if size == 0 or size % 4096:
            raise ToolError(f"verity: {path}: has {size} bytes, which are no blocks of 4096; make it anew")
    return text


def _check_command_line(uki: Path, root_hash: str) -> None:
    """Raises ToolError if the UKI has the root hash of another file system: no guest would start."""
    with uki.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        program = pe.parse(cast(bytes, data), f"uki: {uki}")
        lines = [program.content(section) for section in program.sections if section.name == ".cmdline"]
    for word in b" ".join(lines).split():
        name, _, value = word.rstrip(b"\0").decode("latin-1").partition("=")
        if name == "stage1.roothash" and value != root_hash:
            raise ToolError(
                f"uki: {uki}: boots the root hash {value}, and verity has {root_hash}; "
                "name the same verity_image in uki and disk_image"
            )


def _guid(digest: bytes, what: str) -> uuid.UUID:
    """A GUID of what is on the disk (RFC 9562, version 8)."""
    return uuid.UUID(bytes=hashlib.sha256(digest + what.encode()).digest()[:16], version=8)


def _esp(files: dict[str, External], size: int, identity: int) -> Volume:
    """The EFI system partition. UEFI, 13.3, has it as FAT32; a smaller one is for those who ask for it."""

    def volume(mib: int) -> Volume:
        shape = fat.geometry(mib * _MIB // SECTOR)
        return Volume(files, shape, identity=identity, label="ESP", hidden=ALIGNMENT)

    needed = sum(file.size for file in files.values())
    if size:
        try:
            made = volume(size)
        except ToolError as error:
            raise ToolError(f"esp_size: {size} MiB: {error}") from None
        if not made.fits:
            raise ToolError(
                f"esp_size: {size} MiB are too few for the UKI, which has {needed} bytes; "
                "give more, or leave esp_size out"
            )
        return made
    mib = max(33, needed // _MIB)
    while fat.geometry(mib * _MIB // SECTOR).bits != 32 or not volume(mib).fits:
        mib += 1
    return volume(mib)


def _aligned(sector: int) -> int:
    return sector + -sector % ALIGNMENT


def _after(
    before: Sequence[Partition],
    kind: uuid.UUID,
    identity: uuid.UUID,
    name: str,
    size: int,
    attributes: int = 0,
) -> Partition:
    """A partition of `size` bytes behind these."""
    first = _aligned(before[-1].last + 1 if before else ALIGNMENT)
    return Partition(kind, identity, name, first, first + size // SECTOR - 1, attributes)


def _qcow2(raw: BinaryIO, table: Table, out: BinaryIO) -> None:
    found = list(extents.extents(raw, qcow2.CLUSTER))
    qcow2.write(raw, table.sectors * SECTOR, found, out)


def _vhd(raw: BinaryIO, table: Table, out: BinaryIO) -> None:
    """Azure, "Prepare a Linux VHD": fixed, and a multiple of 1 MiB, which every disk of ours is."""
    for extent in extents.extents(raw, 4096):
        out.seek(extent.offset)
        copy(Span(raw, extent.offset, extent.size), out)
    size = table.sectors * SECTOR
    out.seek(size)
    out.write(vhd.footer(size, table.identity))


def _gcp(raw: BinaryIO, table: Table, gzip: Sequence[str], out: BinaryIO) -> None:
    """Compute Engine, "Manually import boot disks": disk.raw of whole GiB, in GNU's old tar, with gzip."""
    larger = table.resized(-(-table.sectors * SECTOR // _GIB) * _GIB // SECTOR)
    # If gzip ends before its input does, it says why, and its status tells.
    with (
        subprocess.Popen([*gzip, "-n"], stdin=subprocess.PIPE, stdout=out, env={}) as process,
        suppress(BrokenPipeError),
        cast(BinaryIO, process.stdin) as stream,
    ):
        sparse_tar.write(raw, table, larger, "disk.raw", stream)
    if process.returncode:
        raise ToolError(f"gzip: ended with status {process.returncode}; see above")


if __name__ == "__main__":
    run(main)
