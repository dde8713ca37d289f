"""Reads the blobs of an image, and unpacks layers. Size and digest are checked while a blob is read.

The first bytes of a layer tell its compression, since builders mix up the media types: plain, gzip (RFC 1952,
any number of members) or zstd (RFC 8878, any number of frames).
"""

import hashlib
import threading
import zlib
from collections.abc import Callable, Iterator
from compression import zstd
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import tarformat

_CHUNK = 1 << 18  # bytes of a blob that are read at a time
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a first byte of 0x50 to 0x5f

type _Engine = Callable[[Iterator[bytes], str], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob: what it is, its digest ("sha256:…") and its size in bytes."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: its blob and the digest of the uncompressed tar in it."""

    blob: Path
    descriptor: Descriptor
    diff_id: str
    where: str  # for messages


def open_blob(path: Path, descriptor: Descriptor, where: str) -> BinaryIO:
    """Opens a blob. Raises ToolError if it is missing, or its size is not the descriptor's."""
    try:
        # Opening a pipe would wait for its writer.
        stream = path.open("rb") if path.is_file() else None
    except OSError as error:
        raise ToolError(
            f"{where}: the blob can't be read ({error.strerror}); fetch the image again"
        ) from error
    if stream is None:
        raise ToolError(f"{where}: the layout has no blob {descriptor.digest}; fetch the image again")
    size = stream.seek(0, 2)
    stream.seek(0)
    if size != descriptor.size:
        stream.close()
        raise ToolError(
            f"{where}: the blob has {size} bytes, but its descriptor says {descriptor.size}; "
            "fetch the image again"
        )
    return stream


def checked(stream: BinaryIO, descriptor: Descriptor, where: str) -> Iterator[bytes]:
    """Yields a blob's bytes. Raises ToolError at its end if size or digest are not the descriptor's."""
    digest = hashlib.new(descriptor.digest.partition(":")[0])
    size = 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    name = f"{digest.name}:{digest.hexdigest()}"
    if size != descriptor.size or name != descriptor.digest:
        raise ToolError(
            f"{where}: the blob is {name} of {size} bytes, but its descriptor says {descriptor.digest} of "
            f"{descriptor.size} bytes; fetch or build the image again"
        )


class LimitError(ToolError):
    """An image unpacks to more than it may. `where` is the layer that unpacks to most."""

    def __init__(self, where: str, limit: int) -> None:
        super().__init__(
            f"{where}: the image unpacks to more than {limit >> 20} MiB; if it may, raise `limit` of its "
            "flatten or system_image"
        )
        self.where = where


class Budget:
    """How many bytes the layers of an image, which are unpacked side by side, may unpack to together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def spend(self, size: int, where: str) -> None:
        """Spends bytes of a layer. Raises LimitError if that is too much, ToolError if another has failed."""
        with self._lock:
            self._spent[where] = self._spent.get(where, 0) + size
            if sum(self._spent.values()) > self._limit:
                # It is chance which layer exceeds the limit; the largest is the one to blame.
                raise LimitError(max(self._spent, key=lambda name: self._spent[name]), self._limit)
        if self._stopped:
            raise ToolError(f"{where}: given up, since another layer failed")

    def stop(self) -> None:
        """Makes every further `spend` fail, so that other layers give up."""
        self._stopped = True


def decompressor(blob: BinaryIO) -> _Engine | None:
    """What decompresses a layer, by its first bytes; None if it is plain."""
    blob.seek(0)
    head = blob.read(tarformat.BLOCK)
    blob.seek(0)
    decompress = _inflated if head.startswith(_GZIP) else None
    if head.startswith(_ZSTD) or head[1:4] == _ZSTD_SKIPPABLE:
        decompress = _unzstd
    # A tar's first name can begin with the same bytes.
    return None if decompress and _is_header(head) else decompress


def _is_header(block: bytes) -> bool:
    try:
        return len(block) == tarformat.BLOCK and bool(tarformat.parse(block))
    except tarformat.DamagedError:
        return False


def unpack(blob: BinaryIO, layer: Layer, budget: Budget, out: BinaryIO | None) -> None:
    """Checks a layer's blob by size, digest and diff ID, and writes the unpacked tar to `out`, if given.

    Raises ToolError if one does not match, the blob is damaged or cut off, or the budget is exceeded. `out`
    then holds what was unpacked before.
    """
    raw = checked(blob, layer.descriptor, layer.where)
    decompress = decompressor(blob)
    known = decompress is None and layer.diff_id == layer.descriptor.digest
    digest = None if known else hashlib.new(layer.diff_id.partition(":")[0])
    for chunk in decompress(raw, layer.where) if decompress else raw:
        if out:
            out.write(chunk)
        budget.spend(len(chunk), layer.where)
        if digest:
            digest.update(chunk)
    if digest and (name := f"{digest.name}:{digest.hexdigest()}") != layer.diff_id:
        raise ToolError(
            f"{layer.where}: it unpacks to {name}, its diff ID is {layer.diff_id}; build the image again"
        )


def _inflated(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    try:
        engine = zlib.decompressobj(wbits=31)
        for chunk in chunks:
            data = chunk
            while data:
                if engine.eof:
                    # Members may follow each other, and zeros may fill up the end (gzip(1) allows both).
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    engine = zlib.decompressobj(wbits=31)
                yield engine.decompress(data, 4 * _CHUNK)
                data = engine.unused_data if engine.eof else engine.unconsumed_tail
    except zlib.error as error:
        raise ToolError(f"{where}: the gzip stream is damaged ({error}); fetch or build it again") from error
    if not engine.eof:
        raise ToolError(f"{where}: the gzip stream is cut off; fetch or build the image again")


def _unzstd(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    try:
        engine = zstd.ZstdDecompressor()
        for chunk in chunks:
            data = chunk
            while data or not (engine.eof or engine.needs_input):
                if engine.eof:
                    engine = zstd.ZstdDecompressor()
                yield engine.decompress(data, 4 * _CHUNK)
                data = engine.unused_data if engine.eof else b""
    except zstd.ZstdError as error:
        raise ToolError(f"{where}: the zstd stream is damaged ({error}); fetch or build it again") from error
    if not engine.eof:
        raise ToolError(f"{where}: the zstd stream is cut off; fetch or build the image again")
