"""Modes as chmod(1) reads them, owners as chown(1) does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call
from tools.sysimage.core.errors import ToolError

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[0-7]+|[rwxXst]*))+)")
_ACTION = re.compile(r"([-+=])([ugo](?=[-+=]|$)|[0-7]+|[rwxXst]*)")
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777}
_WHAT = {"r": 0o444, "w": 0o222, "x": 0o111, "X": 0, "s": 0o6000, "t": 0o1000}
_COPIED = {"u": 0o700, "g": 0o070, "o": 0o007}
_ALL = 0o7777


class BadModeError(Exception):
    """A word that is no mode."""


@dataclass(frozen=True, slots=True)
class _Change:
    operator: str
    affected: int  # bits of who is named, 0 for nobody
    value: int
    mentioned: int  # bits that a directory's setuid and setgid are not kept for
    copied: bool = False  # whether the value are bits of the old mode to copy
    conditional: bool = False  # X


@dataclass(frozen=True, slots=True)
class Mode:
    """A change of modes."""

    changes: Sequence[_Change]

    def apply(self, old: int, umask: int, *, is_directory: bool) -> int:
        """Returns the new mode."""
        new = old
        for change in self.changes:
            omitted = 0o6000 & ~change.mentioned if is_directory else 0
            value = change.value
            if change.copied:
                value &= new
                for bits in (0o444, 0o222, 0o111):
                    value |= bits if value & bits else 0
            if change.conditional and (is_directory or new & 0o111):
                value |= 0o111
            value &= (change.affected or ~umask) & ~omitted
            if change.operator == "=":
                new = new & ((~change.affected if change.affected else 0) | omitted) | value
            elif change.operator == "+":
                new |= value
            else:
                new &= ~value
        return new


def mode(text: str) -> Mode:
    """Reads a mode, octal or symbolic. Raises BadModeError."""
    if re.fullmatch("[0-7]+", text):
        value = int(text, 8)
        if value > _ALL:
            raise BadModeError(text)
        mentioned = value & 0o6000 | 0o1777 if len(text) < 5 else _ALL
        return Mode([_Change("=", _ALL, value, mentioned)])
    changes = []
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise BadModeError(text)
        who = 0
        for letter in match[1]:
            who |= _WHO[letter]
        for operator, what in _ACTION.findall(match[2]):
            changes.append(_change(text, who, operator, what))
    return Mode(changes)


def _change(text: str, who: int, operator: str, what: str) -> _Change:
    if what.isdigit():
        if who or int(what, 8) > _ALL:
            raise BadModeError(text)
        return _Change(operator, _ALL, int(what, 8), _ALL)
    copied = what in _COPIED
    value = _COPIED.get(what, 0)
    for letter in "" if copied else what:
        value |= _WHAT[letter]
    return _Change(operator, who, value, who & value if who else value, copied, "X" in what)


def owner(call: Call, text: str, *, group_only: bool = False) -> tuple[int | None, int | None]:
    """Reads "user", "user:group", "user:", ":group", "user.group"; returns numbers, None for what stays.

    Raises ToolError, with the message of chown(1), if there is no such user or group.
    """
    if group_only:
        return None, _group(call, text)
    user, separator, group = text.partition(":")
    if not separator and "." in user and call.root.uid(user) is None:
        user, separator, group = text.partition(".")
    uid = None
    if user:
        uid = call.root.uid(user.removeprefix("+"))
        if uid is None:
            raise ToolError(f"invalid user: '{text}'")
    if not separator:
        return uid, None
    if group:
        return uid, _group(call, group, text)
    return (uid, _login_group(call, user) if user else None)


def _group(call: Call, name: str, text: str = "") -> int | None:
    if not name:
        return None
    gid = call.root.gid(name.removeprefix("+"))
    if gid is None:
        raise ToolError(f"invalid group: '{text or name}'")
    return gid


def _login_group(call: Call, user: str) -> int:
    for line in call.root.text("etc/passwd").splitlines():
        fields = line.split(":")
        if len(fields) > 3 and user in (fields[0], fields[2]):
            return int(fields[3])
    raise ToolError(f"invalid spec: '{user}:'")
