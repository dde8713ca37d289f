"""compress: compresses a flat base once for all images on it, and writes an index of its blocks.

The result is a whole image of the base alone; the index says where its blocks are. emit copies each block
whose entries do not change, so after a change of the orchestrator, only the orchestrator is compressed
again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import run
from tools.sysimage.core.span import Inline
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.formats import tar
from tools.sysimage.image import base_index, blocks
from tools.sysimage.image.codec import CODECS, CompressionCommand, Compressor, write_container


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
    program = CompressionCommand(CODECS[options.compression], tool_argv(options.tool), options.jobs)
    compress(options.base, program, options.output, options.index)
    return 0


def compress(base: Path, program: CompressionCommand, output: Path, known: Path) -> None:
    """Writes the compressed base and its index `known`, both or none. Raises ToolError as emit does."""
    with (
        base.open("rb") as stream,
        atomic.outputs(output, known) as [out, index_out],
    ):
        parts = base_index.uncompressed(stream, str(base))
        pieces = (blocks.BlockPiece(block, parts.digests) for block, _ in parts.payloads)
        payloads = Compressor(program, output.parent).run([*pieces, Inline(tar.END)])
        written = write_container(out, program.codec.container(), payloads)
        index_out.write(base_index.dump(parts, stream, out, program.codec.name, written))


if __name__ == "__main__":
    run(main)
