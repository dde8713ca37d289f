"""Whether what a compressor wrote is whole: its framing is walked, nothing is decompressed.

A program that ends early can still end with status 0, and its output then unpacks nowhere.
"""

import os
import struct
from typing import BinaryIO

_ZSTD = 0xFD2FB528  # magic number


class CutOffError(ValueError):
    """The output ends too early, or is of other bytes than it was given."""


def check_lzma2(out: BinaryIO, size: int, uncompressed: int) -> None:
    """Raises CutOffError unless `size` bytes of LZMA2 chunks stand for `uncompressed` bytes.

    The chunks are those of xz's file format 1.2.1, as liblzma's lzma2_decoder reads them.
    """
    at = found = 0
    while control := _read(out, at, 1, size)[0]:
        if control >= 0x80:
            unpacked, packed = struct.unpack(">HH", _read(out, at + 1, 4, size))
            found += ((control & 0x1F) << 16) + unpacked + 1
            at += 5 + (control >= 0xC0) + packed + 1
        elif control <= 2:
            [plain] = struct.unpack(">H", _read(out, at + 1, 2, size))
            found += plain + 1
            at += 3 + plain + 1
        else:
            raise CutOffError(f"byte {at} is no LZMA2 chunk")
    if (at + 1, found) != (size, uncompressed):
        raise CutOffError(f"it stands for {found} bytes, and {uncompressed} were given")


def check_zstd(out: BinaryIO, size: int, uncompressed: int) -> None:
    """Raises CutOffError unless `size` bytes are one zstd frame (RFC 8878) of `uncompressed` bytes."""
    magic, descriptor = struct.unpack("<IB", _read(out, 0, 5, size))
    single, dictionary = descriptor >> 5 & 1, (0, 1, 2, 4)[descriptor & 3]
    width = (single, 2, 4, 8)[descriptor >> 6]
    at = 5 + (not single) + dictionary
    known = int.from_bytes(_read(out, at, width, size), "little") + (256 if width == 2 else 0)
    if magic != _ZSTD or (width and known != uncompressed):
        raise CutOffError(f"it is no frame of {uncompressed} bytes")
    at += width
    last = 0
    while not last:
        block = int.from_bytes(_read(out, at, 3, size), "little")
        last, kind = block & 1, block >> 1 & 3
        at += 3 + (1 if kind == 1 else block >> 3)
    if at + (4 if descriptor & 4 else 0) != size:
        raise CutOffError("its frame ends elsewhere than it does")


def _read(out: BinaryIO, at: int, size: int, end: int) -> bytes:
    data = os.pread(out.fileno(), size, at) if at + size <= end else b""
    if len(data) < size:
        raise CutOffError(f"it ends after {end} bytes, in the middle")
    return data
