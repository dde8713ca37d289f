"""The message catalog's index, /var/lib/systemd/catalog/database, as `journalctl --update-catalog` writes it.

The format (systemd's catalog.c, "RHHHKSLP"): a header, items sorted by message ID and language, and
the texts, which share their tails.
"""

import re
import struct
import uuid

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root

_FOLDERS = (
    "etc/systemd/catalog",
    "run/systemd/catalog",
    "usr/local/lib/systemd/catalog",
    "usr/lib/systemd/catalog",
)
_DATABASE = "var/lib/systemd/catalog/database"
_HEADER = struct.Struct("<8sB7xQQQ")
_ITEM = struct.Struct("<16s32sQ")


def update(root: Root, who: str) -> None:
    """Writes the index of all *.catalog files. Raises ToolError for one that is no catalog."""
    files: dict[str, str] = {}
    for folder in _FOLDERS:
        for name in root.names(folder, ".catalog"):
            files.setdefault(name, f"{folder}/{name}")
    texts: dict[tuple[bytes, str], str] = {}
    for name in sorted(files):
        _read(root.text(files[name]), _language(name), f"/{files[name]}", texts)
    if not texts:
        return
    table = _Strings()
    items = [(identity, language, table.add(text)) for (identity, language), text in texts.items()]
    items.sort(key=lambda item: (item[0], item[1].encode()))
    data = bytearray(_HEADER.pack(b"RHHHKSLP", 0, _HEADER.size, len(items), _ITEM.size))
    for identity, language, offset in items:
        data += _ITEM.pack(identity, language.encode(), offset)
    data += table.data
    root.write_bytes(_DATABASE, bytes(data), 0o644, who)


def _language(name: str) -> str:
    match = re.search(r"\.([^./]{1,31})\.catalog$", name)
    return match[1] if match else ""


def _read(text: str, language: str, where: str, texts: dict[tuple[bytes, str], str]) -> None:
    """Adds the entries of one file; an entry that is there keeps its text and lends it its headers."""
    key: tuple[bytes, str] | None = None
    lines: list[str] = []
    before_blank = True

    def finish() -> None:
        if key is not None:
            _add(texts, key, "".join(lines))

    for number, line in enumerate(text.splitlines(), 1):
        if not line and not lines:
            before_blank = True
            continue
        if line.startswith(("#", ";")):
            continue
        match = re.fullmatch(r"-- ([0-9a-f]{32})(?: (\S+))?\s*", line)
        if match and before_blank:
            finish()
            key, lines = (uuid.UUID(match[1]).bytes, match[2] or language), []
            before_blank = False
            continue
        if key is None:
            raise ToolError(f"{where}:{number}: text before the first message ID; correct the catalog")
        before_blank = not line
        lines.append(line + "\n")
    finish()


def _add(texts: dict[tuple[bytes, str], str], key: tuple[bytes, str], text: str) -> None:
    text = text.rstrip("\n") + "\n"
    texts.setdefault(key, text)


class _Strings:
    """systemd's strbuf: a string that is the tail of one that is there is not stored again."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")

    def add(self, text: str) -> int:
        encoded = text.encode("utf-8", "surrogateescape")
        found = self.data.find(encoded + b"\0")
        if found >= 0:
            return found
        offset = len(self.data)
        self.data += encoded + b"\0"
        return offset
