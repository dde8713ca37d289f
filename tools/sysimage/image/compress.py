"""compress: compresses the blocks in one slot of a base that is cut, for all images on that base.

emit copies each block whose entries do not change, so after a change of the orchestrator, only the
orchestrator is compressed again; after a change of the base, only the slots with the blocks that changed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import run
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.image import slots
from tools.sysimage.image.codec import CODECS, CompressionCommand, Compressor


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `compress`."""
    parser = argparse.ArgumentParser(prog="compress", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--slot", type=Path, required=True, help="blocks, from cut")
    parser.add_argument("--compression", choices=sorted(CODECS), default="xz")
    parser.add_argument("--tool", type=Path, help='JSON {"argv": […]}: how the compressor is started')
    parser.add_argument("--output", type=Path, required=True, help="file to write them to, compressed")
    options = parser.parse_args(argv)
    # Other slots are compressed at the same time.
    program = CompressionCommand(CODECS[options.compression], tool_argv(options.tool), 1)
    compress(options.slot, program, options.output)
    return 0


def compress(slot: Path, program: CompressionCommand, output: Path) -> None:
    """Writes the slot's blocks to `output`, compressed. Raises ToolError as emit does."""
    with slot.open("rb") as stream, atomic.output(output) as out:
        pieces = slots.blocks(stream, str(slot))
        slots.write(out, program.codec.name, Compressor(program, output.parent).run(pieces))


if __name__ == "__main__":
    run(main)
