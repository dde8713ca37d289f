"""flatten: an image of an OCI image layout becomes one deterministic tar of its root filesystem."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage import atomic, layer, oci, tar
from tools.sysimage.blob import Budget, Layer, engine, open_blob, unpack
from tools.sysimage.errors import ToolError, run
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

    Each layer is read once, several side by side. Those that are compressed are unpacked to temporary files
    without a name beside `output`. `limit` is in bytes, for all layers together. Raises ToolError for what is
    no image layout, is damaged, or breaks layer.md.
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
    budget = Budget(limit)
    tree = Tree()
    with ThreadPoolExecutor(os.process_cpu_count()) as pool:
        try:
            layers = [pool.submit(_unpack, item, files, scratch, budget) for item in image.layers]
            for item, unpacked in zip(image.layers, layers, strict=True):
                layer.apply(tree, _entries(unpacked.result(), item.where, budget), item.where)
        finally:
            budget.stop()
            pool.shutdown(cancel_futures=True)
    return tree


def _unpack(item: Layer, files: ExitStack, scratch: Path, budget: Budget) -> BinaryIO:
    """A layer's tar, checked, as a file that can be sought: its blob, or a temporary file if that is packed."""
    source = files.enter_context(open_blob(item.blob, item.descriptor, item.where))
    out = None
    if engine(source):
        out = cast(BinaryIO, files.enter_context(tempfile.TemporaryFile(dir=scratch)))
    try:
        unpack(source, item, budget, out)
    except ToolError as error:
        name = tar.broken_at(out or source)
        raise ToolError(f"{error} (in or after the entry {name!r})" if name else str(error)) from error
    except OSError as error:
        error.filename = error.filename or str(scratch)
        raise
    return out or source


def _entries(stream: BinaryIO, where: str, budget: Budget) -> Iterator[tar.Entry]:
    stream.seek(0)
    for entry in tar.read(stream, where, layer=True):
        if entry.inode and isinstance(entry.inode.content, Sparse):
            # A few bytes of a map can stand for a file of any length.
            budget.spend(entry.inode.content.size, f"{where}: entry {entry.path!r}")
        yield entry


if __name__ == "__main__":
    run(main)
