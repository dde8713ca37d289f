"""Whatever reads a system image reads all of it: xz with one thread and with several, busybox, zstd."""

import hashlib
import lzma
import subprocess
from compression import zstd
from pathlib import Path

import pytest

from tests.testing import programs

HERE = Path(__file__).parent
SYSTEM_IMAGE = HERE.parents[2] / "system_image"
XZ, ZSTD = (programs.argv(SYSTEM_IMAGE / "tools" / name) for name in ("xz", "zstd"))
BUSYBOX = programs.argv(HERE.parents[1] / "programs/busybox")


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def plain() -> bytes:
    return (HERE / "image_none.tar").read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        [*XZ, "--decompress", "--stdout", "--threads=1"],
        [*XZ, "--decompress", "--stdout", "--threads=4", "--memlimit-mt-decompress=1GiB"],
        [*BUSYBOX, "unxz", "-c"],
    ],
    ids=["xz", "xz with threads", "busybox"],
)
def test_the_same_tar_comes_out_of_each_reader_of_xz(command: list[str]) -> None:
    assert run(*command, HERE / "image_xz.tar.xz") == plain()


def test_a_reader_of_the_first_stream_alone_gets_the_whole_image() -> None:
    # As XzDecoder of Rust's xz2: liblzma's decoder without LZMA_CONCATENATED.
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    assert decoder.decompress((HERE / "image_xz.tar.xz").read_bytes()) == plain()
    assert decoder.eof
    assert not decoder.unused_data


@pytest.mark.parametrize("image", [HERE / "image_xz.tar.xz", SYSTEM_IMAGE / "vanilla.tar.xz"])
def test_xz_shows_one_stream_whose_block_headers_have_both_sizes(image: Path) -> None:
    listed = run(*XZ, "--robot", "--list", "--verbose", "--verbose", image).decode()
    lines = [line.split("\t") for line in listed.splitlines()]
    [totals] = [line for line in lines if line[0] == "totals"]
    blocks = [line for line in lines if line[0] == "block"]
    assert totals[1] == "1"
    assert len(blocks) == int(totals[2]) > 1
    # Column 12 has "c" and "u" for the sizes that are there, "-" for those that are not (xz(1)).
    assert {line[12] for line in blocks} == {"cu"}
    assert {line[9] for line in blocks} == {"CRC32"}


def test_the_same_tar_comes_out_of_zstd_which_skips_the_seek_table() -> None:
    image = (HERE / "image_zstd.tar.zst").resolve()  # zstd takes no links
    assert run(*ZSTD, "--decompress", "--stdout", image) == plain()
    data = zstd.decompress(image.read_bytes())
    assert hashlib.sha256(data).digest() == hashlib.sha256(plain()).digest()
