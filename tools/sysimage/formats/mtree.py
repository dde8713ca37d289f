"""mtree manifests: what is in an image, one path a line, for people and for diff(1)."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import BinaryIO

from tools.sysimage.core import span
from tools.sysimage.core.tree import Inode, Kind

# All other bytes are written in octal as in vis(3), which mtree(5) asks for.
_PLAIN = frozenset(range(0x21, 0x7F)) - {ord("\\"), ord("#")}
_PLAIN_TEXT = re.compile(r'[!"$-\[\]-~]*')


def write(
    paths: Collection[tuple[str, Inode]], out: BinaryIO, digests: Mapping[Inode, str] | None = None
) -> None:
    """Writes the manifest of a tree's paths as in mtree(5): a full path a line, keywords in a fixed order.

    `digests` has the SHA-256, in hex, of files whose digest is known; other files are read.
    """
    known = digests or {}
    out.write(b"#mtree\n")
    names = Counter(inode for _, inode in paths)
    for path, inode in paths:
        words = " ".join(keywords(inode, names[inode], known.get(inode)))
        out.write(f"{_quote('./' + path if path else '.')} {words}\n".encode())


def keywords(inode: Inode, links: int = 1, sha256: str | None = None) -> list[str]:
    """The keywords of one path, for instance "type=file", "mode=0644", "sha256digest=…"."""
    kind = inode.kind
    words = [f"type={kind.value}", f"mode={inode.mode:04o}", f"uid={inode.uid}", f"gid={inode.gid}"]
    if kind is Kind.FILE:
        if links > 1:
            words.append(f"nlink={links}")
        words += (f"size={inode.content.size}", f"sha256digest={sha256 or span.sha256(inode.content)}")
    elif kind is Kind.SYMLINK:
        words.append(f"link={_quote(inode.target)}")
    elif kind in (Kind.CHARACTER, Kind.BLOCK):
        words.append(f"device=linux,{inode.device[0]},{inode.device[1]}")
    for name in sorted(inode.xattrs) if inode.xattrs else ():
        # Not in mtree(5) of the BSDs; libarchive's writers have no keyword either. Hex keeps every byte.
        words.append(f"xattr.{_quote(name).replace('=', '\\075')}={inode.xattrs[name].hex()}")
    return words


def _quote(text: str) -> str:
    if _PLAIN_TEXT.fullmatch(text):
        return text
    return "".join(
        chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape")
    )
