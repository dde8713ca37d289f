"""The container of the xz file format 1.2.1: one stream of many blocks, each of plain LZMA2.

Blocks are independent of each other, so they can be compressed anywhere and in any order. This module writes
what makes them a stream: headers, paddings, checks, index. Each header has both sizes of its block, so that
liblzma can decompress with threads.
"""

import zlib
from dataclasses import dataclass, field

# CRC32, not CRC64, which is the default of xz(1): every decoder verifies CRC32, also xz-embedded in kernels
# and busybox, which may leave out or refuse CRC64 and SHA-256.
_CHECK_CRC32 = 1
_FLAGS = bytes([0, _CHECK_CRC32])
_LZMA2 = 0x21
_DICTIONARY = 1 << 23  # bytes; that of preset 6

# Preset 6, with each value spelt out, since a release of xz may change the preset.
_SMALL = "dict=8MiB,lc=3,lp=0,pb=2,mode=normal,nice=64,mf=bt4,depth=0"
# Takes a third of the time; a program gets 8 % larger.
_QUICK = "dict=8MiB,lc=3,lp=0,pb=2,mode=fast,nice=48,mf=hc4,depth=12"


def arguments(*, quick: bool) -> tuple[str, ...]:
    """Arguments with which xz(1) compresses its standard input to the LZMA2 data of a block."""
    settings = _QUICK if quick else _SMALL
    return "--compress", "--stdout", "--quiet", "--format=raw", "--threads=1", f"--lzma2={settings}"


@dataclass(slots=True)
class XzStream:
    """Makes a stream: `head`; for each block, `block`: what is before and after its LZMA2 data; `tail`."""

    _records: list[tuple[int, int]] = field(default_factory=list)  # unpadded and uncompressed size

    def head(self) -> bytes:
        """The stream header."""
        return b"\xfd7zXZ\0" + _FLAGS + _crc(_FLAGS)

    def block(self, compressed: int, uncompressed: int, crc32: int) -> tuple[bytes, bytes]:
        """What is before and after `compressed` bytes of LZMA2 data. `crc32` is of the uncompressed bytes."""
        header = block_header(compressed, uncompressed)
        check = crc32.to_bytes(4, "little")
        self._records.append((len(header) + compressed + len(check), uncompressed))
        return header, bytes(-compressed % 4) + check

    def tail(self) -> bytes:
        """Index and stream footer."""
        index = b"\0" + vli(len(self._records))
        index += b"".join(vli(unpadded) + vli(size) for unpadded, size in self._records)
        index += bytes(-len(index) % 4)
        index += _crc(index)
        footer = (len(index) // 4 - 1).to_bytes(4, "little") + _FLAGS
        return index + _crc(footer) + footer + b"YZ"


def block_header(compressed: int, uncompressed: int) -> bytes:
    """The header of a block with one filter, LZMA2, and both sizes."""
    both_sizes = 0xC0
    # The dictionary's size is (2 | bit 0) << (11 + the other bits).
    dictionary = 2 * (_DICTIONARY.bit_length() - 13)
    body = bytes([both_sizes]) + vli(compressed) + vli(uncompressed) + bytes([_LZMA2, 1, dictionary])
    body += bytes(-(len(body) + 1) % 4)
    header = bytes([(len(body) + 1) // 4]) + body
    return header + _crc(header)


def vli(number: int) -> bytes:
    """A variable-length integer: seven bits a byte, the lowest first."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
