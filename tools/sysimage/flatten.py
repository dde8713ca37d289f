"""flatten: an image of an OCI image layout becomes one deterministic tar of its root filesystem."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage import atomic, layer, oci, tar
from tools.sysimage.errors import run
from tools.sysimage.tree import Sparse, Tree

_LIMIT = 64 << 30  # bytes


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `flatten`."""
    parser = argparse.ArgumentParser(prog="flatten", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--layout", type=Path, required=True, help="directory of the OCI image layout")
    parser.add_argument("--output", type=Path, required=True, help="tar to write")
    parser.add_argument("--os", default="", help="operating system of the image, if there are several")
    parser.add_argument("--architecture", default="", help="architecture, as Go names it: amd64, arm64")
    parser.add_argument("--variant", default="", help="variant of the architecture: v8")
    parser.add_argument(
        "--limit", type=int, default=_LIMIT, metavar="BYTES", help="refuse an image that unpacks to more"
    )
    options = parser.parse_args(argv)
    platform = oci.Platform(options.os, options.architecture, options.variant)
    flatten(options.layout, platform, options.output, options.limit)
    return 0


def flatten(layout: Path, platform: oci.Platform, output: Path, limit: int = _LIMIT) -> None:
    """Writes the filesystem of the layout's image for `platform` to the tar `output`.

    Each layer is read once. The content of files stays in layers that are not compressed; else it goes to
    a temporary file without a name beside `output`. `limit` is in bytes, for all layers together.
    Raises ToolError for what is no image layout, is damaged, or breaks layer.md.
    """
    with ExitStack() as files:
        tree = load(layout, platform, files, output.parent, limit)
        with atomic.output(output) as stream:
            tar.write(tree, stream)


def load(layout: Path, platform: oci.Platform, files: ExitStack, scratch: Path, limit: int = _LIMIT) -> Tree:
    """The filesystem of the layout's image for `platform`, as `flatten` describes it.

    The content of its files is in files that stay open as long as `files`; those that are temporary are in
    the folder `scratch`.
    """
    image = oci.Layout(layout).image(platform)
    budget = oci.Budget(limit)
    spool = files.enter_context(tempfile.TemporaryFile(dir=scratch))
    tree = Tree()
    for item in image.layers:
        blob = files.enter_context(oci.open_blob(item))
        layer.apply(tree, _entries(blob, item, budget, cast(BinaryIO, spool)), item.where)
    return tree


def _entries(blob: BinaryIO, item: oci.Layer, budget: oci.Budget, spool: BinaryIO) -> Iterator[tar.Entry]:
    compressed = oci.compression(blob) != ""
    source = oci.LayerStream(blob, item, budget)
    entries = tar.read(
        cast(BinaryIO, source),
        item.where,
        spool if compressed else None,
        backing=None if compressed else blob,
        layer=True,
    )
    for entry in entries:
        if entry.inode and isinstance(entry.inode.content, Sparse):
            # A few bytes of a map can stand for a file of any length.
            budget.spend(entry.inode.content.size, item.where)
        yield entry
    source.drain()


if __name__ == "__main__":
    run(main)
