"""FAT file systems beside fsck.fat and mtools: firmware has to find what it starts, on every size."""

import hashlib
import io
import os
import random
import re
import string
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.testing.programs import argv
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Content, External, Inline
from tools.sysimage.formats import fat

_NAMES = 40  # file systems of random names
# Clusters, and their size in sectors: around the numbers at which one kind becomes another; small and large.
_SHAPES = [
    *((4084 + step, cluster) for step in (-1, 0, 1, 2, 40) for cluster in (1, 4, 32)),
    *((65524 + step, cluster) for step in (-1, 0, 1, 2, 40) for cluster in (1, 4)),
    *((count, cluster) for count in (20, 341, 342, 1000) for cluster in (1, 8, 64)),
    *((count, 1) for count in (5000, 30_000, 70_000, 100_000, 500_000)),
]
_KINDS = {12: 4084, 16: 65524, 32: 1 << 28}


def _program(name: str, *words: str, shown: bool = True) -> str:
    done = subprocess.run(
        [*argv(Path(os.environ[name])), *words],
        capture_output=True,
        check=False,
        env={
            "MTOOLSRC": "/dev/null",
            "LC_ALL": "C.UTF-8",
            "LOCPATH": str(Path(os.environ["MTOOLS"]).absolute() / "share"),
        },
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, f"{words}: {said}"
    return said


def _write(path: Path, files: Mapping[str, Content], shape: fat.Geometry, at: int = 0) -> None:
    with path.open("wb") as stream:
        stream.truncate(at + shape.sectors * fat.SECTOR)
        volume = fat.Volume(files, shape, identity=0x12345678, label="ESP", hidden=2048)
        volume.write(stream, at)


def _checked(path: Path, shape: fat.Geometry) -> None:
    """fsck.fat finds nothing to say, and counts what we count."""
    said = _program("FSCK_FAT", "-n", "-v", str(path))
    assert f"2 FATs, {shape.bits} bit entries" in said, said
    assert f" {shape.clusters} data clusters " in said, said
    last = said.partition(" sectors total\n")[2].splitlines()
    assert re.fullmatch(rf".*: \d+ files, \d+/{shape.clusters} clusters", last.pop()), said
    assert set(last) <= {"Checking for unused clusters.", "Checking free cluster summary."}, said


def _shape(clusters: int, cluster: int) -> fat.Geometry:
    """The geometry that has this number of clusters."""
    bits = next(bits for bits, most in _KINDS.items() if clusters <= most)
    table = -(-(clusters + 2) * bits // (8 * fat.SECTOR))
    sectors = fat.Geometry(bits, 0, cluster, table, clusters).data + clusters * cluster
    return fat.geometry(sectors, cluster)


@pytest.mark.parametrize("part", range(4))
def test_file_system_of_every_size_is_sound(tmp_path: Path, part: int) -> None:
    path, checked, kinds = tmp_path / "disk", 0, set()
    for clusters, cluster in _SHAPES[part::4]:
        shape = _shape(clusters, cluster)
        assert shape.clusters == clusters
        content = Inline(b"x" * min(3 * shape.cluster * fat.SECTOR + 1, 90_000))
        _write(path, {"EFI/BOOT/BOOTX64.EFI": content, "EMPTY": Inline(b"")}, shape)
        _checked(path, shape)
        assert (
            _program("MTOOLS", "-c", "mtype", "-i", str(path), "::EFI/BOOT/BOOTX64.EFI") == "x" * content.size
        )
        checked += 1
        kinds.add(shape.bits)
    print(f"{checked} sizes of FAT{sorted(kinds)}: fsck.fat and mtools have nothing to say")


def test_smallest_clusters_are_chosen_and_each_number_of_them_is_of_its_kind() -> None:
    seen = set()
    for sectors in (*range(40, 140_000, 97), *(mib * 2048 for mib in range(1, 4000, 37)), 1 << 28):
        shape = fat.geometry(sectors)
        seen.add((shape.bits, shape.cluster))
        least = {12: 1, 16: 4085, 32: 65525}[shape.bits]
        assert least <= shape.clusters <= _KINDS[shape.bits]
        assert shape.data + shape.clusters * shape.cluster <= sectors
        assert (shape.clusters + 2) * shape.bits <= shape.fat * fat.SECTOR * 8
    assert {12, 16, 32} == {bits for bits, _ in seen}


def _name(chance: random.Random) -> str:
    letters = (
        string.ascii_letters + string.digits + " .-_~$+,;=[]äßé漢"
    )  # mtools has none of more than 16 bits
    while True:
        length = chance.choice((1, 3, 8, 12, 13, 14, 26, 27, 80, 250))
        name = "".join(chance.choice(letters) for _ in range(length))
        if name.strip(". ") and name[-1] not in ". " and name[0] != " " and len(name.encode()) <= 255:
            return name


def _tree(chance: random.Random) -> dict[str, Content]:
    files: dict[str, Content] = {}
    folders = [""]
    taken: set[str] = set()
    for _ in range(chance.randrange(1, 60)):
        path = chance.choice(folders) + _name(chance)
        if path.upper() in taken:
            continue
        taken.add(path.upper())
        if chance.random() < 0.2 and path.count("/") < 4:
            folders.append(path + "/")
            files[path + "/IN.TXT"] = Inline(b"in")
            taken.add(path.upper() + "/IN.TXT")
        else:
            files[path] = Inline(chance.randbytes(chance.choice((0, 1, 511, 512, 513, 5000))))
    return files


def test_names_come_back_as_they_were(tmp_path: Path) -> None:
    chance = random.Random(19)
    path, names = tmp_path / "disk", 0
    for _ in range(_NAMES):
        files = _tree(chance)
        shape = fat.geometry(chance.choice((8_000, 40_000, 70_000)))
        _write(path, files, shape)
        _checked(path, shape)
        # Bazel can't remove names that are no ASCII.
        with tempfile.TemporaryDirectory(dir=tmp_path) as out:
            folder = Path(out)
            _program("MTOOLS", "-c", "mcopy", "-s", "-n", "-i", str(path), "::", out)
            found = [file for file in folder.rglob("*") if file.is_file()]
            there = {str(file.relative_to(folder)): file.read_bytes() for file in found}
        assert there == {name: b"".join(content.chunks()) for name, content in files.items()}
        names += len(files)
    print(f"{names} files of {_NAMES} file systems are there, with their names and bytes")


def test_many_files_have_short_names_of_their_own(tmp_path: Path) -> None:
    names = [f"a long name {number}.text" for number in range(1500)]
    files: dict[str, Content] = {f"dir/{name}": Inline(b"%d" % number) for number, name in enumerate(names)}
    shape = fat.geometry(70_000)
    path = tmp_path / "disk"
    _write(path, files, shape)
    _checked(path, shape)
    assert _program("MTOOLS", "-c", "mtype", "-i", str(path), "::dir/a long name 1234.text") == "1234"
    assert len(set(fat.short_names(names))) == 1500


def test_bytes_depend_on_the_files_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc" * 1000)
    digests = set()
    contents: list[Content] = [External(source, 3000), Inline(b"abc" * 1000)]
    for number, content in enumerate(contents):
        files: dict[str, Content] = {"b/long name": content, "A": Inline(b"a")}
        path = tmp_path / f"disk{number}"
        _write(path, dict(reversed(files.items())) if number else files, fat.geometry(70_000), at=4096)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a/b", "a/B"], r"'a/b': 'b' is there in other letter case"),
        (["a/b", "A/c"], r"'a/b': 'a' is there in other letter case"),
        (["a", "a/b"], r"'a/b': 'a' is a folder and a file"),
        (["a:b"], r"'a:b' has characters that FAT has not"),
        (["a\x01b"], r"has characters that FAT has not"),
        (["a/.."], r"'..' is no name on FAT"),
        (["/a"], r"'' is no name on FAT"),
        (["a."], r"'a.' is no name on FAT"),
        (["😀" * 128], r"is no name on FAT"),
    ],
)
def test_name_that_fat_does_not_have_is_refused(paths: Sequence[str], message: str) -> None:
    files: dict[str, Content] = {path: Inline(b"x") for path in paths}
    with pytest.raises(ToolError, match=message):
        fat.Volume(files, fat.geometry(8000), identity=1, label="ESP", hidden=0)


def test_what_does_not_fit_is_refused() -> None:
    shape = fat.geometry(3000)
    volume = fat.Volume(
        {"A": Inline(bytes(shape.clusters * shape.cluster * 512 + 1))}, shape, identity=1, label="E", hidden=0
    )
    with pytest.raises(ToolError, match=rf"the files take {shape.clusters + 1} clusters of 512 bytes"):
        volume.write(io.BytesIO())
    with pytest.raises(ToolError, match="the root directory has more than 512 entries"):
        fat.Volume({f"{n}": Inline(b"") for n in range(512)}, shape, identity=1, label="E", hidden=0)
    with pytest.raises(ToolError, match="FAT: 30 sectors can't be divided"):
        fat.geometry(30)
    with pytest.raises(ToolError, match=f"FAT: {1 << 33} sectors can't be divided"):
        fat.geometry(1 << 33)
    with pytest.raises(ToolError, match=r"'A': has 4294967296 bytes, and FAT takes 4294967295"):
        fat.Volume({"A": External(Path("x"), 1 << 32)}, shape, identity=1, label="E", hidden=0)
