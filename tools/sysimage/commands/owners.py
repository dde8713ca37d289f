"""Users and groups as chown(1) and its like read and write them, by the tree's /etc/passwd and /etc/group."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.sysimage.effects.root import Root

_MAX_ID = 2**32 - 2


@dataclass(frozen=True, slots=True)
class Owner:
    """The numbers of a user and a group; None where one is to stay."""

    uid: int | None = None
    gid: int | None = None
    user: str = ""  # as it is given
    group: str = ""


class BadOwnerError(Exception):
    """Text that names no user or group. Its first argument is what chown(1) says: "invalid user"."""


def parse(root: Root, text: str) -> Owner:
    """Reads USER, USER:, USER:GROUP, :GROUP (or a dot for the colon). Raises BadOwnerError."""
    user, colon, group = text.partition(":")
    try:
        return _parse(root, user, colon, group)
    except BadOwnerError:
        if colon or "." not in text:
            raise
        # A name with a dot in it comes first.
        user, dot, group = text.partition(".")
        try:
            return _parse(root, user, dot, group)
        except BadOwnerError:
            raise BadOwnerError("invalid user") from None


def _parse(root: Root, user: str, colon: str, group: str) -> Owner:
    uid: int | None = None
    gid: int | None = None
    if user:
        entry = _entry(root, "etc/passwd", user)
        uid = int(entry[2]) if entry else _number(user)
        if uid is None:
            raise BadOwnerError("invalid user")
        if colon and not group:
            if entry is None:
                raise BadOwnerError("invalid spec")
            gid = int(entry[3])
            group = group_name(root, gid)
    if group and gid is None:
        gid = parse_group(root, group)
    return Owner(uid, gid, user, group)


def parse_group(root: Root, text: str) -> int:
    """Reads a group's name or number. Raises BadOwnerError."""
    entry = _entry(root, "etc/group", text)
    gid = int(entry[2]) if entry else _number(text)
    if gid is None:
        raise BadOwnerError("invalid group")
    return gid


def user_name(root: Root, uid: int) -> str:
    """Returns the first name that has a number, the number itself if none has it."""
    return _name(root, "etc/passwd", uid) or str(uid)


def group_name(root: Root, gid: int) -> str:
    """Returns the first name that has a number, the number itself if none has it."""
    return _name(root, "etc/group", gid) or str(gid)


def known(root: Root, path: str, number: int) -> bool:
    """Returns whether a number has a name; `path` is "etc/passwd" or "etc/group"."""
    return bool(_name(root, path, number))


def _name(root: Root, path: str, number: int) -> str:
    return next((fields[0] for fields in _entries(root, path) if fields[2] == str(number)), "")


def _entries(root: Root, path: str) -> Iterator[list[str]]:
    for line in root.text(path).splitlines():
        fields = line.split(":")
        if len(fields) > 3 and fields[2].isdigit():
            yield fields


def _entry(root: Root, path: str, name: str) -> list[str] | None:
    return next((fields for fields in _entries(root, path) if fields[0] == name), None)


def _number(text: str) -> int | None:
    digits = text.removeprefix("+").lstrip(" ")
    if not digits.isascii() or not digits.isdigit() or int(digits) > _MAX_ID:
        return None
    return int(digits)
