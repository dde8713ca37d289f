"""From base and overlay to the image: what is in it, its side files, its bytes, its failures."""

import hashlib
import io
import json
import lzma
import shutil
import struct
import sys
import tarfile
from collections.abc import Callable, Iterator
from compression import zstd
from pathlib import Path

import pytest

from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.image import blocks, emit
from tools.sysimage.image.codec import CODECS, CompressionCommand, Compressor

# Stands in for the locked xz: the arguments are those of the real one, the encoder is Python's.
_XZ = """
import lzma, sys
settings = dict(pair.split("=") for pair in sys.argv[-1].removeprefix("--lzma2=").split(","))
assert settings["dict"] == "8MiB" and sys.argv[1:-1] == [
    "--compress", "--stdout", "--quiet", "--format=raw", "--threads=1"], sys.argv
filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 23}]
sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read(), lzma.FORMAT_RAW, filters=filters))
"""
_ZSTD = """
import sys
from compression import zstd
sys.stdout.buffer.write(zstd.compress(sys.stdin.buffer.read()))
"""

BASE = (
    entry("./"),
    entry("etc/"),
    entry("etc/name", b"base"),
    entry("usr/"),
    entry("usr/a", b"linked"),
    hardlink("usr/b", "usr/a"),
    symlink("var", "usr"),
)
OVERLAY = (
    entry("etc/.wh.name"),
    entry("usr/orchestrator", b"program", mode=0o755),
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZES", blocks.Sizes(512, 2048, 1536, 2048))


class Run:
    """A run of emit in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.out.mkdir()
        self.image = self.out / "image.tar.xz"

    def __call__(
        self,
        base: tuple[Entry, ...] = BASE,
        overlay: tuple[Entry, ...] = OVERLAY,
        *,
        compression: str = "xz",
        script: str = _XZ,
        jobs: int = 2,
        losses: str = "ignore",
    ) -> None:
        (self.folder / "base.tar").write_bytes(tar(*base))
        (self.folder / "overlay.tar").write_bytes(tar(*overlay))
        (self.folder / "tool.json").write_text(json.dumps({"argv": [sys.executable, "-c", script]}))
        arguments = {
            "base": self.folder / "base.tar",
            "overlay": self.folder / "overlay.tar",
            "compression": compression,
            "tool": self.folder / "tool.json",
            "output": self.image,
            "sha256": self.out / "image.sha256",
            "sha384": self.out / "image.sha384",
            "mtree": self.out / "image.mtree",
            "contents": self.out / "image.contents.json",
            "jobs": jobs,
            "losses": losses,
        }
        assert emit.main([word for key, value in arguments.items() for word in (f"--{key}", str(value))]) == 0

    def names(self) -> list[str]:
        """The entries' names, in order."""
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(self.image.read_bytes()))) as archive:
            return [info.name for info in archive]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    yield Run(tmp_path)


def test_the_base_comes_first_without_what_is_hidden_then_the_overlay(run: Run) -> None:
    run()
    assert run.names() == [".", "etc", "usr", "usr/a", "usr/b", "var", "usr/orchestrator"]


@pytest.mark.parametrize(("size", "mode"), [(100, "fast"), (10000, "normal")])
def test_time_counts_for_a_small_overlay_and_size_for_a_large_one(run: Run, size: int, mode: str) -> None:
    log = run.folder / "log"
    script = f"{_XZ}\nprint(settings['mode'], file=open({str(log)!r}, 'a'))"
    run(
        base=(*BASE, entry("z", b"z" * 60000)),
        overlay=(entry("usr/new", b"x" * size),),
        script=script,
        jobs=1,
    )
    *base, overlay, end = log.read_text().split()
    assert {*base, end} == {"normal"}
    assert overlay == mode


def test_a_replaced_file_is_gone_and_not_shadowed(run: Run) -> None:
    run(overlay=(entry("etc/name", b"overlay"),))
    assert run.names()[-1] == "etc/name"
    assert run.names().count("etc/name") == 1
    assert b"base" not in lzma.decompress(run.image.read_bytes())


def test_a_changed_directory_stays_before_what_is_in_it(run: Run) -> None:
    run(overlay=(entry("etc/", mode=0o700),))
    assert run.names().index("etc") < run.names().index("etc/name")
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(run.image.read_bytes()))) as archive:
        assert archive.getmember("etc").mode == 0o700


def test_a_hard_link_whose_first_name_is_hidden_gets_the_content(run: Run) -> None:
    run(overlay=(entry("usr/.wh.a"),))
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(run.image.read_bytes()))) as archive:
        assert archive.extractfile("usr/b").read() == b"linked"  # type: ignore[union-attr]


def test_the_overlay_goes_through_links_of_the_base(run: Run) -> None:
    run(overlay=(entry("var/x", b"1"),))
    assert run.names()[-1] == "usr/x"


@pytest.mark.parametrize(
    ("compression", "script", "unpack"),
    [("xz", _XZ, lzma.decompress), ("zstd", _ZSTD, zstd.decompress), ("none", "", bytes)],
)
def test_each_compression_holds_the_same_tar(
    run: Run, compression: str, script: str, unpack: Callable[[bytes], bytes]
) -> None:
    run(compression=compression, script=script)
    content = unpack(run.image.read_bytes())
    tree = sysimage_tar.load(io.BytesIO(content), "image")
    assert tree["usr/orchestrator"].read() == b"program"
    assert content.endswith(bytes(1024))


def test_the_image_is_one_xz_stream(run: Run) -> None:
    run()
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    decoder.decompress(run.image.read_bytes())
    assert decoder.eof
    assert not decoder.unused_data


def test_the_bytes_do_not_depend_on_the_number_of_jobs(run: Run) -> None:
    base = (*BASE, *(entry(f"usr/f{number:02}", bytes([number]) * 1500) for number in range(20)))
    images = []
    for jobs in (1, 2, 7):
        run(base, jobs=jobs)
        images.append(run.image.read_bytes())
    assert images[0] == images[1] == images[2]


def test_blocks_of_the_base_are_the_same_bytes_under_another_overlay(run: Run) -> None:
    base = tuple(entry(f"f{number:02}", bytes(range(number, number + 100)) * 15) for number in range(20))
    run(base, (entry("orchestrator", b"one"),))
    one = run.image.read_bytes()
    run(base, (entry("orchestrator", b"another"),))
    two = run.image.read_bytes()
    common = next(index for index, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    # All but the overlay's block, the end and the index.
    assert common > len(one) - 800


def test_the_digest_file_is_what_sha256sum_writes(run: Run) -> None:
    run()
    wanted = hashlib.sha256(run.image.read_bytes()).hexdigest()
    assert (run.out / "image.sha256").read_text() == f"{wanted}  image.tar.xz\n"


def test_the_other_digest_file_is_what_sha384sum_writes(run: Run) -> None:
    run()
    wanted = hashlib.sha384(run.image.read_bytes()).hexdigest()
    assert (run.out / "image.sha384").read_text() == f"{wanted}  image.tar.xz\n"


def test_zstd_ends_with_a_seek_table_of_its_frames(run: Run) -> None:
    run(compression="zstd", script=_ZSTD)
    data = run.image.read_bytes()
    frames, flags, magic = struct.unpack("<IBI", data[-9:])
    assert (flags, magic) == (0, 0x8F92EAB1)
    at = len(data) - 9 - 8 * frames
    assert struct.unpack("<II", data[at - 8 : at]) == (0x184D2A5E, 8 * frames + 9)
    start = 0
    for compressed, size in struct.iter_unpack("<II", data[at:-9]):
        assert len(zstd.decompress(data[start : start + compressed])) == size
        start += compressed
    assert start == at - 8
    assert frames > 2


DPKG = (
    *BASE[:-1],
    symlink("lib", "usr"),
    *(entry(folder) for folder in ("var/", "var/lib/", "var/lib/dpkg/", "var/lib/dpkg/info/")),
    entry("var/lib/dpkg/info/base-files.list", b"/.\n/etc\n/etc/name\n/usr/a\n/gone\n"),
    entry("var/lib/dpkg/info/libc6:amd64.list", b"/lib/b\n"),
    entry(
        "var/lib/dpkg/status",
        b"Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 13\n"
        b"Description: a\n Version: 99\n\n"
        b"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc (2.41-1)\n"
        b"Version: 2.41-1+b1\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
    ),
)


def test_contents_say_where_each_path_is_from_and_how_large_it_is(run: Run) -> None:
    run(DPKG, (*OVERLAY, entry("usr/a", b"replaced")))
    contents = json.loads((run.out / "image.contents.json").read_text())
    paths = contents["paths"]
    assert paths["usr/b"] == {"type": "file", "size": 6, "package": "libc6"}  # /lib leads to /usr
    assert paths["usr/a"] == {"type": "file", "size": 8, "from": "overlay"}
    assert paths["usr/orchestrator"] == {"type": "file", "size": 7, "from": "overlay"}
    assert paths["var/lib/dpkg/status"]["from"] == "base"
    assert "etc/name" not in paths
    assert [*paths] == sysimage_tar.load(io.BytesIO(lzma.decompress(run.image.read_bytes())), "").paths()
    assert [list(package.values()) for package in contents["packages"]] == [
        ["base-files", "13", "amd64", "base-files", "13", 0],
        ["libc6", "2.41-1+b1", "amd64", "glibc", "2.41-1", 6],
    ]


def test_contents_have_size_and_digests_of_the_image(run: Run) -> None:
    run()
    image = run.image.read_bytes()
    assert json.loads((run.out / "image.contents.json").read_text())["image"] == {
        "name": "image.tar.xz",
        "compression": "xz",
        "size": len(image),
        "tar_size": len(lzma.decompress(image)),
        "sha256": hashlib.sha256(image).hexdigest(),
        "sha384": hashlib.sha384(image).hexdigest(),
    }


def test_contents_have_one_path_a_line(run: Run) -> None:
    run()
    lines = (run.out / "image.contents.json").read_text().splitlines()
    assert sum(line.startswith('"usr/') for line in lines) == 3


def test_golden_manifest(run: Run) -> None:
    run()
    golden = Path(__file__).with_name("golden.mtree")
    assert (run.out / "image.mtree").read_text() == golden.read_text()


# Failures


def refused(run: Run, message: str, **more: object) -> None:
    with pytest.raises(ToolError, match=message) as caught:
        run(**more)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not list(run.out.iterdir())  # nothing half-written, nothing left behind


def test_a_compressor_that_fails(run: Run) -> None:
    script = "import sys; sys.exit('no memory')"
    refused(run, r"xz ended with status 1 \(no memory\)", script=script)


def test_files_appear_together_or_not_at_all(run: Run) -> None:
    (run.out / "image.mtree").mkdir()
    with pytest.raises(OSError) as caught:
        run()
    assert str(caught.value.filename) == str(run.out / "image.mtree")
    assert [path.name for path in run.out.iterdir()] == ["image.mtree"]


def test_a_compressor_that_is_killed(run: Run) -> None:
    script = "import os, sys; sys.stdin.buffer.read(); os.kill(os.getpid(), 9)"
    refused(run, "xz was killed by signal 9", script=script)


def test_a_compressor_that_stops_reading(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        blocks, "SIZES", blocks.Sizes(1 << 20, 8 << 20, 7 << 20, 8 << 20)
    )  # more than a pipe holds
    base = (entry("big", bytes(4 << 20)),)
    refused(run, "xz ended with status 3", base=base, script="raise SystemExit(3)")


def test_a_compressor_that_is_not_there(tmp_path: Path) -> None:
    for name in ("base", "overlay"):
        (tmp_path / name).write_bytes(tar())
    outputs = emit.Outputs(*(tmp_path / name for name in ("image", "sha256", "sha384", "mtree", "contents")))
    with pytest.raises(ToolError, match="none/xz: can't be started"):
        emit.emit(
            tmp_path / "base", tmp_path / "overlay", CompressionCommand(CODECS["xz"], ("none/xz",)), outputs
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "overlay"]


def test_no_compressor_at_all() -> None:
    with pytest.raises(ToolError, match="no program for the compression zstd; give --tool"):
        Compressor(CompressionCommand(CODECS["zstd"]), Path())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("[]", "has to be an object"),
        ("{}", "'argv' is missing"),
        ('{"argv": []}', "argv names no program"),
        ('{"argv": [1]}', r"argv\[0\]: has to be a text"),
    ],
)
def test_a_tool_file_of_another_shape(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tool.json").write_text(text)
    with pytest.raises(ToolError, match=rf"tool\.json: .*{message}"):
        tool_argv(tmp_path / "tool.json")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_node_that_stage1_would_make_an_empty_file_of(run: Run, kind: bytes) -> None:
    refused(
        run, r"'dev/x': is a (char|block|fifo) node", base=(*BASE, entry("dev/"), entry("dev/x", kind=kind))
    )


def test_a_base_that_is_not_flat(run: Run) -> None:
    refused(run, "a is there twice", base=(entry("a", b""), entry("a", b"")))


def test_a_base_that_is_cut_off(run: Run) -> None:
    (run.folder / "base.tar").write_bytes(tar(*BASE)[:-1024])
    (run.folder / "overlay.tar").write_bytes(tar())
    outputs = emit.Outputs(*(run.out / name for name in ("image", "sha256", "sha384", "mtree", "contents")))
    with pytest.raises(ToolError, match=r"base\.tar: not a whole tar archive"):
        emit.emit(
            run.folder / "base.tar", run.folder / "overlay.tar", CompressionCommand(CODECS["none"]), outputs
        )
    assert not list(run.out.iterdir())


@pytest.mark.skipif(not shutil.which("xz"), reason="needs the real xz")
def test_the_real_xz_takes_the_arguments(run: Run) -> None:
    script = "import os, sys; os.execvp('xz', ['xz', *sys.argv[1:]])"
    run(script=script)
    assert "usr/orchestrator" in run.names()


LOST = (
    entry("./"),
    entry("ping", b"x", pax={"SCHILY.xattr.security.capability": "a"}),
    entry("mail/", gid=8),
    entry("su", b"x", mode=0o4755),
    *(entry(f"own{number}", uid=7) for number in range(5)),
)


def test_what_a_plain_loader_loses_would_be_lost_without_a_word(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    run(LOST, losses="warn")
    text = capfd.readouterr().err
    for part in (
        "warning: image.tar.xz: a loader that knows plain tar alone loses ",
        "the attribute security.capability of 1 path (/ping)",
        "the owner of 6 paths (/mail, /own0, /own1, …)",
        "the setuid or setgid bit of 1 path (/su)",
        'say losses = "ignore"',
    ):
        assert part in text
    run(LOST, losses="ignore")
    run((entry("./"), entry("tmp/", mode=0o1777)), losses="error")
    assert not capfd.readouterr().err


def test_image_that_loses_something_would_be_made_in_spite_of_error(run: Run) -> None:
    with pytest.raises(ToolError, match=r'loses the owner .*; change that in the image, .* losses = "warn"'):
        run(LOST, losses="error")
    assert not run.image.exists()
