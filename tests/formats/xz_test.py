"""The xz container against decoders that others wrote."""

import lzma
import zlib

import pytest

from tools.sysimage.formats import xz

_FILTER = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 23, "lc": 3, "lp": 0, "pb": 2}


def stream(*contents: bytes) -> bytes:
    writer = xz.XzStream()
    out = writer.head()
    for content in contents:
        packed = lzma.compress(content, format=lzma.FORMAT_RAW, filters=[_FILTER])
        before, after = writer.block(len(packed), len(content), zlib.crc32(content))
        out += before + packed + after
    return out + writer.tail()


@pytest.mark.parametrize(
    "contents",
    [(), (b"one",), (b"",), (b"one", b"two" * 100, b"3"), (bytes(1 << 20), bytes(range(256)) * 999)],
)
def test_liblzma_reads_a_stream_of_these_blocks(contents: tuple[bytes, ...]) -> None:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    assert decoder.decompress(stream(*contents)) == b"".join(contents)
    assert decoder.eof
    assert not decoder.unused_data  # one stream, not several
    assert decoder.check == lzma.CHECK_CRC32


@pytest.mark.parametrize("count", [1, 130, 300])
def test_any_number_of_blocks(count: int) -> None:
    contents = [b"%d" % number for number in range(count)]
    assert lzma.decompress(stream(*contents)) == b"".join(contents)


def test_a_block_with_another_checksum_is_noticed() -> None:
    data = bytearray(stream(b"one"))
    data[data.index(zlib.crc32(b"one").to_bytes(4, "little"))] ^= 1
    with pytest.raises(lzma.LZMAError):
        lzma.decompress(bytes(data))


def test_headers_say_both_sizes_so_that_threads_can_decode() -> None:
    header = xz.block_header(1000, 5000)
    assert header[1] == 0xC0
    assert header[2:4] == xz.vli(1000)
    assert header[4:6] == xz.vli(5000)
    assert len(header) == (header[0] + 1) * 4


@pytest.mark.parametrize(
    ("number", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (1 << 63 - 1, b"\x80" * 8 + b"\x40")]
)
def test_integers_of_variable_length(number: int, data: bytes) -> None:
    assert xz.vli(number) == data
