"""Access control lists of tmpfiles.d(5): acl(5), stored as Linux does (posix_acl_xattr.h)."""

import struct

from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.effects.root import Root

_TAGS = {"user": (0x01, 0x02), "group": (0x04, 0x08), "mask": (0x10, 0x10), "other": (0x20, 0x20)}
_LONG = {"u": "user", "g": "group", "m": "mask", "o": "other"}
_NO_ID = 0xFFFFFFFF
_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_VERSION = 2

type _Entries = dict[tuple[int, int], int]  # permissions by tag and number


def change(root: Root, inode: Inode, text: str, *, append: bool) -> None:
    """Sets what a text says, or adds it with `append`; nothing if it names somebody who is not there."""
    access: _Entries = {}
    default: _Entries = {}
    for entry in text.split(","):
        fields = [part.strip() for part in entry.split(":")]
        into = access
        if fields[0] in ("d", "default"):
            into, fields = default, fields[1:]
        read = _entry(root, inode, fields)
        if read is None:
            return
        into.update([read])
    for name, entries in ((_ACCESS, access), (_DEFAULT, default)):
        if not entries or (name == _DEFAULT and inode.kind is not Kind.DIRECTORY):
            continue
        whole = {**(_stored(inode, name) if append else {}), **entries}
        for tag, shift in ((0x01, 6), (0x04, 3), (0x20, 0)):
            whole.setdefault((tag, _NO_ID), inode.mode >> shift & 7)
        if any(tag in (0x02, 0x08) for tag, _ in whole) and (0x10, _NO_ID) not in entries:
            mask = 0
            for (tag, _), bits in whole.items():
                mask |= bits if tag in (0x02, 0x04, 0x08) else 0
            whole[0x10, _NO_ID] = mask
        packed = b"".join(
            struct.pack("<HHI", tag, bits, number) for (tag, number), bits in sorted(whole.items())
        )
        inode.xattrs = {**inode.xattrs, name: struct.pack("<I", _VERSION) + packed}


def _entry(root: Root, inode: Inode, fields: list[str]) -> tuple[tuple[int, int], int] | None:
    kind = _LONG.get(fields[0], fields[0]) if fields else ""
    if kind not in _TAGS or len(fields) not in (2, 3):
        return None
    whole, named = _TAGS[kind]
    name, letters = fields[-2] if len(fields) == 3 else "", fields[-1]
    number: int | None = _NO_ID
    if name:
        number = root.uid(name) if kind == "user" else root.gid(name) if kind == "group" else None
    if number is None or letters.strip("rwxX-"):
        return None
    bits = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in letters)
    if "X" in letters and (inode.kind is Kind.DIRECTORY or inode.mode & 0o111):
        bits |= 1
    return (named if name else whole, number), bits


def _stored(inode: Inode, name: str) -> _Entries:
    data = inode.xattrs.get(name, b"")[4:]
    return {(tag, number): bits for tag, bits, number in struct.iter_unpack("<HHI", data)}
