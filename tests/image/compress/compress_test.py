"""A compressed base is spliced into images: the same bytes as from scratch, for a fraction of the work."""

import io
import json
import os
import re
import sys
import tarfile
from compression import zstd
from pathlib import Path

import pytest

from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import mtree
from tools.sysimage.image import base_index, blocks, compress, emit, packed
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


class Bench:
    """A folder with a base that is compressed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.base, self.image, self.index = folder / "base.tar", folder / "base.tar.xz", folder / "index.json"
        self.base.write_bytes(tar(*BASE))
        self.program = CompressionCommand(CODECS["xz"], (sys.executable, "-c", _XZ, str(self.log)), 2)

    def compress(self) -> None:
        """Runs the stage."""
        compress.compress(self.base, self.program, self.image, self.index)

    def emit(self, overlay: tuple[Entry, ...], *, spliced: bool) -> tuple[bytes, list[bytes], list[int]]:
        """Image, the files beside it, and how many bytes each run of the compressor was given."""
        (self.folder / "overlay.tar").write_bytes(tar(*overlay))
        self.log.write_text("")
        out = [self.folder / name for name in ("image", "sha256", "sha384", "mtree", "contents")]
        compressed = emit.Compressed(self.image, self.index) if spliced else None
        emit.emit(self.base, self.folder / "overlay.tar", self.program, emit.Outputs(*out), compressed)
        image, *others = [path.read_bytes() for path in out]
        return image, others, [int(line) for line in self.log.read_text().split()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(blocks, "SIZE", 4096)
    made = Bench(tmp_path)
    made.compress()
    return made


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_spliced_image_is_byte_for_byte_the_one_from_scratch(bench: Bench, name: str) -> None:
    spliced = bench.emit(OVERLAYS[name], spliced=True)
    scratch = bench.emit(OVERLAYS[name], spliced=False)
    assert spliced[:2] == scratch[:2]


@pytest.mark.parametrize(
    ("name", "most"), [("nothing", 0), ("added", 7000), ("replaced", 6000), ("removed", 4096)]
)
def test_only_what_changed_is_compressed(bench: Bench, name: str, most: int) -> None:
    _, _, runs = bench.emit(OVERLAYS[name], spliced=True)
    assert sum(runs) <= most


def test_a_large_file_that_has_lost_its_first_name_is_cut_into_parts_too(bench: Bench) -> None:
    _, _, runs = bench.emit(OVERLAYS["first name of a large file removed"], spliced=True)
    assert max(runs) <= blocks.SIZE + 512


def test_the_compressed_base_is_an_image_itself(bench: Bench) -> None:
    assert bench.image.read_bytes() == bench.emit((), spliced=False)[0]


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
    bench.base.write_bytes(data.replace(bytes([6]) * 1500, b"x" * 1500))
    with pytest.raises(ToolError, match=r"^d/06: the base has not the content that was compressed"):
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
    with bench.base.open("rb") as flat, bench.image.open("rb") as compressed:
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


def test_a_compressed_base_that_is_cut_off_is_refused(bench: Bench) -> None:
    bench.image.write_bytes(bench.image.read_bytes()[:-4])
    with pytest.raises(ToolError, match=r"index\.json: is the index of another base"):
        bench.emit((), spliced=True)


@pytest.mark.parametrize(
    "change", [{"version": 1}, {"compression": "zstd"}, {"blocks": [[]]}, {"entries": [["x", "y"]]}]
)
def test_an_index_of_another_shape_is_refused(bench: Bench, change: dict[str, object]) -> None:
    bench.index.write_text(json.dumps({**json.loads(bench.index.read_text()), **change}))
    with pytest.raises(ToolError, match=r"index\.json: is (no|the) index of"):
        bench.emit((), spliced=True)


def test_the_index_does_not_change_from_run_to_run(bench: Bench) -> None:
    before = bench.index.read_bytes()
    bench.compress()
    assert bench.index.read_bytes() == before


def test_flipped_byte_of_the_compressed_base_would_be_in_the_image(bench: Bench) -> None:
    """The bytes of blocks; what is around them, emit makes anew."""
    whole = bench.image.read_bytes()
    refused = 0
    for place in range(0, len(whole), len(whole) // 40):
        bench.image.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            assert bench.emit((), spliced=True)[0] == whole
        except ToolError as error:
            assert re.search("compressed base does not match its index.*; run compress again", str(error))
            refused += 1
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
    with pytest.raises(ToolError, match="xz ended with status 0, but what it wrote is not whole"):
        compress.compress(base, CompressionCommand(CODECS["xz"], command, 1), out, tmp_path / "index")
    assert not out.exists()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 1 << 18])
@pytest.mark.parametrize("checksum", [False, True])
def test_whole_frame_of_zstd_would_be_refused_or_a_part_of_one_taken(
    tmp_path: Path, size: int, checksum: bool
) -> None:
    data = (b"abc" * size)[: size // 2] + os.urandom(size - size // 2)
    made = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: checksum})
    for cut in (0, 1, 2, len(made) // 2, len(made) - 3):
        path = tmp_path / "frame"
        path.write_bytes(made[: len(made) - cut])
        with path.open("rb") as stream:
            if cut:
                with pytest.raises(packed.CutOffError):
                    packed.check_zstd(stream, len(made) - cut, size)
            else:
                packed.check_zstd(stream, len(made), size)


def test_the_command_line(tmp_path: Path) -> None:
    base, overlay = tmp_path / "base.tar", tmp_path / "overlay.tar"
    base.write_bytes(tar(*BASE))
    overlay.write_bytes(tar(*OVERLAYS["added"]))
    more = ["--compression", "none"]
    made = [str(tmp_path / "base.out"), str(tmp_path / "base.json")]
    assert compress.main(["--base", str(base), "--output", made[0], "--index", made[1], *more]) == 0
    outputs = [f"--{name}={tmp_path / name}" for name in ("output", "sha256", "sha384", "mtree", "contents")]
    emit.main(
        [
            f"--base={base}",
            f"--overlay={overlay}",
            f"--compressed={made[0]}",
            f"--index={made[1]}",
            *outputs,
            *more,
        ]
    )
    assert b"usr/orchestrator" in (tmp_path / "output").read_bytes()
