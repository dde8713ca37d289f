"""Cuts a tar into blocks that are compressed independently, at the same places for the same base.

The tar of an image has the entries of its base, in the base's order and without those that the overlay
removes or replaces, and then the entries that the overlay adds. The base alone decides where blocks end. So
a block that keeps all its entries has the same bytes in every image on the base.

Where blocks end follows from paths and sizes of the entries near by, never from how many there are before: a
file more or less moves the boundaries beside it, and no others.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import CHUNK, Span, sha256
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.formats import tar
from tools.sysimage.formats.tarformat import BLOCK


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of tar. `least` + `alone` ≤ `most` ≤ `part`."""

    least: int  # in a block
    most: int  # in a block
    alone: int  # a file that is larger is a block by itself
    part: int  # one that is larger is cut into parts, all of about the same length


# Of vanilla, blocks of 16 MiB are 1.0 % larger than one of all, these 2.8 %, such of 2 to 6 MiB 3.3 %.
SIZES = Sizes(3 << 20, 8 << 20, 5 << 20, 16 << 20)

# Configuration and records come before and after these, and change more often.
_PROGRAMS = "usr"

type Digests = dict[Inode, str]  # of each file: SHA-256, in hex


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """An entry as it is written: a path with its inode, or, with `link`, a hard link to that path."""

    path: str
    inode: Inode
    link: str | None

    @property
    def header(self) -> bytes:
        """The bytes before the content. They are made on demand, since most are never needed."""
        return tar.header(self.path, self.inode, self.link)

    @property
    def data(self) -> bool:
        """Whether the inode's content follows the header."""
        return self.link is None and self.inode.kind is Kind.FILE

    def size(self) -> int:
        """Bytes in the tar."""
        content = self.inode.content.size if self.data else 0
        return len(self.header) + content + -content % BLOCK


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive entries; or a part, from `start` to `end`, of the content of one large file."""

    items: tuple[BlockEntry, ...]
    part: tuple[int, int] | None = None


def items(
    paths: Iterable[tuple[str, Inode]], known: Mapping[str, BlockEntry] | None = None
) -> list[BlockEntry]:
    """The entries for these paths; the second and further names of an inode become hard links.

    Where `known`, by path, has the same entry, it is taken from there.
    """
    first: dict[Inode, str] = {}
    found = []
    for path, inode in paths:
        name = first.setdefault(inode, path) if inode.kind is not Kind.DIRECTORY else path
        link = None if name == path else name
        item = known.get(path) if known else None
        if item is None or item.inode is not inode or item.link != link:
            item = BlockEntry(path, inode, link)
        found.append(item)
    return found


def cut(entries: Sequence[BlockEntry], sizes: Sizes) -> list[Block]:
    """Cuts a base into blocks, at boundaries of its entries; a large file is one by itself, or several."""
    blocks: list[Block] = []
    run: list[tuple[BlockEntry, int]] = []
    programs = False
    for entry in entries:
        size = entry.size()
        before, programs = programs, entry.path.partition("/")[0] == _PROGRAMS
        if size > sizes.alone or before != programs:
            blocks += _windows(run, sizes)
            run = []
        if size > sizes.alone:
            blocks += _parts(entry, size, sizes.part)
        else:
            run.append((entry, size))
    return [*blocks, *_windows(run, sizes)]


def _windows(run: Sequence[tuple[BlockEntry, int]], sizes: Sizes) -> Iterator[Block]:
    """Cuts entries, each with its size: of the boundaries where a block can end, at the one of best rank."""
    start = 0
    while start < len(run):
        candidates, length = [], 0
        for place in range(start, len(run)):
            if length >= sizes.least:
                candidates.append(place)
            length += run[place][1]
            if length > sizes.most:
                end = min(candidates, key=lambda place: _rank(run[place][0].path))
                break
        else:
            end = len(run)
        yield Block(tuple(entry for entry, _ in run[start:end]))
        start = end


def _rank(path: str) -> tuple[int, bytes]:
    """Between folders rather than in them; there, by chance, which is the same for the same path."""
    return path.count("/"), hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()


def _parts(entry: BlockEntry, size: int, most: int) -> list[Block]:
    if size <= most or not entry.data or not isinstance(entry.inode.content, Span):
        return [Block((entry,))]
    content = entry.inode.content.size
    count = -(-content // most)
    step = -(-content // count)
    return [Block((entry,), (start, min(start + step, content))) for start in range(0, content, step)]


def split(entries: Sequence[BlockEntry], size: int) -> list[Block]:
    """Splits entries into blocks of at most about `size` bytes, at their boundaries.

    A larger file fills blocks of its own, all of about the same length.
    """
    blocks: list[Block] = []
    open_block: list[BlockEntry] = []
    length = 0
    for entry in entries:
        entry_size = entry.size()
        if open_block and length + entry_size > size:
            blocks.append(Block(tuple(open_block)))
            open_block, length = [], 0
        if entry_size > size:
            blocks += _parts(entry, entry_size, size)
        else:
            open_block.append(entry)
            length += entry_size
    if open_block:
        blocks.append(Block(tuple(open_block)))
    return blocks


def split_overlay(entries: Sequence[BlockEntry]) -> list[Block]:
    """Splits an overlay's entries into smaller blocks than a base's, since each change waits for them.

    So an orchestrator of a few MB keeps several cores busy. For a large overlay, the size counts more.
    """
    total = sum(entry.size() for entry in entries)
    return split(entries, min(SIZES.part, max(SIZES.part // 16, total // 8)))


@dataclass(frozen=True, slots=True)
class BlockPiece:
    """A block's bytes. Reading them notes the digests of its files in `digests`.

    Raises ToolError if `digests` has another digest of a file already: the file is not the compressed one.
    """

    block: Block
    digests: Digests = field(repr=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        if self.block.part is None:
            return sum(item.size() for item in self.block.items)
        item, (start, end) = self.block.items[0], self.block.part
        content = item.inode.content.size
        padding = -content % BLOCK if end == content else 0
        return (0 if start else len(item.header)) + end - start + padding

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes in parts of about CHUNK: headers and small files together."""
        buffer = bytearray()
        for data in self._data():
            buffer += data
            if len(buffer) >= CHUNK:
                yield bytes(buffer)
                buffer.clear()
        if buffer:
            yield bytes(buffer)

    def _data(self) -> Iterator[bytes]:
        if self.block.part is not None:
            yield from self._part(self.block.items[0], *self.block.part)
            return
        for item in self.block.items:
            yield item.header
            if item.data:
                digest = hashlib.sha256()
                for chunk in item.inode.content.chunks():
                    digest.update(chunk)
                    yield chunk
                yield bytes(-item.inode.content.size % BLOCK)
                self._note(item, digest.hexdigest())

    def _part(self, item: BlockEntry, start: int, end: int) -> Iterator[bytes]:
        content = item.inode.content
        assert isinstance(content, Span)
        if not start:
            # Parts are read side by side, but a digest needs the bytes in their order.
            self._note(item, sha256(content))
            yield item.header
        yield from Span(content.file, content.offset + start, end - start).chunks()
        if end == content.size:
            yield bytes(-content.size % BLOCK)

    def _note(self, item: BlockEntry, digest: str) -> None:
        if self.digests.setdefault(item.inode, digest) != digest:
            raise ToolError(
                f"{item.path}: the base has not the content that was compressed; run compress again"
            )
