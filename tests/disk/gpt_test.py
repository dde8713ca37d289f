"""Partition tables beside sfdisk: firmware and guest have to find the partitions, undamaged."""

import io
import json
import os
import random
import struct
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.testing.programs import argv
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import gpt
from tools.sysimage.formats.gpt import ALIGNMENT, SECTOR, Partition

_COUNT = 120


def _sfdisk(*words: str) -> str:
    command = [*argv(Path(os.environ["SFDISK"])), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(bytes=chance.randbytes(16))


def _table(chance: random.Random) -> gpt.Table:
    partitions: list[Partition] = []
    free = ALIGNMENT
    for number in range(chance.choice((1, 2, 3, 10, 128))):
        first = free + -free % ALIGNMENT
        free = first + chance.choice((1, 8, ALIGNMENT, chance.randrange(1, 100_000)))
        name = chance.choice(("esp", "root", "", "ö" * 36, f"name {number}"))
        attributes = chance.choice((0, gpt.READ_ONLY))
        partitions.append(Partition(_uuid(chance), _uuid(chance), name, first, free - 1, attributes))
    sectors = chance.choice((free + 33, free + -free % ALIGNMENT + ALIGNMENT, free + (1 << 21)))
    return gpt.table(_uuid(chance), partitions, sectors)


def _disk(path: Path, table: gpt.Table) -> None:
    with path.open("wb") as stream:
        table.write(stream)
    assert path.stat().st_size == table.sectors * SECTOR


def _seen(partition: dict[str, Any]) -> tuple[Any, ...]:
    place = partition["start"], partition["size"]
    read_only = partition.get("attrs", "") == "GUID:60"
    return *place, partition["type"], partition["uuid"], partition.get("name", ""), read_only


def test_sfdisk_finds_the_partitions_and_no_fault(tmp_path: Path) -> None:
    chance, path, partitions = random.Random(19), tmp_path / "disk", 0
    for _ in range(_COUNT):
        table = _table(chance)
        _disk(path, table)
        said = _sfdisk("--verify", str(path))
        assert "No errors detected." in said, said
        found = json.loads(_sfdisk("--json", str(path)))["partitiontable"]
        assert (found["label"], found["id"]) == ("gpt", str(table.identity).upper())
        assert (found["firstlba"], found["lastlba"]) == (ALIGNMENT, table.sectors - 34)
        assert [_seen(partition) for partition in found["partitions"]] == [
            (
                partition.first,
                partition.size // SECTOR,
                str(partition.kind).upper(),
                str(partition.identity).upper(),
                partition.name,
                bool(partition.attributes),
            )
            for partition in table.partitions
        ]
        with path.open("rb") as stream:
            assert gpt.read(stream, "disk") == table
        partitions += len(table.partitions)
    print(f"{partitions} partitions of {_COUNT} tables are as sfdisk sees them")


def test_both_copies_are_whole(tmp_path: Path) -> None:
    """Firmware takes the copy at the end when the first one is damaged: sfdisk, too."""
    table, path = _table(random.Random(7)), tmp_path / "disk"
    for at in (SECTOR, 2 * SECTOR, table.sectors * SECTOR - 512, table.sectors * SECTOR - 33 * 512):
        _disk(path, table)
        with path.open("r+b") as stream:
            stream.seek(at + 40)
            stream.write(b"\xff" * 8)
        said = _sfdisk("--json", str(path))
        assert "GPT table is corrupt, but the" in said
        found = json.JSONDecoder().raw_decode(said)[0]["partitiontable"]
        assert len(found["partitions"]) == len(table.partitions)


def test_disk_that_is_made_larger_has_the_same_partitions(tmp_path: Path) -> None:
    table = _table(random.Random(19))
    larger = table.resized(table.sectors + (1 << 21))
    assert larger.partitions == table.partitions
    _disk(tmp_path / "disk", larger)
    assert "No errors detected." in _sfdisk("--verify", str(tmp_path / "disk"))
    with pytest.raises(ToolError, match=r"GPT: the partitions end after \d+ sectors"):
        table.resized(ALIGNMENT)


def _partition(first: int, last: int, name: str = "x", number: int = 0) -> Partition:
    return Partition(uuid.UUID(int=1), uuid.UUID(int=number or first), name, first, last)


@pytest.mark.parametrize(
    ("partitions", "message"),
    [
        ([_partition(2047, 4000)], "'x' begins in another one"),
        ([_partition(2048, 4096), _partition(4096, 5000)], "'x' begins in another one"),
        ([_partition(2048, 2047)], "'x' begins in another one"),
        ([_partition(2048, 9967)], "the partitions end after 10000 sectors"),
        ([_partition(2048, 3000, "n" * 37)], "has more than 36 characters"),
        (
            [_partition(2048, 3000, number=5), _partition(4096, 5000, number=5)],
            "two partitions have one GUID",
        ),
        ([_partition(2048 + n, 2048 + n) for n in range(129)], "129 partitions, and there is room for 128"),
    ],
)
def test_table_that_no_disk_can_have_is_refused(partitions: list[Partition], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        gpt.table(uuid.UUID(int=7), partitions, 10_000)


def test_other_tables_are_refused() -> None:
    table = _table(random.Random(19))
    stream = io.BytesIO()
    table.write(stream)
    data = stream.getvalue()
    for at in (0, 446 + 4, 511, 512, 512 + 16, 512 + 40, 512 + 72, 1024 + 32, len(table.head()) - 1):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(ToolError, match=r"disk: has no partition table as a disk_image has it|GPT: "):
            gpt.read(io.BytesIO(changed), "disk")
    for short in (b"", data[:1000], data[:-512], struct.pack("<I", 7) * 9000):
        with pytest.raises(ToolError, match=r"disk: has no partition table|GPT: "):
            gpt.read(io.BytesIO(short), "disk")
