"""Compresses pieces of a tar independently of each other, and makes one file of them.

The compressor is a locked program, started once for each piece, with one thread. So the bytes do not depend
on how many processes run at once, and the memory of a process does not depend on the size of the image.
"""

import os
import struct
import subprocess
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol, Self, cast

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Content, Span, copy
from tools.sysimage.formats import xz
from tools.sysimage.image import packed


@dataclass(frozen=True, slots=True)
class Payload:
    """A compressed piece: its bytes, and size and CRC32 of what is compressed in them."""

    data: Content
    uncompressed: int  # bytes
    crc32: int
    stored: int | None = None  # CRC32 that `data` has to have, of what was compressed earlier


@dataclass(frozen=True, slots=True)
class FastPiece:
    """A piece that somebody waits for: it is compressed in a fraction of the time, and a little worse."""

    content: Content


type Piece = Content | FastPiece | Payload

_SKIPPABLE, _SEEK_TABLE = 0x184D2A5E, 0x8F92EAB1  # magic numbers


class Framing(Protocol):
    """How a file is made: `head`, then each payload between the two values of `block`, then `tail`."""

    def head(self) -> bytes:
        """What the file starts with."""

    def block(self, compressed: int, uncompressed: int, crc32: int) -> tuple[bytes, bytes]:
        """The bytes before and after a payload."""

    def tail(self) -> bytes:
        """What the file ends with."""


class _Unframed:
    """Nothing around the payloads: no compression."""

    def head(self) -> bytes:
        return b""

    def block(self, compressed: int, uncompressed: int, crc32: int) -> tuple[bytes, bytes]:
        del compressed, uncompressed, crc32
        return b"", b""

    def tail(self) -> bytes:
        return b""


@dataclass(slots=True)
class _Frames:
    """zstd frames, and then the seek table of its seekable format 0.1.0, a frame that decoders skip."""

    _sizes: list[tuple[int, int]] = field(default_factory=list)  # compressed, uncompressed

    def head(self) -> bytes:
        return b""

    def block(self, compressed: int, uncompressed: int, crc32: int) -> tuple[bytes, bytes]:
        del crc32
        self._sizes.append((compressed, uncompressed))
        return b"", b""

    def tail(self) -> bytes:
        table = b"".join(struct.pack("<II", *sizes) for sizes in self._sizes)
        # No checksums: each frame has one of its own.
        footer = struct.pack("<IBI", len(self._sizes), 0, _SEEK_TABLE)
        return struct.pack("<II", _SKIPPABLE, len(table) + len(footer)) + table + footer


def _zstd(size: int, quick: bool) -> list[str]:
    # Decoders read the size from the frame's header.
    level = "-12" if quick else "-19"
    return ["--compress", "--stdout", "--quiet", level, "--single-thread", "--check", f"--stream-size={size}"]


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression: its name, the arguments of its program, and how its files are framed.

    The arguments depend on the number of bytes, and on whether the piece is a `FastPiece`.
    """

    name: str
    arguments: Callable[[int, bool], Sequence[str]] | None
    container: Callable[[], Framing]
    check: Callable[[BinaryIO, int, int], None] = lambda _out, _size, _uncompressed: None
    """Raises CutOffError unless so many bytes of a file stand for so many uncompressed ones."""


CODECS = {
    codec.name: codec
    for codec in (
        Codec("xz", lambda _size, quick: xz.arguments(quick=quick), xz.XzStream, packed.check_lzma2),
        Codec("zstd", _zstd, _Frames, packed.check_zstd),
        Codec("none", None, _Unframed),
    )
}


@dataclass(frozen=True, slots=True)
class CompressionCommand:
    """A codec, the command of its program, and how many run at once (None: one for each core)."""

    codec: Codec
    argv: tuple[str, ...] = ()
    jobs: int | None = None


class Compressor:
    """Runs a codec's program on pieces, several at a time; temporary files go to `folder`.

    As a context manager, it stops `run`, which another thread may be consuming, when the context ends.
    """

    def __init__(self, program: CompressionCommand, folder: Path) -> None:
        """Raises ToolError if the codec needs a program and none is given."""
        self._codec, self._argv, self._folder = program.codec, program.argv, folder
        self._jobs = program.jobs or os.process_cpu_count() or 1
        self._stop = threading.Event()
        if self._codec.arguments and not self._argv:
            raise ToolError(f"no program for the compression {self._codec.name}; give --tool")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def run(self, pieces: Iterable[Piece]) -> Iterator[Payload]:
        """Yields the payloads of the pieces, in order. A piece that is a payload is yielded as it is.

        Raises ToolError if the program can't be started, fails or is killed.
        """
        arguments = self._codec.arguments
        with ThreadPoolExecutor(self._jobs) as pool:
            waiting: deque[Future[Payload] | Payload] = deque()
            running = 0
            try:
                for piece in pieces:
                    if isinstance(piece, Payload):
                        waiting.append(piece)
                        continue
                    quick = isinstance(piece, FastPiece)
                    content = piece.content if isinstance(piece, FastPiece) else piece
                    if arguments is None:
                        waiting.append(Payload(content, content.size, 0))
                    else:
                        waiting.append(pool.submit(self._compress, content, arguments(content.size, quick)))
                        running += 1
                    # Only a few pieces ahead, so that no payload is kept for long. Existing payloads do not
                    # count, so the pieces after them are compressed while they are copied.
                    while running > 2 * self._jobs:
                        running -= isinstance(waiting[0], Future)
                        yield self._next(waiting)
                while waiting:
                    yield self._next(waiting)
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)

    def _next(self, waiting: deque[Future[Payload] | Payload]) -> Payload:
        item = waiting.popleft()
        if self._stop.is_set():
            raise ToolError(f"{self._codec.name}: stopped")
        return item if isinstance(item, Payload) else item.result()

    def _compress(self, piece: Content, arguments: Sequence[str]) -> Payload:
        out = cast(BinaryIO, TemporaryFile(dir=self._folder))
        try:
            process = subprocess.Popen(
                [*self._argv, *arguments],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.PIPE,
                # XZ_OPT, ZSTD_CLEVEL and the locale of the host must not change the bytes.
                env={"LC_ALL": "C"},
            )
        except OSError as error:
            raise ToolError(
                f"{self._argv[0]}: can't be started ({error.strerror}); --tool has to name a "
                "program that runs here"
            ) from error
        crc32 = self._feed(process, piece)
        size = out.seek(0, os.SEEK_END)
        try:
            self._codec.check(out, size, piece.size)
        except packed.CutOffError as error:
            raise ToolError(
                f"{self._codec.name} ended with status 0, but what it wrote is not whole ({error}); "
                f"{self._argv[0]} is not the locked program, or damaged"
            ) from error
        return Payload(Span(out, 0, size), piece.size, crc32)

    def _feed(self, process: subprocess.Popen[bytes], piece: Content) -> int:
        assert process.stdin
        assert process.stderr
        crc32 = 0
        with process:
            try:
                for chunk in piece.chunks():
                    if self._stop.is_set():
                        raise ToolError(f"{self._codec.name}: stopped, since another piece failed")
                    crc32 = zlib.crc32(chunk, crc32)
                    rest = memoryview(chunk)
                    while rest:
                        rest = rest[process.stdin.write(rest) :]
            except BrokenPipeError:
                pass  # the program ended early; its status says why, or what it wrote is not whole
            except BaseException:
                process.kill()
                raise
            process.stdin.close()
            said = process.stderr.read(4096).decode(errors="replace")
            status = process.wait()
        if status:
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise ToolError(
                f"{self._codec.name} {how} ({said.strip() or 'without a word'}); nothing was written"
            )
        return crc32


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A written file: its size; for each payload, offset, length, uncompressed length, CRC32."""

    size: int
    blocks: tuple[tuple[int, int, int, int], ...]


def stored_crc32(data: Content) -> int:
    """The CRC32 of compressed bytes."""
    found = 0
    for chunk in data.chunks():
        found = zlib.crc32(chunk, found)
    return found


def write_container(
    stream: BinaryIO,
    container: Framing,
    payloads: Iterable[Payload],
    grown: Callable[[int], None] = lambda _size: None,
) -> WrittenFile:
    """Writes payloads in their framing. Calls `grown` with the number of bytes written so far."""
    position = 0
    found = []

    def write(data: bytes) -> None:
        nonlocal position
        stream.write(data)
        position += len(data)

    write(container.head())
    for payload in payloads:
        if payload.stored is not None and stored_crc32(payload.data) != payload.stored:
            raise ToolError(
                "the compressed base does not match its index, at the block that goes to byte "
                f"{position} of the image; run compress again"
            )
        before, after = container.block(payload.data.size, payload.uncompressed, payload.crc32)
        write(before)
        found.append((position, payload.data.size, payload.uncompressed, payload.crc32))
        copy(payload.data, stream)
        position += payload.data.size
        write(after)
        grown(position)
    write(container.tail())
    grown(position)
    return WrittenFile(position, tuple(found))
