"""The index of a compressed base: its entries, and which of its blocks they are in.

With the index, emit splices an image out of the base without reading the flat tar's headers, which would take
longer than all the rest. JSON:

    {"version": 2, "compression": …, "size": bytes of the compressed base,
     "base": SHA-256 of the flat one without the contents of its files,
     "blocks": [[offset, compressed, uncompressed, crc32, entries, [start, end] or null], …],
     "entries": [[path, type, …], …]}

A block holds the next `entries` entries; or a part of one large file, its bytes from `start` to `end`. The
last block is the end marker. An entry of type "hard", a hard link, has the earlier path. Every other entry
has mode, uid, gid and extended attributes (name → hex). After these, a file has the offset of its content in
the flat tar, its size and its SHA-256; a symbolic link has its target; a device has major and minor.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Inline, Span
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import tar
from tools.sysimage.image import blocks
from tools.sysimage.image.codec import Payload, WrittenFile, stored_crc32

_VERSION = 3
_HARD = "hard"
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Base:
    """A flat base in blocks."""

    tree: Tree
    entries: Sequence[blocks.BlockEntry]
    payloads: Sequence[tuple[blocks.Block, Payload | None]]  # each block with its payload, if that is made
    end: Payload | None  # the end marker's
    digests: blocks.Digests  # what is known of the files


def uncompressed(stream: BinaryIO, where: str) -> Base:
    """The base in a flat tar, nothing of it compressed yet. Raises ToolError as `tar.load` does."""
    tree = tar.load(stream, where)
    entries = blocks.items(tree.walk())
    return Base(tree, entries, [(block, None) for block in blocks.split(entries, blocks.SIZE)], None, {})


def dump(base: Base, flat: BinaryIO, compressed: BinaryIO, compression: str, written: WrittenFile) -> bytes:
    """The index of a base that is open as `flat`, once its blocks and the end marker are in `compressed`.

    Raises ToolError for an entry that flatten would not write.
    """
    rows = [
        [*fields, stored_crc32(Span(compressed, *fields[:2])), len(block.items), block.part]
        for fields, block in zip(
            written.blocks, [*(block for block, _ in base.payloads), blocks.Block(())], strict=True
        )
    ]
    entries = [_row(item, base.digests) for item in base.entries]
    value = {"version": _VERSION, "compression": compression, "size": written.size}
    value |= {"base": _headers(flat, base.entries), "blocks": rows, "entries": entries}
    # Numbers without spaces: a third less to read.
    text = json.dumps(value, separators=(",", ":"))
    return _sealed(text.encode()) + b"\n"


def _sealed(text: bytes) -> bytes:
    """An object's JSON with the digest of itself as its first field."""
    return b'{"sha256":"' + hashlib.sha256(text).hexdigest().encode() + b'",' + text[1:]


def _row(item: blocks.BlockEntry, digests: blocks.Digests) -> list[Any]:
    inode = item.inode
    if item.link is not None:
        return [item.path, _HARD, item.link]
    xattrs = {name: value.hex() for name, value in inode.xattrs.items()}
    row = [item.path, inode.kind.value, inode.mode, inode.uid, inode.gid, xattrs]
    if inode.kind is Kind.SYMLINK:
        row += [inode.target]
    elif inode.kind is Kind.FILE:
        content = inode.content
        if content.size and not isinstance(content, Span):
            raise ToolError(f"{item.path}: is a sparse file, which flatten does not write; run flatten again")
        row += [content.offset if isinstance(content, Span) else 0, content.size, digests[inode]]
    elif inode.kind in (Kind.CHARACTER, Kind.BLOCK):
        row += inode.device
    return row


def load(path: Path, flat: BinaryIO, compressed: BinaryIO, compression: str) -> Base:
    """Reads the index of the base that is open as `flat` and as `compressed`.

    Raises ToolError if the file is no index, or the index of another base or compression. Changed contents of
    files are found later, when a block is made of them.
    """
    try:
        data = path.read_bytes().rstrip(b"\n")
        value = json.loads(data)
        if value["version"] != _VERSION:
            raise ValueError("another version")
        start = len(_sealed(b"{"))
        if _sealed(b"{" + data[start:]) != data:
            raise ValueError("its own digest is another")
        tree, digests = Tree(), dict[Inode, str]()
        entries = [_item(row, tree, flat, digests) for row in value["entries"]]
        *made, (_, end) = _blocks(value["blocks"], entries, compressed)
        known = (value["compression"], value["base"], value["size"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(f"{path}: is no index of a compressed base ({error}); run compress again") from error
    if known != (compression, _headers(flat, entries), compressed.seek(0, 2)):
        raise ToolError(f"{path}: is the index of another base or compression; run compress again")
    return Base(tree, entries, made, end, digests)


def _headers(flat: BinaryIO, entries: Sequence[blocks.BlockEntry]) -> str:
    """SHA-256 of a flat tar without the contents of its files: it tells one base from another."""
    digest = hashlib.sha256()
    spans = [item.inode.content for item in entries if item.data]
    places = sorted((span.offset, span.size) for span in spans if isinstance(span, Span))
    end = 0
    for offset, size in [*places, (flat.seek(0, 2), 0)]:
        for chunk in Span(flat, end, max(0, offset - end)).chunks():
            digest.update(chunk)
        end = offset + size
    return digest.hexdigest()


def _item(row: list[Any], tree: Tree, flat: BinaryIO, digests: blocks.Digests) -> blocks.BlockEntry:
    path, name, *fields = row
    if name == _HARD:
        [link] = fields
        inode = tree[link]
    else:
        mode, uid, gid, xattrs, *more = fields
        link, kind = None, _KINDS[name]
        inode = Inode(kind, mode, uid, gid, origin=flat.name)
        if xattrs:
            inode.xattrs = {key: bytes.fromhex(value) for key, value in xattrs.items()}
        if kind is Kind.FILE:
            offset, size, digests[inode] = more
            inode.content = Span(flat, offset, size) if size else Inline(b"")
        elif kind is Kind.SYMLINK:
            [inode.target] = more
        elif kind in (Kind.CHARACTER, Kind.BLOCK):
            major, minor = more
            inode.device = (major, minor)
    tree.put(path, inode)
    return blocks.BlockEntry(path, inode, link)


def _blocks(
    rows: Iterable[list[Any]], entries: Sequence[blocks.BlockEntry], compressed: BinaryIO
) -> Iterator[tuple[blocks.Block, Payload]]:
    at = 0
    for offset, size, uncompressed, crc32, stored, count, part in rows:
        start, end = part or (0, 0)
        if start:
            at -= 1  # one more part of the same file
        block = blocks.Block(tuple(entries[at : at + count]), (start, end) if part else None)
        yield block, Payload(Span(compressed, offset, size), uncompressed, crc32, stored)
        at += count
    if at != len(entries):
        raise ValueError("not all entries are in a block")
