"""emit: a flat base and an overlay become the system image, its digest file and its mtree manifest."""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.sysimage import atomic, blocks, layer, mtree, tar
from tools.sysimage.codec import CODECS, Compressor, Container, Payload, Piece, Program
from tools.sysimage.errors import ToolError, run
from tools.sysimage.tree import Inline, Inode, Kind, Tree

_KINDS = frozenset({Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK})


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `emit`."""
    parser = argparse.ArgumentParser(prog="emit", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--base", type=Path, required=True, help="flat tar of the base, from flatten")
    parser.add_argument("--overlay", type=Path, required=True, help="overlay tar, from inject")
    parser.add_argument("--compression", choices=sorted(CODECS), default="xz")
    parser.add_argument("--tool", type=Path, help='JSON {"argv": […]}: how the compressor is started')
    parser.add_argument("--output", type=Path, required=True, help="image to write")
    parser.add_argument("--digest", type=Path, required=True, help="its SHA-256, as sha256sum(1) writes it")
    parser.add_argument("--mtree", type=Path, required=True, help="manifest of what is in it")
    parser.add_argument("--jobs", type=int, help="compressors at a time; default: one a core")
    options = parser.parse_args(argv)
    emit(
        options.base,
        options.overlay,
        Program(CODECS[options.compression], tool_argv(options.tool), options.jobs),
        Outputs(options.output, options.digest, options.mtree),
    )
    return 0


def tool_argv(path: Path | None) -> tuple[str, ...]:
    """The command that starts a compressor, from its JSON file; none without one. Raises ToolError."""
    if path is None:
        return ()
    try:
        argv = json.loads(path.read_bytes())["argv"]
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f'{path}: is not {{"argv": […]}} in JSON; write it anew') from error
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        raise ToolError(f"{path}: argv has to be a list of words; write it anew")
    return tuple(argv)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What emit writes."""

    image: Path
    digest: Path
    mtree: Path


def emit(
    base: Path,
    overlay: Path,
    program: Program,
    outputs: Outputs,
) -> None:
    """Writes the image: the base without what the overlay hides or replaces, then the overlay.

    All files appear together, or none. Raises ToolError for a tar that is not one of flatten's or
    inject's, for what no first-stage loader can unpack, and if the compressor fails.
    """
    with ExitStack() as files:
        base_file = files.enter_context(base.open("rb"))
        overlay_file = files.enter_context(overlay.open("rb"))
        tree = tar.load(base_file, str(base))
        order = tree.paths()
        before = {path: tree[path] for path in order}
        layer.apply(tree, tar.read(overlay_file, str(overlay)), str(overlay))
        _check(tree)
        digests: blocks.Digests = {}
        pieces = _pieces(before, order, tree, digests)
        image = files.enter_context(atomic.output(outputs.image))
        digest = files.enter_context(atomic.output(outputs.digest))
        manifest = files.enter_context(atomic.output(outputs.mtree))
        compressor = Compressor(program, outputs.image.parent)
        sha256 = _write(image, program.codec.container(), compressor.run(pieces))
        digest.write(f"{sha256}  {outputs.image.name}\n".encode("utf-8", "surrogateescape"))
        mtree.write(tree, manifest, digests)


def _check(tree: Tree) -> None:
    for path in tree.paths():
        if tree[path].kind not in _KINDS:
            raise ToolError(
                f"{path}: is a {tree[path].kind.value} node, and plain tar in a stage1 makes an "
                "empty file of it; leave it out of the base, devices and fifos are made at boot"
            )


def _pieces(
    before: dict[str, Inode], order: list[str], tree: Tree, digests: blocks.Digests
) -> Iterator[Piece | Payload]:
    """The pieces of the tar: the base's blocks, then the overlay's."""

    def stays(path: str) -> bool:
        old, new = before[path], tree.get(path)
        # A directory that only changes owner or mode keeps its place before what is in it.
        return new is old or bool(new and old.kind is new.kind is Kind.DIRECTORY)

    kept = [path for path in order if stays(path)]
    staying = set(kept)
    added = [path for path in tree.paths() if path not in staying]
    entries = {item.path: item for item in blocks.items(kept + added, tree)}
    for block in blocks.cut(blocks.items(order, before), blocks.SIZE):
        left = tuple(entries[item.path] for item in block.items if item.path in staying)
        if left:
            yield blocks.BlockPiece(blocks.Block(left, block.part), digests)
    for block in blocks.cut([entries[path] for path in added], blocks.SIZE):
        yield blocks.BlockPiece(block, digests)
    yield Inline(tar.END)


def _write(stream: BinaryIO, container: Container, payloads: Iterator[Payload]) -> str:
    """Writes the container; returns the file's SHA-256 in hex."""
    digest = hashlib.sha256()

    def write(data: bytes) -> None:
        digest.update(data)
        stream.write(data)

    write(container.head())
    for payload in payloads:
        before, after = container.block(payload.data.size, payload.uncompressed, payload.crc32)
        write(before)
        for chunk in payload.data.chunks():
            write(chunk)
        write(after)
    write(container.tail())
    return digest.hexdigest()


if __name__ == "__main__":
    run(main)
