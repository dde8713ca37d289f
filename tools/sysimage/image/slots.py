"""The files in which blocks of a base go from cut to compress, and from there to emit.

Bazel has to know the names of files before there are any. So a base has a fixed number of files, its
slots. The path of its first entry leads a block to four slots, and it goes to the one with the fewest
blocks: after a change of the base, almost all blocks that did not change are in the same slots as before.
Only what shares a slot with a block that changed is compressed again with it. So there are more slots
than blocks, and many are empty.

A slot holds records, in the order of the tar. Of cut: the size of the block in bytes, then the block. Of
compress: name of the compression, sizes of the payload and of the block, CRC32 of both, then the payload.
All numbers are little-endian.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Span, copy
from tools.sysimage.image.codec import Payload, stored_crc32

_CUT = struct.Struct("<8sQ")
_CUT_MAGIC = b"SysImgB1"
_PACKED = struct.Struct("<8s8sQQII")
_PACKED_MAGIC = b"SysImgP1"


def assign(names: Sequence[str], count: int) -> list[int]:
    """The slot, of `count`, of each block; a name is what tells a block from others."""
    digests = {name: hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest() for name in names}
    taken = [0] * count
    found = {}
    # Not in the order of the tar: what is before a block would decide more often than it has to.
    for name, digest in sorted(digests.items(), key=lambda item: item[1]):
        slots = [int.from_bytes(digest[at : at + 8]) % count for at in (0, 8, 16, 24)]
        found[name] = min(slots, key=taken.__getitem__)
        taken[found[name]] += 1
    return [found[name] for name in names]


def cut_head(size: int) -> bytes:
    """What is before a block of `size` bytes in a slot of cut."""
    return _CUT.pack(_CUT_MAGIC, size)


def blocks(stream: BinaryIO, where: str) -> Iterator[Span]:
    """The blocks in a slot of cut. Raises ToolError for a file that is none."""
    end, at = stream.seek(0, 2), 0
    while at < end:
        stream.seek(at)
        head = stream.read(_CUT.size)
        magic, size = _CUT.unpack(head) if len(head) == _CUT.size else (b"", 0)
        at += _CUT.size
        if magic != _CUT_MAGIC or size > end - at:
            raise ToolError(f"{where}: is no slot of a base that is cut into blocks; run cut again")
        yield Span(stream, at, size)
        at += size


def write(stream: BinaryIO, compression: str, payloads: Iterable[Payload]) -> None:
    """Writes the payloads of a slot's blocks."""
    for payload in payloads:
        stored = stored_crc32(payload.data)
        # Without compression, the payload is the block.
        crc32 = stored if compression == "none" else payload.crc32
        sizes = (payload.data.size, payload.uncompressed, crc32, stored)
        stream.write(_PACKED.pack(_PACKED_MAGIC, compression.encode(), *sizes))
        copy(payload.data, stream)


def payloads(stream: BinaryIO, compression: str) -> Iterator[Payload]:
    """The payloads in a slot of compress. Raises ValueError for what is none, or of another compression."""
    end, at = stream.seek(0, 2), 0
    while at < end:
        stream.seek(at)
        head = stream.read(_PACKED.size)
        if len(head) < _PACKED.size:
            raise ValueError(f"it is cut off at byte {at}")
        magic, name, size, uncompressed, crc32, stored = _PACKED.unpack(head)
        at += _PACKED.size
        if magic != _PACKED_MAGIC or size > end - at:
            raise ValueError(f"at byte {at - _PACKED.size} is no payload")
        if name.rstrip(b"\0") != compression.encode():
            raise ValueError("another compression")
        yield Payload(Span(stream, at, size), uncompressed, crc32, stored)
        at += size
