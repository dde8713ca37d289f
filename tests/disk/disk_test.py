"""Disks beside the programs of those who take them: each cloud's has to be the same disk, and to boot."""

import hashlib
import io
import json
import os
import random
import re
import subprocess
import tarfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.testing import firmwares
from tests.testing.programs import argv
from tools.sysimage.core.errors import ToolError
from tools.sysimage.disk import disk, sparse_tar
from tools.sysimage.formats import extents, gpt, qcow2, vhd
from tools.sysimage.formats.gpt import ALIGNMENT, SECTOR, Partition

_MIB = 1 << 20
_ROOT_HASH = "0123456789abcdef" * 3 + "fedcba9876543210"
_DISKS = 24  # generated ones, of which other formats are made


def _run(name: str, *words: str) -> str:
    command = [*argv(Path(os.environ[name])), *words]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"MTOOLSRC": "/dev/null", "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _given(
    folder: Path, *, uki_size: int = 300_000, machine: bytes = b"\x64\x86", cmdline: str = "", **more: Any
) -> Path:
    """A manifest of a small disk."""
    chance = random.Random(19)
    sections = {".text": chance.randbytes(uki_size)} | ({".cmdline": cmdline.encode()} if cmdline else {})
    program = firmwares.program(sections)
    (folder / "uki").write_bytes(program.replace(b"PE\0\0\x64\x86", b"PE\0\0" + machine))
    (folder / "data").write_bytes(chance.randbytes(700 * 4096))
    (folder / "tree").write_bytes(chance.randbytes(7 * 4096))
    (folder / "hash").write_text(_ROOT_HASH + "\n")
    verity = {name: str(folder / path) for name, path in _VERITY.items()}
    fields = {"uki": str(folder / "uki"), "verity": verity} | more
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(fields))
    return manifest


_VERITY = {"data": "data", "hash_tree": "tree", "root_hash": "hash"}


def _make(folder: Path, manifest: Path, kind: str = "raw") -> Path:
    made = folder / f"disk.{kind}"
    words = ["--format", kind, "--output", str(made), "--digest", str(folder / f"{kind}.sha256")]
    if kind == "raw":
        words += ["--manifest", str(manifest)]
    else:
        words += ["--raw", str(folder / "disk.raw")]
    if kind == "gcp":
        (folder / "gzip.json").write_text(json.dumps({"argv": argv(Path(os.environ["GZIP"]))}))
        words += ["--gzip", str(folder / "gzip.json")]
    assert disk.main(words) == 0
    said = (folder / f"{kind}.sha256").read_text()
    assert said == f"{hashlib.sha256(made.read_bytes()).hexdigest()}  {made.name}\n"
    return made


@pytest.mark.parametrize(
    ("machine", "boot", "root", "verity"),
    [
        (b"\x64\x86", "BOOTX64.EFI", "Linux root (x86-64)", "Linux root verity (x86-64)"),
        (b"\x64\xaa", "BOOTAA64.EFI", "Linux root (ARM-64)", "Linux root verity (ARM-64)"),
    ],
)
def test_disk_is_one_that_is_found_and_booted(
    tmp_path: Path, machine: bytes, boot: str, root: str, verity: str
) -> None:
    raw = _make(tmp_path, _given(tmp_path, machine=machine))
    assert "No errors detected." in _run("SFDISK", "--verify", str(raw))
    found = json.loads(_run("SFDISK", "--json", str(raw)))["partitiontable"]["partitions"]
    assert [partition["name"] for partition in found] == ["esp", "root", "root-verity"]
    assert [partition["start"] % 2048 for partition in found] == [0, 0, 0]
    assert found[1]["uuid"] == "01234567-89AB-CDEF-0123-456789ABCDEF"
    assert found[2]["uuid"] == "01234567-89AB-CDEF-FEDC-BA9876543210"
    listed = _run("SFDISK", "--list", "--output", "Type", str(raw)).splitlines()
    assert [line.strip() for line in listed[-3:]] == ["EFI System", root, verity]
    data = raw.read_bytes()
    assert len(data) % _MIB == 0
    for partition, name in zip(found[1:], ("data", "tree"), strict=True):
        start, size = partition["start"] * SECTOR, partition["size"] * SECTOR
        assert data[start : start + size] == (tmp_path / name).read_bytes()
    start, size = found[0]["start"] * SECTOR, found[0]["size"] * SECTOR
    (tmp_path / "esp").write_bytes(data[start : start + size])
    said = _run("FSCK_FAT", "-n", "-v", str(tmp_path / "esp"))
    assert "32 bit entries" in said and f"{found[0]['start']} hidden sectors" in said
    _run("MTOOLS", "-c", "mcopy", "-i", f"{raw}@@{start}", f"::EFI/BOOT/{boot}", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "uki").read_bytes()


def test_identities_are_those_of_the_content(tmp_path: Path) -> None:
    seen = set()
    changes: tuple[dict[str, Any], ...] = ({}, {}, {"uki_size": 300_001}, {"esp_size": 40})
    for number, more in enumerate(changes):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        raw = _make(folder, _given(folder, **more))
        with raw.open("rb") as stream:
            table = gpt.read(stream, "disk")
        seen.add(
            (str(table.identity), str(table.partitions[0].identity), raw.read_bytes()[_MIB + 67 : _MIB + 71])
        )
    assert len(seen) == 3
    assert len({part for one in seen for part in one}) == 9


@pytest.mark.parametrize(("mib", "bits"), [(1, 12), (4, 16), (20, 16), (64, 32), (0, 32)])
def test_partition_of_the_uki_has_the_size_that_was_asked_for(tmp_path: Path, mib: int, bits: int) -> None:
    raw = _make(tmp_path, _given(tmp_path, esp_size=mib))
    with raw.open("rb") as stream:
        [esp, *_] = gpt.read(stream, "disk").partitions
        stream.seek(esp.first * SECTOR)
        (tmp_path / "esp").write_bytes(stream.read(esp.size))
    assert esp.size == (mib or 33) * _MIB
    assert f"{bits} bit entries" in _run("FSCK_FAT", "-n", "-v", str(tmp_path / "esp"))


def test_large_uki_gets_a_partition_that_has_room_for_it(tmp_path: Path) -> None:
    raw = _make(tmp_path, _given(tmp_path, uki_size=40 * _MIB))
    with raw.open("rb") as stream:
        [esp, *_] = gpt.read(stream, "disk").partitions
    assert esp.size in (41 * _MIB, 42 * _MIB)


def test_disk_of_a_uki_alone_has_one_partition(tmp_path: Path) -> None:
    raw = _make(tmp_path, _given(tmp_path, verity=None))
    assert "No errors detected." in _run("SFDISK", "--verify", str(raw))
    with raw.open("rb") as stream:
        assert len(gpt.read(stream, "disk").partitions) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"machine": b"\x4c\x01"}, r"uki: is for machine 0x14c \(PE\), not for x86-64 or AArch64"),
        ({"uki": "hash"}, r"hash: is no EFI program \(it does not begin with MZ\)"),
        ({"esp_size": -1}, r"esp_size: -1 MiB: FAT: -2048 sectors can't be divided into clusters"),
        (
            {"cmdline": "quiet stage1.roothash=" + "ab" * 32},
            r"uki: boots the root hash (ab){32}, and verity has 0123.*; name the same verity_image in",
        ),
        ({"verity": {"root_hash": "uki"}}, r"uki: is no root hash of 64 hexadecimal digits"),
        ({"verity": {"data": "hash"}}, r"hash: has 65 bytes, which are no blocks of 4096"),
        ({"verity": {"hash_tree": "empty"}}, r"empty: has 0 bytes, which are no blocks of 4096"),
        (
            {"esp_size": 1, "uki_size": 2 * _MIB},
            r"esp_size: 1 MiB are too few for the UKI, which has 2\d+ bytes; give more, or leave",
        ),
    ],
)
def test_what_would_not_boot_is_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    (tmp_path / "empty").write_bytes(b"")
    if "verity" in fields:
        fields = {
            "verity": {name: str(tmp_path / path) for name, path in (_VERITY | fields["verity"]).items()}
        }
    if "uki" in fields:
        fields = {"uki": str(tmp_path / fields["uki"])}
    with pytest.raises(ToolError, match=message):
        _make(tmp_path, _given(tmp_path, **fields))
    assert not (tmp_path / "disk.raw").exists()


def _random_disk(path: Path, chance: random.Random, sizes: Sequence[int] = (3, 4, 9, 33)) -> gpt.Table:
    """A sparse disk with bytes here and there, some at the edges of blocks."""
    sectors = chance.choice(sizes) * ALIGNMENT
    table = gpt.table(
        uuid.UUID(bytes=chance.randbytes(16)),
        [Partition(uuid.UUID(int=1), uuid.UUID(int=2), "x", ALIGNMENT, sectors - ALIGNMENT - 1)],
        sectors,
    )
    with path.open("wb") as stream:
        table.write(stream)
        for _ in range(chance.choice((0, 1, 5, 60))):
            block = chance.choice((512, 4096, 65536))
            at = (
                chance.randrange(ALIGNMENT * SECTOR, (sectors - ALIGNMENT) * SECTOR - (1 << 18))
                // block
                * block
            )
            stream.seek(at + chance.choice((0, -1, 1)))
            stream.write(chance.choice((b"x", bytes(70_000), chance.randbytes(chance.randrange(1, 200_000)))))
    return table


def test_qcow2_and_vhd_are_the_same_disk_for_qemu(tmp_path: Path) -> None:
    chance = random.Random(19)
    raw = tmp_path / "disk.raw"
    for _ in range(_DISKS):
        table = _random_disk(raw, chance)
        for kind, called in (("qcow2", "qcow2"), ("vhd", "vpc")):
            made = _make(tmp_path, raw, kind)
            if kind == "qcow2":
                assert "No errors were found on the image." in _run(
                    "QEMU_IMG", "check", "-f", called, str(made)
                )
            said = _run("QEMU_IMG", "compare", "-f", "raw", "-F", called, str(raw), str(made))
            assert "Images are identical." in said
            info = json.loads(_run("QEMU_IMG", "info", "--output=json", "-f", called, str(made)))
            assert info["virtual-size"] == table.sectors * SECTOR
    print(f"{_DISKS} disks each as qcow2 and VHD are identical for qemu-img")


def test_qcow2_leaves_out_what_is_zero(tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    _random_disk(raw, random.Random(2), [33])
    raw.write_bytes(raw.read_bytes())  # no holes any more
    before = _make(tmp_path, raw, "qcow2").read_bytes()
    assert len(before) < 9 * _MIB < raw.stat().st_size
    _run("QEMU_IMG", "convert", "-S", "4k", "-f", "raw", "-O", "raw", str(raw), str(tmp_path / "holes"))
    (tmp_path / "holes").rename(raw)
    assert _make(tmp_path, raw, "qcow2").read_bytes() == before


def test_large_qcow2_has_as_many_tables_as_it_needs(tmp_path: Path) -> None:
    """More than one table of each kind: a disk of 3 TiB with a cluster in every 512 MiB."""
    raw, made = tmp_path / "raw", tmp_path / "made"
    size = 3 << 40
    places = [at << 29 for at in range(size >> 29)]
    with raw.open("wb") as stream:
        stream.truncate(size)
        for at in places[::40]:
            stream.seek(at + 70_000)
            stream.write(b"x")
    with raw.open("rb") as source, made.open("wb") as out:
        qcow2.write(source, size, list(extents.extents(source, qcow2.CLUSTER)), out)
    assert "No errors were found" in _run("QEMU_IMG", "check", "-f", "qcow2", str(made))
    mapped = json.loads(_run("QEMU_IMG", "map", "--output=json", "-f", "qcow2", str(made)))
    assert [part["start"] for part in mapped if part["data"]] == [at + qcow2.CLUSTER for at in places[::40]]


def test_footer_of_vhds_is_that_of_qemu(tmp_path: Path) -> None:
    """Azure's documentation has VHDs made by qemu-img."""
    for mib in (1, 3, 40, 1000, 70_000, 600_000):
        size = mib * _MIB
        theirs = tmp_path / "vhd"
        _run("QEMU_IMG", "create", "-f", "vpc", "-o", "subformat=fixed,force_size=on", str(theirs), str(size))
        with theirs.open("rb") as stream:
            stream.seek(size)
            footer = bytearray(stream.read())
        ours = vhd.footer(size, uuid.UUID(int=7))
        # Not theirs: the time, QEMU's version, the checksum, the identity; cylinders count for others alone.
        for start, end in ((24, 28), (32, 36), (56, 60), (64, 68), (68, 84)):
            footer[start:end] = ours[start:end]
        assert bytes(footer) == ours, f"{mib} MiB"
        assert len(ours) == 512 and sum(ours) - sum(ours[64:68]) == 0xFFFFFFFF - int.from_bytes(ours[64:68])


def test_archive_for_google_has_a_disk_of_whole_gib(tmp_path: Path) -> None:
    chance = random.Random(3)
    raw = tmp_path / "disk.raw"
    for number in range(4):
        table = _random_disk(raw, chance)
        made = _make(tmp_path, raw, "gcp")
        with tarfile.open(made, "r:gz") as archive:
            [member] = archive.getmembers()
            assert (member.name, member.size, member.mode, member.mtime) == ("disk.raw", 1 << 30, 0o644, 0)
            assert member.issparse()
            file = archive.extractfile(member)
            assert file is not None
            if number:
                continue
            parts: list[tuple[int, int]] = member.sparse  # type: ignore[assignment]
            with (tmp_path / "unpacked").open("wb") as out:
                for start, size in parts:
                    file.seek(start)
                    out.seek(start)
                    out.write(file.read(size))
        assert "No errors detected." in _run("SFDISK", "--verify", str(tmp_path / "unpacked"))
        with (tmp_path / "unpacked").open("rb") as stream:
            assert gpt.read(stream, "unpacked").partitions == table.partitions
        with raw.open("rb") as one, (tmp_path / "unpacked").open("rb") as two:
            one.seek(_MIB)
            two.seek(_MIB)
            assert one.read((table.sectors - 2 * ALIGNMENT) * SECTOR) == two.read(
                (table.sectors - 2 * ALIGNMENT) * SECTOR
            )
        assert made.read_bytes() == _make(tmp_path, raw, "gcp").read_bytes()


def test_a_gzip_that_fails_would_be_a_broken_pipe(tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    _random_disk(raw, random.Random(2), [33])
    (tmp_path / "gzip.json").write_text(json.dumps({"argv": [*argv(Path(os.environ["GZIP"])), "--none"]}))
    words = ["--format", "gcp", "--raw", str(raw), "--gzip", str(tmp_path / "gzip.json")]
    words += ["--output", str(tmp_path / "made"), "--digest", str(tmp_path / "digest")]
    with pytest.raises(ToolError, match="gzip: ended with status 1; see above"):
        disk.main(words)
    assert {path.name for path in tmp_path.iterdir()} == {"disk.raw", "gzip.json"}


def test_archive_is_read_by_gnu_tar(tmp_path: Path) -> None:
    """Of many parts, whose list goes on in blocks of its own; and larger than octal numbers can say."""
    raw = tmp_path / "raw"
    sectors = 9 * (1 << 30) // SECTOR
    partition = Partition(uuid.UUID(int=1), uuid.UUID(int=2), "x", ALIGNMENT, sectors - ALIGNMENT - 1)
    table = gpt.table(uuid.UUID(int=7), [partition], sectors)
    for count in (0, 1, 2, 3, 22, 23, 24, 44, 45, 100):
        with raw.open("wb") as stream:
            table.write(stream)
            for number in range(count):
                stream.seek((1 + 2 * number) * _MIB + 5)
                stream.write(b"%d" % number)
        archive = io.BytesIO()
        with raw.open("rb") as stream:
            sparse_tar.write(stream, table, table, "disk.raw", archive)
        assert len(archive.getvalue()) % 10240 == 0
        command = [*argv(Path(os.environ["TAR"])), "--list", "--verbose", "--numeric-owner", "--utc"]
        listed = subprocess.run(
            command, input=archive.getvalue(), capture_output=True, check=True
        ).stdout.decode()
        assert re.fullmatch(r"-rw-r--r-- 0/0 +9663676416 1970-01-01 00:00 disk.raw\n", listed)
        folder = tmp_path / f"{count}"
        folder.mkdir()
        command = [*argv(Path(os.environ["TAR"])), "--extract", "--directory", str(folder)]
        subprocess.run(command, input=archive.getvalue(), check=True, capture_output=True)
        said = _run("QEMU_IMG", "compare", "-f", "raw", "-F", "raw", str(raw), str(folder / "disk.raw"))
        assert "Images are identical." in said
        (folder / "disk.raw").unlink()
