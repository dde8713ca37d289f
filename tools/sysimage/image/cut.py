"""cut: cuts a flat base into blocks that are compressed independently, and writes an index of them.

The blocks go to a fixed number of files, each of which an action of its own compresses. After a change of the
base, the files are the same whose blocks are.
"""

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.span import Content, Inline
from tools.sysimage.formats import tar
from tools.sysimage.image import base_index, blocks, slots


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `cut`."""
    parser = argparse.ArgumentParser(prog="cut", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--base", type=Path, required=True, help="flat tar of the base, from flatten")
    parser.add_argument("--index", type=Path, required=True, help="JSON to write: what is in the blocks")
    parser.add_argument("--slots", type=Path, required=True, nargs="+", help="files to write the blocks to")
    options = parser.parse_args(argv)
    cut(options.base, options.slots, options.index)
    return 0


def cut(base: Path, files: Sequence[Path], known: Path) -> None:
    """Writes the slots and the index `known`, all or none.

    Raises ToolError for a base that is no tar of flatten's.
    """
    with base.open("rb") as stream, atomic.outputs(known, *files) as [index_out, *out]:
        parts = base_index.uncompressed(stream, str(base))
        pieces: list[Content] = [
            *(blocks.BlockPiece(block, parts.digests) for block, _ in parts.payloads),
            Inline(tar.END),
        ]
        names = [f"{block.items[0].path}\0{block.part}" for block, _ in parts.payloads]
        rows = []
        for slot, piece in zip(slots.assign([*names, ""], len(files)), pieces, strict=True):
            out[slot].write(slots.cut_head(piece.size))
            size = crc32 = 0
            for chunk in piece.chunks():
                out[slot].write(chunk)
                crc32 = zlib.crc32(chunk, crc32)
                size += len(chunk)
            if size != piece.size:
                raise ToolError(f"{base}: it changed while it was read; run cut again")
            rows.append(base_index.Row(slot, size, crc32))
        index_out.write(base_index.dump(parts, stream, rows))


if __name__ == "__main__":
    run(main)
