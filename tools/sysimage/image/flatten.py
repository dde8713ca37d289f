"""flatten: an image of an OCI image layout becomes one deterministic tar of its root filesystem."""

import argparse
import os
import tempfile
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Sparse, Tree
from tools.sysimage.formats import layer, oci, tar
from tools.sysimage.formats.blob import Budget, Layer, LimitError, engine, open_blob, unpack

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
    tree = Tree()
    budget = Budget(limit)
    # Closed at once where a layer is refused, so that others are not unpacked for nothing.
    with closing(_unpacked(image.layers, files, scratch, budget)) as unpacked:
        for item, stream in unpacked:
            layer.apply(tree, _entries(stream, item.where, budget), item.where)
    return tree


def _unpacked(
    layers: Sequence[Layer], files: ExitStack, scratch: Path, budget: Budget
) -> Generator[tuple[Layer, BinaryIO]]:
    """Each layer with its tar, checked, in a file that can be sought: its blob, or a temporary file."""
    sources = [files.enter_context(open_blob(item.blob, item.descriptor, item.where)) for item in layers]
    tars = [
        cast(BinaryIO, files.enter_context(tempfile.TemporaryFile(dir=scratch))) if engine(source) else source
        for source in sources
    ]
    with ThreadPoolExecutor(os.process_cpu_count()) as pool:
        running = [
            pool.submit(unpack, source, item, budget, None if out is source else out)
            for source, item, out in zip(sources, layers, tars, strict=True)
        ]
        try:
            for item, out, future in zip(layers, tars, running, strict=True):
                future.result()
                yield item, out
        except OSError as error:
            error.filename = error.filename or str(scratch)
            raise
        except ToolError as error:
            budget.stop()
            pool.shutdown(cancel_futures=True)
            where = error.where if isinstance(error, LimitError) else item.where
            name = tar.broken_at(
                next(out for item, out in zip(layers, tars, strict=True) if item.where == where)
            )
            raise ToolError(f"{error} (in or after the entry {name!r})" if name else str(error)) from error
        finally:
            budget.stop()
            pool.shutdown(cancel_futures=True)


def _entries(stream: BinaryIO, where: str, budget: Budget) -> Iterator[tar.Entry]:
    stream.seek(0)
    for entry in tar.read(stream, where, layer=True):
        if entry.inode and isinstance(entry.inode.content, Sparse):
            # A few bytes of a map can stand for a file of any length.
            try:
                budget.spend(entry.inode.content.size, where)
            except LimitError as error:
                raise ToolError(f"{error} (at the entry {entry.path!r})") from error
        yield entry


if __name__ == "__main__":
    run(main)
