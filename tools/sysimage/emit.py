"""emit: a flat base and an overlay become the system image, with its digests, manifest and contents file."""

import argparse
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.sysimage import atomic, blocks, compress, contents, layer, mtree, tar
from tools.sysimage.codec import CODECS, Compressor, Payload, Program, tool_argv, write_container
from tools.sysimage.errors import ToolError, run
from tools.sysimage.tree import Content, Inline, Inode, Kind, Span

_KINDS = frozenset({Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK})


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `emit`."""
    parser = argparse.ArgumentParser(prog="emit", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--base", type=Path, required=True, help="flat tar of the base, from flatten")
    parser.add_argument("--overlay", type=Path, required=True, help="overlay tar, from inject")
    parser.add_argument("--compressed", type=Path, help="the base as compress made it; needs --index")
    parser.add_argument("--index", type=Path, help="the index that compress made with it")
    parser.add_argument("--compression", choices=sorted(CODECS), default="xz")
    parser.add_argument("--tool", type=Path, help='JSON {"argv": […]}: how the compressor is started')
    parser.add_argument("--output", type=Path, required=True, help="image to write")
    parser.add_argument("--sha256", type=Path, required=True, help="its SHA-256, as sha256sum(1) writes it")
    parser.add_argument("--sha384", type=Path, required=True, help="its SHA-384, as sha384sum(1) writes it")
    parser.add_argument("--mtree", type=Path, required=True, help="manifest of what is in it")
    parser.add_argument(
        "--contents", type=Path, required=True, help="JSON: sizes, packages, origins of paths"
    )
    parser.add_argument("--jobs", type=int, help="compressors at a time; default: one a core")
    options = parser.parse_args(argv)
    if bool(options.compressed) != bool(options.index):
        parser.error("--compressed and --index belong together")
    emit(
        options.base,
        options.overlay,
        Program(CODECS[options.compression], tool_argv(options.tool), options.jobs),
        Outputs(options.output, options.sha256, options.sha384, options.mtree, options.contents),
        Compressed(options.compressed, options.index) if options.compressed and options.index else None,
    )
    return 0


@dataclass(frozen=True, slots=True)
class Compressed:
    """What compress made of the base."""

    image: Path
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
    program: Program,
    outputs: Outputs,
    compressed: Compressed | None = None,
) -> None:
    """Writes the image: the base without what the overlay hides or replaces, then the overlay.

    The bytes are the same with and without `compressed`; with it, blocks of the base that keep all their
    entries are copied. All files appear together, or none. Raises ToolError for a tar that is not one of
    flatten's or inject's, for what no first-stage loader can unpack, and if the compressor fails.
    """
    with ExitStack() as files:
        base_file = files.enter_context(base.open("rb"))
        overlay_file = files.enter_context(overlay.open("rb"))
        headers = hashlib.sha256()
        tree = tar.load(base_file, str(base), headers=headers)
        entries = blocks.items(tree.walk())
        layer.apply(tree, tar.read(overlay_file, str(overlay)), str(overlay))
        paths = list(tree.walk())
        _check(paths)
        if compressed:
            made = files.enter_context(compressed.image.open("rb"))
            name = program.codec.name
            parts = compress.load(compressed.index, made, name, headers.hexdigest(), entries)
        else:
            parts = compress.plain(entries)
        before = {entry.path: entry for entry in entries}
        added = {path for path, inode in paths if path not in before or before[path].inode is not inode}
        image, sha256, sha384, manifest, listing = files.enter_context(
            atomic.outputs(outputs.image, outputs.sha256, outputs.sha384, outputs.mtree, outputs.contents)
        )
        compressor = Compressor(program, outputs.image.parent)
        with ThreadPoolExecutor() as pool, compressor:
            payloads = compressor.run(_pieces(parts, before, paths))
            writing = pool.submit(write_container, image, program.codec.container(), payloads)
            # Meanwhile, what needs no digests.
            about = contents.listing(paths, tree, added)
            written = writing.result()
            names = [pool.submit(_digest, image, written.size, name) for name in ("sha256", "sha384")]
            mtree.write(paths, manifest, parts.digests)
            found = [name.result() for name in names]
        for out, name in zip((sha256, sha384), found, strict=True):
            out.write(f"{name}  {outputs.image.name}\n".encode("utf-8", "surrogateescape"))
        size = sum(uncompressed for _, _, uncompressed, _ in written.blocks)
        facts = contents.Image(outputs.image.name, program.codec.name, written.size, size, *found)
        contents.write(facts, about, listing)


def _digest(file: BinaryIO, size: int, name: str) -> str:
    digest = hashlib.new(name)
    for chunk in Span(file, 0, size).chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _check(paths: Iterable[tuple[str, Inode]]) -> None:
    for path, inode in paths:
        if inode.kind not in _KINDS:
            raise ToolError(
                f"{path!r}: is a {inode.kind.value} node, and plain tar in a stage1 makes an "
                "empty file of it; leave it out of the base, devices and fifos are made at boot"
            )


def _pieces(
    base: compress.Base, before: Mapping[str, blocks.Item], paths: Iterable[tuple[str, Inode]]
) -> Iterator[Content | Payload]:
    """The pieces of the tar: the base's blocks, the payloads of which may be made already; the overlay's."""
    kept: list[tuple[str, Inode]] = []
    added: list[tuple[str, Inode]] = []
    for path, inode in paths:
        old = before[path].inode if path in before else None
        # A directory that only changes owner or mode keeps its place before what is in it.
        stays = inode is old or bool(old and old.kind is inode.kind is Kind.DIRECTORY)
        (kept if stays else added).append((path, inode))
    staying = {path for path, _ in kept}
    entries = {item.path: item for item in blocks.items(kept + added, before)}
    for block, payload in zip(base.cut, base.payloads, strict=True):
        left = tuple(entries[item.path] for item in block.items if item.path in staying)
        if payload and left == block.items:
            yield payload
        elif left and block.part:
            yield blocks.BlockPiece(blocks.Block(left, block.part), base.digests)
        else:
            # A name of a large file can have got its content from one that is gone.
            for part in blocks.cut(left, blocks.SIZE):
                yield blocks.BlockPiece(part, base.digests)
    for block in blocks.cut_overlay([entries[path] for path, _ in added]):
        yield blocks.BlockPiece(block, base.digests)
    yield base.end or Inline(tar.END)


if __name__ == "__main__":
    run(main)
