"""What starts from a measured disk: the one that the command line's root hash is of, else nothing."""

import os
import random
import re
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kernel.stage1 import disks
from tests.kernel.stage1.disks import Part, Table
from tools.sysimage.disk import hash_tree

PROGRAM = Path(os.environ["DISK_INIT"]).absolute()
LIMIT = 20  # seconds
BLOCK = hash_tree.BLOCK
DATA = random.Random(7).randbytes(300 * BLOCK)
SALT = bytes(range(32))


def tree(folder: Path, data: bytes = DATA) -> tuple[bytes, str]:
    """The hash tree of a file system, and its root hash."""
    (folder / "data").write_bytes(data)
    with (folder / "data").open("rb") as source, (folder / "tree").open("wb") as out:
        root = hash_tree.write(source, out, SALT)
    return (folder / "tree").read_bytes(), root.hex()


def table(folder: Path, data: bytes = DATA) -> tuple[Table, str]:
    """A sound disk, and its root hash."""
    hashes, root = tree(folder, data)
    parts = (Part(disks.ESP, b"esp"), Part(disks.ROOT, data), Part(disks.VERITY, hashes))
    return Table(parts), root


def check(line: str, *paths: Path) -> str:
    """What the program says: where it would start from, or why it would not."""
    command = [str(PROGRAM), "--check", line, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    [said] = done.stdout.splitlines()
    assert done.returncode == (1 if said.startswith("stage1: refused: ") else 0), done
    return said


def with_root(root: str) -> str:
    return f"console=ttyS0 quiet stage1.roothash={root}"


def test_a_sound_disk_would_not_start(tmp_path: Path) -> None:
    sound, root = table(tmp_path)
    disk = disks.write(tmp_path / "disk", sound)
    first = sound.places()[1][0] * disks.SECTOR
    said = check(with_root(root), disk)
    assert said.startswith(f"stage1: {disk}: 300 blocks from byte {first}, hash tree from byte "), said
    # Clouds have larger disks than images; other disks have other things, or none.
    larger = disks.write(tmp_path / "larger", replace(sound, more=100, entry_size=256))
    other = disks.write(tmp_path / "other", Table((Part(disks.ESP, b"x"),)))
    empty = tmp_path / "empty"
    empty.write_bytes(bytes(4096))
    assert "300 blocks" in check(with_root(root), empty, other, larger)


GOOD = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "line",
    [
        *(f"stage1.roothash={GOOD}\nstage1.roothash={GOOD}", f"stage1.roothash={GOOD}\tstage1.x"),
        *("", "quiet", "stage1.roothash=", "stage1.roothash", f"roothash={GOOD}"),
        *(f"stage1.roothash={GOOD[:-1]}", f"stage1.roothash={GOOD}0", f"stage1.roothash={GOOD.upper()}"),
        *(f"stage1.roothash={GOOD} stage1.roothash={GOOD}", f"stage1.roothash= stage1.roothash={GOOD}"),
        *(
            f"stage1.roothash={GOOD} stage1.roothash=",
            f'stage1.roothash="{GOOD}"',
            f'"stage1.roothash={GOOD}"',
        ),
        *(
            f"stage1.roothash={GOOD[:-1]}g",
            f"stage1.roothash={GOOD} stage1.size=7",
            f"stage1.roothash:{GOOD}",
        ),
        *(
            f"stage1.roothash={GOOD} stage1.other",
            f"stage1.roothash={GOOD} 'stage1",
            f"stage1_roothash={GOOD}",
        ),
    ],
)
def test_a_word_would_switch_the_check_off(tmp_path: Path, line: str) -> None:
    sound, _ = table(tmp_path)
    disk = disks.write(tmp_path / "disk", sound)
    assert re.match("stage1: refused: .*(command line)", check(line, disk))


def test_a_disk_of_another_root_hash_would_start(tmp_path: Path) -> None:
    sound, root = table(tmp_path)
    disk = disks.write(tmp_path / "disk", sound)
    wrong = root[:-1] + ("0" if root[-1] != "0" else "1")
    said = check(with_root(wrong), disk)
    assert said == f"stage1: refused: the root hash of {disk} is {root}, the command line wants {wrong}"


def test_swapped_partitions_would_start(tmp_path: Path) -> None:
    sound, root = table(tmp_path)
    esp, data, hashes = sound.parts
    swapped = Table((esp, Part(disks.ROOT, hashes.data), Part(disks.VERITY, data.data)))
    said = check(with_root(root), disks.write(tmp_path / "disk", swapped))
    assert "its hash tree has no superblock: the disk is damaged, or its partitions are swapped" in said


def test_a_disk_that_is_cut_off_would_start(tmp_path: Path) -> None:
    sound, root = table(tmp_path)
    disk = disks.write(tmp_path / "disk", sound)
    size = disk.stat().st_size
    for less, why in (
        (512, "it has fewer bytes than its partition table says: it is cut off"),
        (size // 2, "it has fewer bytes than its partition table says: it is cut off"),
        (size - 600, "it ends before its partition table does"),
        (size - 100, "it ends before its partition table does"),
    ):
        os.truncate(disk, size - less)
        said = check(with_root(root), disk)
        assert said.startswith("stage1: refused: no disk has a partition of the type "), said
        assert said.endswith(why), said
        disks.write(disk, sound)


def test_a_host_that_adds_a_disk_would_choose(tmp_path: Path) -> None:
    sound, root = table(tmp_path)
    esp, data, hashes = sound.parts
    disk = disks.write(tmp_path / "disk", sound)
    again = disks.write(tmp_path / "again", sound)
    assert f"is on {disk} and {again}; leave one" in check(with_root(root), disk, again)
    for part in (data, hashes):
        other = disks.write(tmp_path / "other", Table((esp, part)))
        assert f"is on {disk} and {other}; leave one" in check(with_root(root), disk, other)
        assert f"is on {other} and {disk}; leave one" in check(with_root(root), other, disk)
        both = disks.write(tmp_path / "both", Table((*sound.parts, part)))
        assert f"is on {both} twice; leave one" in check(with_root(root), both)
    split = (
        disks.write(tmp_path / "one", Table((esp, data))),
        disks.write(tmp_path / "two", Table((esp, hashes))),
    )
    assert f"the file system is on {split[0]}, and its hash tree is on {split[1]}" in check(
        with_root(root), *split
    )
    assert "no disk has a partition of the type 2c7357ed-" in check(with_root(root), split[0])


def damaged(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def test_a_changed_byte_of_table_superblock_or_uppermost_hashes_would_start(tmp_path: Path) -> None:
    sound, root = table(tmp_path)
    disk = disks.write(tmp_path / "disk", sound)
    start = sound.places()[2][0] * disks.SECTOR
    used = 3 * 128  # bytes of entries; a change of any is found by the checksum
    seed = random.Random(3)
    ranges = {"header": (512, 512 + 92), "entries": (1024, 1024 + used), "superblock": (start, start + BLOCK)}
    ranges["hashes"] = (start + BLOCK, start + 2 * BLOCK)
    for name, (first, end) in ranges.items():
        places = [first, end - 1, *(seed.randrange(first, end) for _ in range(60))]
        if name == "superblock":
            places += range(first, first + 512)
        for at in places:
            bit = seed.randrange(8)
            damaged(disk, at, bit)
            assert "refused" in check(with_root(root), disk), f"byte {at}, bit {bit}: {name}"
            damaged(disk, at, bit)
    assert "300 blocks" in check(with_root(root), disk)


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {"mine": 2},
            {"size": 91},
            {"size": 513},
            {"count": 1 << 31},
            {"count": 1025},
            {"entry": 0},
            {"entry": 64},
        ),
        *(
            {"entry": 130},
            {"entry": 1 << 31},
            {"entries": 0},
            {"entries": 1 << 63},
            {"entries": (1 << 64) - 1},
        ),
        *({"last": 1 << 62}, {"last": 40}, {"crc": 5}),
    ],
)
def test_a_table_that_nothing_makes_would_be_believed(tmp_path: Path, fields: dict[str, int]) -> None:
    sound, root = table(tmp_path)
    assert "refused" in check(with_root(root), disks.write(tmp_path / "disk", sound, **fields))


def test_a_hash_tree_of_more_blocks_than_there_are_would_start(tmp_path: Path) -> None:
    hashes, root = tree(tmp_path)
    for blocks in (0, 1, 303, 1 << 50, (1 << 64) - 1):
        longer = hash_tree.superblock(bytes.fromhex(root), SALT, blocks) + hashes[BLOCK:]
        parts = (Part(disks.ROOT, DATA), Part(disks.VERITY, longer))
        said = check(with_root(root), disks.write(tmp_path / "disk", Table(parts)))
        assert "which its file system does not have" in said, said


def test_any_damage_would_be_a_crash(tmp_path: Path) -> None:
    sound, root = table(tmp_path, DATA[: 4 * BLOCK])
    disk = disks.write(tmp_path / "disk", sound)
    seed = random.Random(11)
    whole = bytearray(disk.read_bytes())
    head = 1024 + 128 * 128

    def fields() -> None:
        at = seed.choice((512, 1024)) + 4 * seed.randrange(32)
        struct.pack_into("<I", whole, at, seed.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF)))

    def flips() -> None:
        for _ in range(seed.randrange(1, 9)):
            whole[seed.randrange(head)] = seed.randrange(256)

    changes: list[Callable[[], None]] = [fields, flips]
    for number in range(300):
        before = bytes(whole[:head])
        changes[number % 2]()
        with disk.open("r+b") as file:
            file.write(whole[:head])
        said = check(with_root(root), disk)
        assert said.startswith(("stage1: refused: ", f"stage1: {disk}: 4 blocks")), said
        whole[:head] = before
