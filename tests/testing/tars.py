"""Tar archives in memory, also such as no tar program would write."""

import io
import tarfile
from collections.abc import Mapping
from typing import Literal

type Entry = tuple[tarfile.TarInfo, bytes]


def entry(
    name: str,
    data: bytes | None = None,
    *,
    kind: bytes = tarfile.REGTYPE,
    mode: int | None = None,
    uid: int = 0,
    gid: int = 0,
    link: str = "",
    pax: Mapping[str, str] | None = None,
) -> Entry:
    """One entry: a file with `data`, a directory if the name ends with a slash, else what `kind` says."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if name.endswith("/") and kind == tarfile.REGTYPE else kind
    info.mode = mode if mode is not None else (0o755 if info.type == tarfile.DIRTYPE else 0o644)
    info.uid, info.gid, info.linkname = uid, gid, link
    info.pax_headers = dict(pax or {})
    content = data or b""
    info.size = len(content)
    return info, content


def symlink(name: str, target: str) -> Entry:
    """A symbolic link."""
    return entry(name, kind=tarfile.SYMTYPE, link=target)


def hardlink(name: str, target: str) -> Entry:
    """A hard link."""
    return entry(name, kind=tarfile.LNKTYPE, link=target)


def tar(*entries: Entry, format: Literal[0, 1, 2] = tarfile.PAX_FORMAT, end: bool = True) -> bytes:
    """An archive of these entries, in this order; without its end marker if `end` is false."""
    out = io.BytesIO()
    for info, content in entries:
        out.write(info.tobuf(format, "utf-8", "surrogateescape"))
        out.write(content + bytes(-len(content) % 512))
    return out.getvalue() + (bytes(1024) if end else b"")
