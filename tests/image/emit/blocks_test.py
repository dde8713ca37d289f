"""Where an image is cut into blocks."""

import hashlib
import io
from pathlib import Path

from tools.sysimage.core.span import Span
from tools.sysimage.core.tree import Inode, Kind, Tree, file, symlink
from tools.sysimage.formats import tar
from tools.sysimage.image import blocks

SIZE = 8192


def tree_of(**paths: Inode) -> Tree:
    tree = Tree()
    for path, inode in paths.items():
        tree.put(path, inode)
    return tree


def cut(tree: Tree) -> list[blocks.Block]:
    return blocks.split(blocks.items(tree.walk()), SIZE)


def joined(parts: list[blocks.Block], digests: blocks.Digests | None = None) -> bytes:
    found: blocks.Digests = {} if digests is None else digests
    return b"".join(data for block in parts for data in blocks.BlockPiece(block, found).chunks())


def big(path: Path, data: bytes) -> Inode:
    path.write_bytes(b"before" + data)
    return Inode(Kind.FILE, 0o644, content=Span(path.open("rb"), 6, len(data)))


def test_the_blocks_together_are_the_tar(tmp_path: Path) -> None:
    linked = file(b"linked")
    tree = tree_of(
        a=file(b"1"), b=linked, c=linked, d=symlink("/" + "x" * 200), e=big(tmp_path / "big", bytes(30000))
    )
    out = io.BytesIO()
    tar.write(tree, out)
    assert joined(cut(tree)) + tar.END == out.getvalue()


def test_pieces_say_their_size(tmp_path: Path) -> None:
    tree = tree_of(a=file(b"1"), e=big(tmp_path / "big", bytes(30001)), f=file(b"x" * 512))
    for block in cut(tree):
        assert blocks.BlockPiece(block, {}).size == len(joined([block]))


def test_blocks_end_between_entries() -> None:
    tree = tree_of(**{f"f{number:02}": file(b"x" * 3000) for number in range(10)})
    parts = cut(tree)
    assert [len(block.items) for block in parts] == [3, 2, 2, 2, 2]  # the root comes with the first
    assert all(joined([block])[257:262] == b"ustar" for block in parts)


def test_a_large_file_fills_blocks_of_its_own(tmp_path: Path) -> None:
    tree = tree_of(a=file(b"1"), b=big(tmp_path / "big", bytes(SIZE * 3)), c=file(b"2"))
    assert [block.part for block in cut(tree)] == [
        None,
        (0, SIZE),
        (SIZE, 2 * SIZE),
        (2 * SIZE, 3 * SIZE),
        None,
    ]


def test_digests_are_noted_while_blocks_are_read(tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    tree = tree_of(a=file(b"1"), b=big(tmp_path / "big", content))
    digests: blocks.Digests = {}
    joined(cut(tree), digests)
    assert digests == {
        tree["a"]: hashlib.sha256(b"1").hexdigest(),
        tree["b"]: hashlib.sha256(content).hexdigest(),
    }
