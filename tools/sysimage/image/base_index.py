"""The index of a base that is cut: its entries, and which of its blocks they are in.

With the index, emit splices an image out of the base without reading the flat tar's headers, which would take
longer than all the rest. JSON:

    {"version": 4, "base": SHA-256 of the flat one without the contents of its files,
     "blocks": [[slot, size, crc32, entries, [start, end] or null], …],
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
from tools.sysimage.image import blocks, slots
from tools.sysimage.image.codec import Payload

_VERSION = 4
_HARD = "hard"
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Row:
    """Where a block is: the number of its slot; its size in bytes and CRC32."""

    slot: int
    size: int
    crc32: int


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
    found = blocks.cut(entries, blocks.SIZES)
    return Base(tree, entries, [(block, None) for block in found], None, {})


def dump(base: Base, flat: BinaryIO, rows: Sequence[Row]) -> bytes:
    """The index of a base that is open as `flat`, with a row for each block and for the end marker.

    Raises ToolError for an entry that flatten would not write.
    """
    ends = [*(block for block, _ in base.payloads), blocks.Block(())]
    value = {
        "version": _VERSION,
        "base": _headers(flat, base.entries),
        "blocks": [
            [row.slot, row.size, row.crc32, len(block.items), block.part]
            for row, block in zip(rows, ends, strict=True)
        ],
        "entries": [_row(item, base.digests) for item in base.entries],
    }
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


def load(path: Path, flat: BinaryIO, compressed: Sequence[BinaryIO], compression: str) -> Base:
    """Reads the index of the base that is open as `flat`; `compressed` are its slots.

    Raises ToolError if the file is no index, or the index of another base, or the slots are others. Changed
    contents of files are found later, when a block is made of them.
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
        rows = [Row(*row[:3]) for row in value["blocks"]]
        cut = list(_blocks(value["blocks"], entries))
        known = value["base"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(f"{path}: is no index of a base that is cut ({error}); run cut again") from error
    if known != _headers(flat, entries):
        raise ToolError(f"{path}: is the index of another base; run cut again")
    *payloads, end = _payloads(rows, compressed, compression)
    return Base(tree, entries, list(zip(cut, payloads, strict=True)), end, digests)


def _payloads(rows: Sequence[Row], compressed: Sequence[BinaryIO], compression: str) -> list[Payload]:
    """The blocks' payloads, each from its slot. Raises ToolError for slots of another base."""
    found = []
    where = ""
    try:
        left = [slots.payloads(stream, compression) for stream in compressed]
        for row in rows:
            where = compressed[row.slot].name
            payload = next(left[row.slot], None)
            if payload is None or (payload.uncompressed, payload.crc32) != (row.size, row.crc32):
                raise ValueError("it has other blocks")
            found.append(payload)
        for stream, rest in zip(compressed, left, strict=True):
            where = stream.name
            if next(rest, None):
                raise ValueError("it has more blocks")
    except (ValueError, IndexError) as error:
        raise ToolError(
            f"{where}: does not match the index of the compressed base ({error}); run compress again"
        ) from error
    return found


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


def _blocks(rows: Iterable[list[Any]], entries: Sequence[blocks.BlockEntry]) -> Iterator[blocks.Block]:
    """The blocks, without the end marker."""
    at = 0
    *made, (_, _, _, last, _) = rows
    for _, _, _, count, part in made:
        start, end = part or (0, 0)
        if start:
            at -= 1  # one more part of the same file
        yield blocks.Block(tuple(entries[at : at + count]), (start, end) if part else None)
        at += count
    if (at, last) != (len(entries), 0):
        raise ValueError("not all entries are in a block")
