"""Lines of sysusers.d(5), as systemd 257 reads them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root
from tools.sysimage.systemd import extract

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f:]")
_NO_NUMBERS = (2**16 - 1, 2**32 - 1)  # of 16 and of 32 bits
_COLUMNS = ("GECOS", "home directory", "login shell")
_FIXED = {"T": "/tmp", "V": "/var/tmp"}
ARCHITECTURES = {"amd64": "x86-64", "arm64": "arm64", "i386": "x86", "armhf": "arm", "riscv64": "riscv64"}
_MACHINES = "AaBbHlMmoqvWw"  # what systemd knows besides; most of it is of the machine that runs


@dataclass(slots=True)
class Item:
    """A line of sysusers.d(5)."""

    kind: str  # "u", "g", "m", "r"
    name: str
    number: str  # of the user, of the group of "g"; the name of the group of "m"; the range of "r"
    group: str = ""  # of "u": a name or a number
    gecos: str = ""
    home: str = ""
    shell: str = ""
    locked: bool = False  # "u!"
    path: str = ""  # whose owner gives the number
    where: str = ""

    def meaning(self) -> tuple[str | bool, ...]:
        """All but where it is: two lines that mean the same are no conflict."""
        return (self.kind, self.name, self.number, self.group, self.gecos, self.home, self.shell, self.path)


def parse(root: Root, line: str, where: str) -> Item:
    """Reads a line of sysusers.d(5). Raises ToolError for what is none, with systemd's reason."""

    def wrong(reason: str) -> ToolError:
        return ToolError(f"{where}: not a line of sysusers.d(5): {reason}: {line!r}; correct it")

    words = _words(line)
    if words is None:
        raise wrong("syntax error")
    if len(words) < 2:
        raise wrong("missing action and name columns")
    if len(words) > 6:
        raise wrong("trailing garbage")
    kind, modifiers = words[0][:1], words[0][1:]
    if modifiers not in ("", "!"):
        raise wrong("unknown modifiers")
    if kind not in ("u", "g", "m", "r"):
        raise wrong("unknown command type")
    if modifiers and kind != "u":
        raise wrong("the flag '!' is of lines of type 'u'")
    words += [""] * (6 - len(words))
    name, number, *rest = ("" if word in ("", "-") else _replaced(root, word, where) for word in words[1:])
    if name and not _NAME.fullmatch(name):
        raise wrong(f"'{name}' is not a valid user or group name")
    for column, text in zip(_COLUMNS, rest, strict=True):
        if _CONTROL.search(text) or (column != "GECOS" and text and not text.startswith("/")):
            raise wrong(f"'{text}' is not a valid {column} field")
        if text and kind != "u":
            raise wrong(f"lines of type '{kind}' have no {column} field")
    gecos, home, shell = rest[0], *(_simple_path(text) for text in rest[1:])
    if shell == "/":
        raise wrong("'/' is not a valid login shell field")
    if any(".." in path.split("/") for path in (home, shell)):
        raise wrong("'..' in a path")
    item = Item(kind, name, number, gecos=gecos, home=home, shell=shell, locked=bool(modifiers), where=where)
    reason = {"u": _user, "g": _group, "m": _member, "r": _range}[kind](item)
    if reason:
        raise wrong(reason)
    return item


def _words(line: str) -> list[str] | None:
    try:
        return list(extract.every(line, extract.Escapes.DROP))
    except extract.WordError:
        return None


def _replaced(root: Root, text: str, where: str) -> str:
    """Replaces the specifiers of systemd that are the same on all machines. Raises ToolError for others."""

    def value(letter: str) -> str | None:
        if letter == "a":
            return ARCHITECTURES[root.architecture]
        if letter not in _FIXED and letter in _MACHINES:
            raise ToolError(f"{where}: the specifier %{letter} is of the machine that runs; write it out")
        return _FIXED.get(letter)

    try:
        return extract.specified(text, value)
    except extract.SpecifierError as error:
        reason = f"failed to replace specifiers in {text!r}, as {error}"
        raise ToolError(f"{where}: not a line of sysusers.d(5): {reason}; correct it") from error


def _simple_path(path: str) -> str:
    """A path without empty components; none is above the root."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    while path and parts[:1] == [".."]:
        del parts[0]
    return f"/{'/'.join(parts)}" if path else ""


def is_number(text: str) -> bool:
    """Whether a text is a number that an account can have."""
    return _NUMBER.fullmatch(text) is not None and int(text) not in _NO_NUMBERS and int(text) < 2**32


def _user(item: Item) -> str:
    if not item.name:
        return "lines of type 'u' have a user's name in the second field"
    if item.number.startswith("/"):
        item.path, item.number = _simple_path(item.number), ""
        return ""
    number, colon, group = item.number.partition(":")
    if colon and not (number and (is_number(group) or _NAME.fullmatch(group))):
        return f"failed to parse GID '{item.number}'"
    item.number, item.group = "" if colon and number == "-" else number, group
    if item.number and not is_number(item.number):
        return f"failed to parse UID '{number}'"
    return ""


def _group(item: Item) -> str:
    if not item.name:
        return "lines of type 'g' have a group's name in the second field"
    if item.number.startswith("/"):
        item.path, item.number = _simple_path(item.number), ""
    elif item.number and not is_number(item.number):
        return f"failed to parse GID '{item.number}'"
    return ""


def _member(item: Item) -> str:
    if not item.name:
        return "lines of type 'm' have a user's name in the second field"
    if not item.number:
        return "lines of type 'm' have a group's name in the third field"
    return "" if _NAME.fullmatch(item.number) else f"'{item.number}' is not a valid user or group name"


def _range(item: Item) -> str:
    if item.name:
        return "lines of type 'r' have no name field"
    if not item.number:
        return "lines of type 'r' have a range of numbers in the third field"
    first, dash, last = item.number.partition("-")
    last = last if dash else first
    if not (is_number(first) and is_number(last) and int(first) <= int(last)):
        return f"invalid range of numbers '{item.number}'"
    item.number = f"{first}-{last}"
    return ""


def lines(text: str) -> Sequence[tuple[int, str]]:
    """The lines of a file that are no comments, and their numbers."""
    found = ((number, line.strip(" \t\n\r")) for number, line in enumerate(text.split("\n"), 1))
    return [(number, line) for number, line in found if line and line[0] != "#"]
