"""A compressed base is spliced into images: the same bytes as from scratch, for a fraction of the work."""

import io
import json
import os
import re
import shutil
import sys
import tarfile
from compression import zstd
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import mtree
from tools.sysimage.image import base_index, blocks, compress, cut, emit, packed, slots
from tools.sysimage.image.codec import CODECS, CompressionCommand

# Python's encoder in the locked xz's place; each run leaves a line in the file that is named first.
_XZ = """
import lzma, sys
data = sys.stdin.buffer.read()
with open(sys.argv[1], "a") as log:
    print(len(data), file=log)
lc = 0 if "mode=fast" in sys.argv[-1] else 3  # other bytes, whatever the data
filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 23, "lc": lc}]
sys.stdout.buffer.write(lzma.compress(data, lzma.FORMAT_RAW, filters=filters))
"""
BASE = (
    entry("./"),
    entry("d/"),
    *(entry(f"d/{number:02}", bytes([number]) * 1500) for number in range(12)),
    hardlink("e", "d/03"),
    entry("linked", bytes(range(255, -1, -1)) * 40),
    hardlink("small", "linked"),
    entry("large", bytes(range(256)) * 40),
)
OVERLAYS: dict[str, tuple[Entry, ...]] = {
    "nothing": (),
    "added": (entry("usr/orchestrator", b"x" * 5000),),
    "replaced": (entry("d/05", b"new"),),
    "removed": (entry("d/.wh.05"),),
    "all of a block removed": (entry("d/.wh.05"), entry("d/.wh.06"), entry("d/.wh.04"), entry("d/.wh.07")),
    "first name of a link removed": (entry("d/.wh.03"),),
    "directory changed": (entry("d/", mode=0o700),),
    "large file removed": (entry(".wh.large"),),
    "large file replaced": (entry("large", b"small"),),
    "first name of a large file removed": (entry(".wh.linked"),),
}


# A thousandth of the real ones. A file of more than 5 KiB is cut into parts.
SIZES = blocks.Sizes(1500, 5000, 3500, 5120)


class Bench:
    """A folder with a base that is compressed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.base, self.index = folder / "base.tar", folder / "index.json"
        self.cut = [folder / f"{number}.blocks" for number in range(4)]
        self.slots = tuple(folder / f"{number}.blocks.xz" for number in range(4))
        self.base.write_bytes(tar(*BASE))
        self.program = CompressionCommand(CODECS["xz"], (sys.executable, "-c", _XZ, str(self.log)), 2)

    def compress(self) -> None:
        """Runs cut, and the stage for each slot."""
        cut.cut(self.base, self.cut, self.index)
        for blocks_file, made in zip(self.cut, self.slots, strict=True):
            compress.compress(blocks_file, self.program, made)

    def emit(self, overlay: tuple[Entry, ...], *, spliced: bool) -> tuple[bytes, list[bytes], list[int]]:
        """Image, the files beside it, and how many bytes each run of the compressor was given."""
        (self.folder / "overlay.tar").write_bytes(tar(*overlay))
        self.log.write_text("")
        out = [self.folder / name for name in ("image", "sha256", "sha384", "mtree", "contents")]
        compressed = emit.Compressed(self.slots, self.index) if spliced else None
        emit.emit(self.base, self.folder / "overlay.tar", self.program, emit.Outputs(*out), compressed)
        image, *others = [path.read_bytes() for path in out]
        return image, others, [int(line) for line in self.log.read_text().split()]


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the base is compressed, once for all tests."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(blocks, "SIZES", SIZES)
        made = Bench(tmp_path_factory.mktemp("compressed"))
        made.compress()
        return made.folder


@pytest.fixture
def bench(compressed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(blocks, "SIZES", SIZES)
    made = Bench(tmp_path)
    shutil.copytree(compressed, tmp_path, dirs_exist_ok=True)
    return made


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_spliced_image_is_byte_for_byte_the_one_from_scratch(bench: Bench, name: str) -> None:
    spliced = bench.emit(OVERLAYS[name], spliced=True)
    scratch = bench.emit(OVERLAYS[name], spliced=False)
    assert spliced[:2] == scratch[:2]


@pytest.mark.parametrize(
    ("name", "most"), [("nothing", 0), ("added", 7000), ("replaced", 10000), ("removed", 8000)]
)
def test_only_what_changed_is_compressed(bench: Bench, name: str, most: int) -> None:
    _, _, runs = bench.emit(OVERLAYS[name], spliced=True)
    assert sum(runs) <= most


def test_a_large_file_that_has_lost_its_first_name_is_cut_into_parts_too(bench: Bench) -> None:
    _, _, runs = bench.emit(OVERLAYS["first name of a large file removed"], spliced=True)
    assert max(runs) <= SIZES.part + 512


def test_blocks_that_did_not_change_would_be_other_inputs_of_their_actions(bench: Bench) -> None:
    before = [path.read_bytes() for path in bench.cut]
    bench.base.write_bytes(tar(*BASE[:-1], entry("large", bytes(10240))))
    bench.compress()
    changed = [old != path.read_bytes() for old, path in zip(before, bench.cut, strict=True)]
    assert any(changed)
    assert not all(changed)
    assert bench.emit((), spliced=True)[:2] == bench.emit((), spliced=False)[:2]


def test_slots_of_another_base_would_be_mixed_in(bench: Bench) -> None:
    whole = [path.read_bytes() for path in bench.slots]
    bench.base.write_bytes(tar(*BASE[:-1], entry("large", bytes(10240))))
    cut.cut(bench.base, bench.cut, bench.index)
    assert [path.read_bytes() for path in bench.slots] == whole
    with pytest.raises(ToolError, match=r"blocks\.xz: does not match the index .*; run compress again"):
        bench.emit((), spliced=True)


@pytest.mark.parametrize("change", ["swapped", "none", "doubled", "empty", "garbage"])
def test_slots_that_are_not_those_of_the_index_would_be_taken(bench: Bench, change: str) -> None:
    full = [path for path in bench.slots if path.stat().st_size]
    one, other = full[0].read_bytes(), full[1].read_bytes()
    if change == "swapped":
        full[0].write_bytes(other)
        full[1].write_bytes(one)
    elif change == "none":
        bench.slots = bench.slots[:1]
    elif change == "doubled":
        full[0].write_bytes(one * 2)
    else:
        full[0].write_bytes(b"x" * 99 if change == "garbage" else b"")
    with pytest.raises(ToolError, match=r"does not match the index .*; run compress again"):
        bench.emit((), spliced=True)


def test_slot_of_another_compression_would_be_spliced(bench: Bench) -> None:
    with next(path for path in bench.slots if path.stat().st_size).open("rb") as stream:
        assert list(slots.payloads(stream, "xz"))
        with pytest.raises(ValueError, match="another compression"):
            list(slots.payloads(stream, "zstd"))


def test_an_index_of_a_base_with_another_mode_is_refused(bench: Bench) -> None:
    *others, last = BASE
    last[0].mode ^= 0o111
    try:
        bench.base.write_bytes(tar(*others, last))
    finally:
        last[0].mode ^= 0o111
    with pytest.raises(ToolError, match=r"index\.json: is the index of another base"):
        bench.emit((), spliced=True)


def test_an_index_of_another_base_is_refused(bench: Bench) -> None:
    bench.base.write_bytes(tar(*BASE, entry("z")))
    with pytest.raises(ToolError, match=r"index\.json: is the index of another base"):
        bench.emit((), spliced=True)


def test_a_base_of_the_same_size_and_other_content_is_not_mixed_in(bench: Bench) -> None:
    data = bench.base.read_bytes()
    for number in (4, 6):
        data = data.replace(bytes([number]) * 1500, b"x" * 1500)
    bench.base.write_bytes(data)
    # One of them is in the block that loses an entry.
    with pytest.raises(ToolError, match=r"^d/0[46]: the base has not the content that was compressed"):
        bench.emit(OVERLAYS["replaced"], spliced=True)


def test_all_that_an_entry_can_have_is_in_the_index(bench: Bench) -> None:
    device = entry("device", kind=tarfile.CHRTYPE)
    device[0].devmajor, device[0].devminor = 7, 12345
    whole = (
        entry("./"),
        device,
        entry("dir/", mode=0o1777, uid=3000000, gid=5),
        entry("empty"),
        entry("empty too"),
        entry("file", b"x" * 9000, mode=0o4755, pax={"SCHILY.xattr.security.capability": "a\0b"}),
        hardlink("linked", "file"),
        entry("odd \udcff\n", b"name"),
        symlink("symlink", "../\udcfe"),
    )
    bench.base.write_bytes(tar(*whole))
    bench.compress()
    with ExitStack() as files:
        flat = files.enter_context(bench.base.open("rb"))
        compressed = [files.enter_context(path.open("rb")) for path in bench.slots]
        known = base_index.load(bench.index, flat, compressed, "xz")
        flat.seek(0)
        read = base_index.uncompressed(flat, "base")
        found, real = io.BytesIO(), io.BytesIO()
        mtree.write(list(known.tree.walk()), found, known.digests)
        mtree.write(list(read.tree.walk()), real)
        assert found.getvalue() == real.getvalue()
        assert [(item.path, item.link) for item in known.entries] == [
            (item.path, item.link) for item in read.entries
        ]


def test_a_slot_that_is_cut_off_is_refused(bench: Bench) -> None:
    path = next(path for path in bench.slots if path.stat().st_size)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ToolError, match=r"does not match the index of the compressed base"):
        bench.emit((), spliced=True)


@pytest.mark.parametrize(
    "change", [{"version": 1}, {"base": "x"}, {"blocks": [[]]}, {"entries": [["x", "y"]]}]
)
def test_an_index_of_another_shape_is_refused(bench: Bench, change: dict[str, object]) -> None:
    bench.index.write_text(json.dumps({**json.loads(bench.index.read_text()), **change}))
    with pytest.raises(ToolError, match=r"index\.json: is (no|the) index of"):
        bench.emit((), spliced=True)


def test_the_index_does_not_change_from_run_to_run(bench: Bench) -> None:
    before = bench.index.read_bytes()
    bench.compress()
    assert bench.index.read_bytes() == before


def test_flipped_byte_of_a_slot_would_be_in_the_image(bench: Bench) -> None:
    right = bench.emit((), spliced=True)[0]
    refused = 0
    for path in bench.slots:
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 12)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            try:
                assert bench.emit((), spliced=True)[0] == right
            except ToolError as error:
                found = re.search(
                    "match the index of the compressed base|compressed base does not match its index",
                    str(error),
                )
                assert found
                assert str(error).endswith("run compress again")
                refused += 1
        path.write_bytes(whole)
    assert refused > 30


def test_flipped_byte_of_the_index_would_be_in_the_image(bench: Bench) -> None:
    data = bench.index.read_bytes()
    for place in range(0, len(data) - 1, len(data) // 60):
        bench.index.write_bytes(data[:place] + bytes([data[place] ^ 0x01]) + data[place + 1 :])
        with pytest.raises(ToolError, match=r"index\.json: is (no|the) index of"):
            bench.emit((), spliced=True)


# Each ends with status 0. A pipe takes what none of them reads.
EARLY = {
    "reads and writes nothing": "",
    "reads all and writes nothing": "import sys; sys.stdin.buffer.read()",
    "reads only the beginning": _XZ.replace("buffer.read()", "buffer.read(700)"),
    "writes only the beginning": _XZ.replace("write(lzma", "write((lzma").replace(
        "filters))", "filters))[:-1])"
    ),
    "writes half": _XZ.replace("write(lzma", "write((lzma").replace("filters))", "filters))[:300])"),
    "writes more": _XZ.replace("filters))", "filters) + bytes(1))"),
    "writes what it was given": "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
}


@pytest.mark.parametrize("name", EARLY)
def test_compressor_that_ends_early_with_status_0_would_leave_a_broken_image(
    tmp_path: Path, name: str
) -> None:
    base, out = tmp_path / "base.tar", tmp_path / "out"
    base.write_bytes(tar(*BASE))
    command = (sys.executable, "-c", EARLY[name], str(tmp_path / "log"))
    cut.cut(base, [tmp_path / "blocks"], tmp_path / "index")
    with pytest.raises(ToolError, match="xz ended with status 0, but what it wrote is not whole"):
        compress.compress(tmp_path / "blocks", CompressionCommand(CODECS["xz"], command, 1), out)
    assert not out.exists()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 1 << 18])
@pytest.mark.parametrize("checksum", [False, True])
def test_whole_frame_of_zstd_would_be_refused_or_a_part_of_one_taken(
    tmp_path: Path, size: int, checksum: bool
) -> None:
    data = (b"abc" * size)[: size // 2] + os.urandom(size - size // 2)
    made = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: checksum})
    for missing in (0, 1, 2, len(made) // 2, len(made) - 3):
        path = tmp_path / "frame"
        path.write_bytes(made[: len(made) - missing])
        with path.open("rb") as stream:
            if missing:
                with pytest.raises(packed.CutOffError):
                    packed.check_zstd(stream, len(made) - missing, size)
            else:
                packed.check_zstd(stream, len(made), size)


def test_the_command_line(tmp_path: Path) -> None:
    base, overlay = tmp_path / "base.tar", tmp_path / "overlay.tar"
    base.write_bytes(tar(*BASE))
    overlay.write_bytes(tar(*OVERLAYS["added"]))
    more = ["--compression", "none"]
    made = [str(tmp_path / name) for name in ("base.0", "base.1")]
    assert cut.main(["--base", str(base), "--index", str(tmp_path / "index"), "--slots", *made]) == 0
    for name in made:
        assert compress.main(["--slot", name, "--output", name + ".out", *more]) == 0
    outputs = [f"--{name}={tmp_path / name}" for name in ("output", "sha256", "sha384", "mtree", "contents")]
    emit.main(
        [
            f"--base={base}",
            f"--overlay={overlay}",
            "--compressed",
            *(name + ".out" for name in made),
            f"--index={tmp_path / 'index'}",
            *outputs,
            *more,
        ]
    )
    assert b"usr/orchestrator" in (tmp_path / "output").read_bytes()
