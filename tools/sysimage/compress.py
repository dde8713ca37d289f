"""compress: a flat base is compressed once, for all images on it, with an index of its blocks.

What emit gets is a whole image of the base alone and beside it where each block is. As long as a block's
entries stay as they are, emit copies it; so a changed orchestrator costs what the orchestrator costs.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from tools.sysimage import atomic, blocks, tar
from tools.sysimage.codec import CODECS, Compressor, Payload, Program, tool_argv, write_container
from tools.sysimage.errors import ToolError, run
from tools.sysimage.tree import Inline, Inode, Span

_VERSION = 2


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `compress`."""
    parser = argparse.ArgumentParser(prog="compress", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--base", type=Path, required=True, help="flat tar of the base, from flatten")
    parser.add_argument("--compression", choices=sorted(CODECS), default="xz")
    parser.add_argument("--tool", type=Path, help='JSON {"argv": […]}: how the compressor is started')
    parser.add_argument("--output", type=Path, required=True, help="compressed base to write")
    parser.add_argument("--index", type=Path, required=True, help="JSON to write: where its blocks are")
    parser.add_argument("--jobs", type=int, help="compressors at a time; default: one a core")
    options = parser.parse_args(argv)
    program = Program(CODECS[options.compression], tool_argv(options.tool), options.jobs)
    compress(options.base, program, options.output, options.index)
    return 0


@dataclass(frozen=True, slots=True)
class Record:
    """A block of a compressed base: `compressed` bytes at `offset`, without what the container adds.

    It has the next `entries` entries; or, of one large file, the part of its content from `start` to `end`.
    The last record has none: it is the end marker.
    """

    offset: int
    compressed: int
    uncompressed: int
    crc32: int
    entries: int
    part: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """What is known of a compressed base."""

    compression: str
    base: str  # SHA-256 of the headers of all entries, as the flat tar has them: of which base it is
    size: int  # bytes of the compressed base
    records: tuple[Record, ...]
    digests: tuple[str, ...]  # SHA-256 of each entry's data, in the base's order

    def dump(self) -> bytes:
        """The index as JSON."""
        return json.dumps({"version": _VERSION, **asdict(self)}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Base:
    """A base in blocks, for each its payload if it is compressed already; and that of the end marker."""

    cut: Sequence[blocks.Block]
    payloads: Sequence[Payload | None]
    end: Payload | None
    digests: blocks.Digests  # what is known of its files


def plain(entries: Sequence[blocks.Item]) -> Base:
    """A base of which nothing is compressed yet."""
    cut = blocks.cut(entries, blocks.SIZE)
    return Base(cut, [None] * len(cut), None, {})


def load(path: Path, image: BinaryIO, compression: str, base: str, entries: Sequence[blocks.Item]) -> Base:
    """Reads the index of the compressed base `image`; the flat one has these entries and headers (`base`).

    What the headers' digest does not tell apart are files of other content under the same names and of the
    same length. They would have to come from an index and a base that were mixed up by hand.

    Raises ToolError if it is no index, or that of another base, image or compression.
    """
    try:
        value = json.loads(path.read_bytes())
        if value.pop("version") != _VERSION:
            raise ValueError("another version")
        records = tuple(Record(**record) for record in value.pop("records"))
        index = Index(records=records, digests=tuple(value.pop("digests")), **value)
        cut = list(_blocks(records[:-1], entries))
        *payloads, end = [_payload(image, record) for record in records]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(f"{path}: is no index of a compressed base ({error}); run compress again") from error
    files = _with_data(entries)
    fits = (
        (index.compression, index.base, index.size) == (compression, base, image.seek(0, 2))
        and sum(len(block.items) for block in cut if not block.part or not block.part[0]) == len(entries)
        and len(index.digests) == len(files)
    )
    if not fits:
        raise ToolError(f"{path}: is the index of another base or compression; run compress again")
    return Base(cut, payloads, end, dict(zip(files, index.digests, strict=True)))


def _blocks(records: Sequence[Record], entries: Sequence[blocks.Item]) -> Iterator[blocks.Block]:
    at = 0
    for record in records:
        start, end = record.part or (0, 0)
        if start:
            at -= 1  # one more part of the same file
        yield blocks.Block(tuple(entries[at : at + record.entries]), (start, end) if record.part else None)
        at += record.entries


def _with_data(entries: Sequence[blocks.Item]) -> list[Inode]:
    """The files whose content follows their entry, in order."""
    return [entry.inode for entry in entries if entry.data]


def compress(base: Path, program: Program, output: Path, index: Path) -> None:
    """Writes the compressed base and its index, both or none. Raises ToolError as emit does."""
    with (
        base.open("rb") as stream,
        atomic.outputs(output, index) as [out, index_out],
    ):
        headers = hashlib.sha256()
        entries = blocks.items(tar.load(stream, str(base), headers=headers).walk())
        digests: blocks.Digests = {}
        cut = blocks.cut(entries, blocks.SIZE)
        pieces = (blocks.BlockPiece(block, digests) for block in cut)
        payloads = Compressor(program, output.parent).run([*pieces, Inline(tar.END)])
        written = write_container(out, program.codec.container(), payloads)
        records = tuple(
            Record(*fields, len(block.items), block.part)
            for fields, block in zip(written.blocks, [*cut, blocks.Block(())], strict=True)
        )
        known = tuple(digests[inode] for inode in _with_data(entries))
        made = Index(program.codec.name, headers.hexdigest(), written.size, records, known)
        index_out.write(made.dump())


def _payload(stream: BinaryIO, record: Record) -> Payload:
    """A block of a compressed base that is open as `stream`."""
    span = Span(stream, record.offset, record.compressed)
    return Payload(span, record.uncompressed, record.crc32)


if __name__ == "__main__":
    run(main)
