"""The root filesystem of an OCI image: its layers, checked, unpacked and applied in order (layer.md)."""

import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Sparse
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import layer, oci, tar
from tools.sysimage.formats.blob import Budget, Layer, LimitError, decompressor, open_blob, unpack

LIMIT = 64 << 30  # bytes


def load(
    layout: Path,
    platform: oci.Platform,
    files: ExitStack,
    scratch: Path,
    limit: int = LIMIT,
    warn: Callable[[str], None] = lambda _text: None,
) -> Tree:
    """The filesystem of the layout's image for `platform`.

    `warn` is told of a layer that closes the root to all but its owner, or puts a directory in the place of a
    link at the top, behind which the files of lower layers vanish.

    Each layer is read once, several side by side. `limit` is in bytes, for all layers together. The contents
    of the tree are in files that stay open as long as `files`, partly in temporary ones in `scratch`.

    Raises ToolError if `layout` is no image layout, or the image is damaged or breaks layer.md.
    """
    image = oci.ImageLayout(layout).image(platform)
    tree = Tree()
    budget = Budget(limit)
    # Closing stops the other layers as soon as one is refused.
    with closing(_unpacked(image.layers, files, scratch, budget)) as unpacked:
        for item, stream in unpacked:
            before = _top(tree)
            layer.apply(tree, _entries(stream, item.where, budget), item.where)
            for text in _oddities(before, _top(tree)):
                warn(f"{item.where}: {text}")
    return tree


def _top(tree: Tree) -> dict[str, Inode]:
    return {path: tree[path] for path in ("", *tree.children(""), *tree.children("var"))}


def _oddities(before: Mapping[str, Inode], after: Mapping[str, Inode]) -> Iterator[str]:
    """What a layer does to the top of a tree that is hardly meant."""
    root = after[""]
    if root is not before[""] and (root.mode & 0o005 != 0o005 or root.uid):
        yield (
            f"it gives the root directory the mode {root.mode:04o} and the owner {root.uid}, with which no "
            "other user can open a file; if that is not meant, leave ./ out of the layer or give it 0755"
        )
    for path, old in before.items():
        new = after.get(path)
        if old.kind is Kind.SYMLINK and new is not None and new.kind is Kind.DIRECTORY:
            yield (
                f"it makes /{path}, a link to {old.target}, a directory of its own, so that the files below "
                f"{old.target} are not found in /{path} any more; put the layer's files there instead"
            )


def _unpacked(
    layers: Sequence[Layer], files: ExitStack, scratch: Path, budget: Budget
) -> Generator[tuple[Layer, BinaryIO]]:
    """Each layer, checked, with its tar in a file that can seek: its blob, or a temporary file."""
    sources = [files.enter_context(open_blob(item.blob, item.descriptor, item.where)) for item in layers]
    tars = [
        cast(BinaryIO, files.enter_context(tempfile.TemporaryFile(dir=scratch)))
        if decompressor(source)
        else source
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
            # A sparse map of a few bytes can describe a file of any length.
            try:
                budget.spend(entry.inode.content.size, where)
            except LimitError as error:
                raise ToolError(f"{error} (at the entry {entry.path!r})") from error
        yield entry
