"""emit: a flat base and an overlay become the system image, with its digests, manifest and contents file."""

import argparse
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run, warn
from tools.sysimage.core.span import Content, Inline, Span
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.formats import layer, mtree, tar
from tools.sysimage.image import base_index, blocks, contents
from tools.sysimage.image.codec import (
    CODECS,
    CompressionCommand,
    Compressor,
    FastPiece,
    Payload,
    Piece,
    write_container,
)

# An overlay of at most 1/16 of the base is compressed quickly, since somebody waits for it at each change of
# an orchestrator. The image gets half a percent larger at most.
_SMALL = 16
_KINDS = frozenset({Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK})


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `emit`."""
    parser = argparse.ArgumentParser(prog="emit", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--base", type=Path, required=True, help="flat tar of the base, from flatten")
    parser.add_argument("--overlay", type=Path, required=True, help="overlay tar, from inject")
    parser.add_argument(
        "--compressed", type=Path, nargs="+", help="the base's slots, from compress; needs --index"
    )
    parser.add_argument("--index", type=Path, help="the index of the base, from cut")
    parser.add_argument("--compression", choices=sorted(CODECS), default="xz")
    parser.add_argument("--tool", type=Path, help='JSON {"argv": […]}: how the compressor is started')
    parser.add_argument("--output", type=Path, required=True, help="image to write")
    parser.add_argument("--sha256", type=Path, required=True, help="its SHA-256, as sha256sum(1) writes it")
    parser.add_argument("--sha384", type=Path, required=True, help="its SHA-384, as sha384sum(1) writes it")
    parser.add_argument("--mtree", type=Path, required=True, help="manifest of what is in it")
    parser.add_argument(
        "--contents", type=Path, required=True, help="JSON: sizes, packages, origins of paths"
    )
    parser.add_argument(
        "--losses",
        choices=("warn", "error", "ignore"),
        default="warn",
        help="what to do if a loader that knows plain tar alone would lose something",
    )
    parser.add_argument("--jobs", type=int, help="compressors at a time; default: one a core")
    options = parser.parse_args(argv)
    if bool(options.compressed) != bool(options.index):
        parser.error("--compressed and --index belong together")
    emit(
        options.base,
        options.overlay,
        CompressionCommand(CODECS[options.compression], tool_argv(options.tool), options.jobs),
        Outputs(options.output, options.sha256, options.sha384, options.mtree, options.contents),
        Compressed(tuple(options.compressed), options.index) if options.index else None,
        options.losses,
    )
    return 0


@dataclass(frozen=True, slots=True)
class Compressed:
    """What compress made of the base's slots, and the index that cut made."""

    slots: tuple[Path, ...]
    index: Path


@dataclass(frozen=True, slots=True)
class Outputs:
    """What emit writes."""

    image: Path
    sha256: Path
    sha384: Path
    mtree: Path
    contents: Path


def emit(
    base: Path,
    overlay: Path,
    program: CompressionCommand,
    outputs: Outputs,
    compressed: Compressed | None = None,
    losses: str = "ignore",
) -> None:
    """Writes the image: the base without what the overlay hides or replaces, then the overlay.

    The bytes are the same with and without `compressed`, which has to be of this base; with it, blocks of
    the base that keep all their entries are copied. All files appear together, or none. Raises ToolError for
    a tar that is not one of flatten's or inject's, for what no first-stage loader can unpack, and if the
    compressor fails.
    """
    with ExitStack() as files:
        base_file = files.enter_context(base.open("rb"))
        overlay_file = files.enter_context(overlay.open("rb"))
        if compressed:
            made = [files.enter_context(path.open("rb")) for path in compressed.slots]
            parts = base_index.load(compressed.index, base_file, made, program.codec.name)
        else:
            parts = base_index.uncompressed(base_file, str(base))
        layer.apply(parts.tree, tar.read(overlay_file, str(overlay)), str(overlay))
        paths = list(parts.tree.walk())
        _check(paths)
        _tell(paths, losses, outputs.image.name)
        _write(parts, paths, program, outputs)


def _write(
    base: base_index.Base, paths: Sequence[tuple[str, Inode]], program: CompressionCommand, outputs: Outputs
) -> None:
    before = {entry.path: entry for entry in base.entries}
    added = {path for path, inode in paths if path not in before or before[path].inode is not inode}
    compressor = Compressor(program, outputs.image.parent)
    with ExitStack() as files:
        image, sha256, sha384, manifest, listing = files.enter_context(
            atomic.outputs(outputs.image, outputs.sha256, outputs.sha384, outputs.mtree, outputs.contents)
        )
        digests = [_Digest(image, name, _thread(files)) for name in ("sha256", "sha384")]
        writer = _thread(files)
        # Entered last, so left first: after a failure, it stops before the threads are waited for.
        files.enter_context(compressor)

        def grown(size: int) -> None:
            for digest in digests:
                digest.grown(size)

        payloads = compressor.run(_pieces(base, before, paths))
        writing = writer.submit(write_container, image, program.codec.container(), payloads, grown)
        # While the writer runs: the part that needs no digests.
        about = contents.listing(paths, base.tree, added)
        written = writing.result()
        mtree.write(paths, manifest, base.digests)
        found = [digest.result() for digest in digests]
        for out, digest in zip((sha256, sha384), found, strict=True):
            out.write(f"{digest}  {outputs.image.name}\n".encode("utf-8", "surrogateescape"))
        size = sum(uncompressed for _, _, uncompressed, _ in written.blocks)
        facts = contents.ImageFacts(outputs.image.name, program.codec.name, written.size, size, *found)
        contents.write(facts, about, listing)


def _thread(files: ExitStack) -> ThreadPoolExecutor:
    """A pool of one thread, which is shut down with `files`; work that is still queued then is cancelled."""
    pool = ThreadPoolExecutor(1)
    files.callback(pool.shutdown, cancel_futures=True)
    return pool


class _Digest:
    """The digest, in hex, of a file while it is written; `pool` has one thread, for this digest alone."""

    def __init__(self, file: BinaryIO, name: str, pool: ThreadPoolExecutor) -> None:
        self._file, self._pool, self._digest = file, pool, hashlib.new(name)
        self._size = 0
        self._work: list[Future[None]] = []

    def grown(self, size: int) -> None:
        """Takes the bytes that were added to the file, which has `size` bytes now."""
        self._work.append(self._pool.submit(self._update, Span(self._file, self._size, size - self._size)))
        self._size = size

    def result(self) -> str:
        """The digest of all bytes that it took."""
        for work in self._work:
            work.result()
        return self._digest.hexdigest()

    def _update(self, span: Span) -> None:
        for chunk in span.chunks():
            self._digest.update(chunk)


def _check(paths: Iterable[tuple[str, Inode]]) -> None:
    for path, inode in paths:
        if inode.kind not in _KINDS:
            raise ToolError(
                f"{path!r}: is a {inode.kind.value} node, and plain tar in a stage1 makes an empty file of "
                "it; leave it out of the base: devices and fifos are made at boot"
            )


def _tell(paths: Iterable[tuple[str, Inode]], losses: str, image: str) -> None:
    """Tells what a loader loses that knows plain tar alone. Raises ToolError if that is an error."""
    if losses == "ignore":
        return
    found: dict[str, list[str]] = {}
    for path, inode in paths:
        for name in inode.xattrs:
            found.setdefault(f"the attribute {name}", []).append(path)
        if inode.uid or inode.gid:
            found.setdefault("the owner", []).append(path)
        if inode.mode & 0o6000 and inode.kind is Kind.FILE:
            found.setdefault("the setuid or setgid bit", []).append(path)
    if not found:
        return
    parts = []
    for what, lost in found.items():
        shown = ", ".join([*(f"/{path}" for path in lost[:3]), *(["…"] if len(lost) > 3 else [])])
        parts.append(f"{what} of {len(lost)} path{'s' if len(lost) > 1 else ''} ({shown})")
    text = f"{image}: a loader that knows plain tar alone loses {'; '.join(parts)}"
    if losses == "error":
        raise ToolError(f'{text}; change that in the image, have it made at boot, or say losses = "warn"')
    warn(f'{text}; if nothing depends on it, say losses = "ignore"')


def _pieces(
    base: base_index.Base, before: Mapping[str, blocks.BlockEntry], paths: Iterable[tuple[str, Inode]]
) -> Iterator[Piece]:
    """The pieces of the tar: the base's blocks, some of them compressed already, then the overlay's."""
    kept: list[tuple[str, Inode]] = []
    added: list[tuple[str, Inode]] = []
    for path, inode in paths:
        old = before[path].inode if path in before else None
        # A directory that only changes owner or mode keeps its place before what is in it.
        stays = inode is old or bool(old and old.kind is inode.kind is Kind.DIRECTORY)
        (kept if stays else added).append((path, inode))
    staying = {path for path, _ in kept}
    entries = {item.path: item for item in blocks.items(kept + added, before)}
    size = 0
    for block, payload in base.payloads:
        left = tuple(entries[item.path] for item in block.items if item.path in staying)
        if payload and left == block.items:
            pieces: list[Content | Payload] = [payload]
        elif left and block.part:
            pieces = [blocks.BlockPiece(blocks.Block(left, block.part), base.digests)]
        else:
            # The first name of a large file may be gone, and its next name has the content now.
            pieces = [blocks.BlockPiece(part, base.digests) for part in blocks.split(left, blocks.SIZES.part)]
        size += sum(_size(piece) for piece in pieces)
        yield from pieces
    overlay = [
        blocks.BlockPiece(block, base.digests)
        for block in blocks.split_overlay([entries[path] for path, _ in added])
    ]
    quick = sum(piece.size for piece in overlay) * _SMALL <= size
    yield from (FastPiece(piece) if quick else piece for piece in overlay)
    yield base.end or Inline(tar.END)


def _size(piece: Content | Payload) -> int:
    return piece.uncompressed if isinstance(piece, Payload) else piece.size


if __name__ == "__main__":
    run(main)
