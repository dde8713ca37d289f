"""mtree manifests: what is in an image, one path a line, for people and for diff(1)."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from tools.sysimage.tree import Inode, Kind, Tree

# vis(3) in octal, as mtree(5) asks: what is no graphic ASCII character, the backslash and "#".
_PLAIN = frozenset(range(0x21, 0x7F)) - {ord("\\"), ord("#")}
_PLAIN_TEXT = re.compile(r'[!"$-\[\]-~]*')


def write(tree: Tree, out: BinaryIO, digests: Mapping[Inode, str] | None = None) -> None:
    """Writes the manifest of a tree after mtree(5): full paths, one a line, keywords in a fixed order.

    `digests` are the SHA-256 of files, in hex, where they are known; the content of others is read.
    """
    known = digests or {}
    out.write(b"#mtree\n")
    names: dict[Inode, int] = {}
    for _, inode in tree.walk():
        names[inode] = names.get(inode, 0) + 1
    for path, inode in tree.walk():
        words = " ".join(keywords(inode, names[inode], known.get(inode)))
        out.write(f"{_quote('./' + path if path else '.')} {words}\n".encode())


def keywords(inode: Inode, links: int = 1, sha256: str | None = None) -> Iterator[str]:
    """The keywords of one path, for instance "type=file", "mode=0644", "sha256digest=…"."""
    yield f"type={inode.kind.value}"
    yield f"mode={inode.mode:04o}"
    yield f"uid={inode.uid}"
    yield f"gid={inode.gid}"
    if inode.kind is Kind.FILE:
        if links > 1:
            yield f"nlink={links}"
        yield f"size={inode.content.size}"
        yield f"sha256digest={sha256 or _digest(inode)}"
    elif inode.kind is Kind.SYMLINK:
        yield f"link={_quote(inode.target)}"
    elif inode.kind in (Kind.CHARACTER, Kind.BLOCK):
        yield f"device=linux,{inode.device[0]},{inode.device[1]}"
    for name in sorted(inode.xattrs):
        # Not in mtree(5) of the BSDs; libarchive's writers have no keyword either. Hex keeps every byte.
        yield f"xattr.{_quote(name).replace('=', '\\075')}={inode.xattrs[name].hex()}"


def _digest(inode: Inode) -> str:
    digest = hashlib.sha256()
    for chunk in inode.content.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _quote(text: str) -> str:
    if _PLAIN_TEXT.fullmatch(text):
        return text
    return "".join(
        chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape")
    )
