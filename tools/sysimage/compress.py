"""compress: a flat base is compressed once, for all images on it, with an index of its blocks.

What emit gets is a whole image of the base alone and beside it where each block is. As long as a block's
entries stay as they are, emit copies it; so a changed orchestrator costs what the orchestrator costs.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from tools.sysimage import atomic, blocks, tar
from tools.sysimage.codec import CODECS, Compressor, Payload, Program, tool_argv, write_container
from tools.sysimage.errors import ToolError, run
from tools.sysimage.tree import Inline, Inode, Span

_VERSION = 1


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
    """A block of a compressed base: `compressed` bytes at `offset`, without what the container adds."""

    offset: int
    compressed: int
    uncompressed: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Index:
    """What is known of a compressed base."""

    compression: str
    base: str  # SHA-256 of the headers of all entries: of which base it is
    size: int  # bytes of the compressed base
    records: tuple[Record, ...]  # one for each block that `blocks.cut` makes of the base
    digests: tuple[str, ...]  # SHA-256 of each entry's data, in the base's order

    def dump(self) -> bytes:
        """The index as JSON."""
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=1).encode() + b"\n"


def load(path: Path, compression: str, entries: Sequence[blocks.Item], image: BinaryIO) -> Index:
    """Reads the index of the compressed base `image`, which has these entries.

    Raises ToolError if it is no index, or that of another base, image or compression.
    """
    try:
        value = json.loads(path.read_bytes())
        if value.pop("version") != _VERSION:
            raise ValueError("another version")
        records = tuple(Record(**record) for record in value.pop("records"))
        index = Index(records=records, digests=tuple(value.pop("digests")), **value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(f"{path}: is no index of a compressed base ({error}); run compress again") from error
    fits = (
        index.compression == compression
        and index.base == identity(entries)
        and index.size == image.seek(0, 2)
        and len(index.records) == len(blocks.cut(entries, blocks.SIZE))
        and len(index.digests) == len(with_data(entries))
    )
    if not fits:
        raise ToolError(f"{path}: is the index of another base or compression; run compress again")
    return index


def with_data(entries: Sequence[blocks.Item]) -> list[Inode]:
    """The files whose content follows their entry, in order."""
    return [entry.inode for entry in entries if entry.data]


def identity(entries: Sequence[blocks.Item]) -> str:
    """What tells one base from another: a digest of the headers of its entries.

    Contents are not read again for it: of the same length and under the same names, they would have to
    come from an index and a base that were mixed up by hand.
    """
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(entry.header)
    return digest.hexdigest()


def compress(base: Path, program: Program, output: Path, index: Path) -> None:
    """Writes the compressed base and its index, both or none. Raises ToolError as emit does."""
    with (
        base.open("rb") as stream,
        atomic.outputs(output, index) as [out, index_out],
    ):
        tree = tar.load(stream, str(base))
        entries = blocks.items(tree.walk())
        digests: blocks.Digests = {}
        pieces = [blocks.BlockPiece(block, digests) for block in blocks.cut(entries, blocks.SIZE)]
        payloads = Compressor(program, output.parent).run([*pieces, Inline(tar.END)])
        written = write_container(out, program.codec.container(), payloads)
        records = tuple(Record(*fields) for fields in written.blocks[:-1])  # without the end marker
        known = tuple(digests[inode] for inode in with_data(entries))
        index_out.write(Index(program.codec.name, identity(entries), written.size, records, known).dump())


def payload(stream: BinaryIO, record: Record) -> Payload:
    """A block of a compressed base that is open as `stream`."""
    span = Span(stream, record.offset, record.compressed)
    return Payload(span, record.uncompressed, record.crc32)


if __name__ == "__main__":
    run(main)
