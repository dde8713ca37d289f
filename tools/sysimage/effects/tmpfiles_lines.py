"""Lines of tmpfiles.d(5), as systemd 257 reads them."""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import partial

from tools.sysimage.effects.root import Root
from tools.sysimage.effects.sysusers_lines import ARCHITECTURES, is_number
from tools.sysimage.systemd import extract

GLOBS = "wemzZtTaAhHxXrR"
"""The types whose path is a pattern (man page: globs)."""
OWNING = "fFdDvqQpLcbCwexXrR"
"""The types of which a path has one only."""
_TYPES = frozenset(GLOBS + OWNING)
_MODIFIERS = "!+-=~^$?"
_CREDENTIAL = re.compile("[ -.0-9;-~]{1,255}")
_PURGED = "fFdDvqQpLbcCwe"
_WITH_ARGUMENT = "wbctTaAhH"
_NO_BASE64 = "LCbctTaAhH"
_VIRTUAL = ("dev", "proc", "sys")
_FIXED = {"T": "/tmp", "V": "/var/tmp", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "t": "/run"}
_FIXED |= {"h": "/root", "g": "root", "G": "0", "u": "root", "U": "0"}
_RELEASE = {
    **{"A": "IMAGE_VERSION", "B": "BUILD_ID", "M": "IMAGE_ID"},
    **{"o": "ID", "w": "VERSION_ID", "W": "VARIANT_ID"},
}
_MACHINES = "bHlqvm"
_UNIT = (
    "seconds|second|sec|s|minutes|minute|min|months|month|M|msec|ms|m|hours|hour|hr|h|days|day|d|weeks|week|w"
    "|years|year|y|usec|us|μs|µs"
)
_SPAN = re.compile(rf"\s*infinity\s*|(?:\s*(?:\+?\d+(?:\.\d*)?|\.\d+)(?:\s*(?:{_UNIT})|\s+|$))+\s*")
_AGE_BY = re.compile("[abcmABCM]+")
_MODE = re.compile(r"[ \t\n\r]*0*([0-7]{1,4})")
_DEVICE = re.compile(r"\d+:\d+")


@dataclass(frozen=True, slots=True)
class Owner:
    """A user or group of a line; `new_only` if it is for what the line makes alone."""

    number: int
    new_only: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of tmpfiles.d(5) that --create has to do something for."""

    type: str
    modifiers: str
    path: str
    mode: int | None
    mode_new_only: bool
    mode_masks: bool
    user: Owner | None
    group: Owner | None
    age: str
    argument: bytes | None

    def meaning(self) -> tuple[object, ...]:
        """What has to be the same in two lines that may both be of one path."""
        mode = self.mode
        if mode is None:
            mode = 0o755 if self.type in "dDvqQ" else 0o644
        modes = (mode, self.mode is None, self.mode_new_only, self.mode_masks)
        return (self.argument or b"", self.user, self.group, modes, self.age)

    @property
    def text(self) -> str:
        """The argument as a text."""
        return (self.argument or b"").decode("utf-8", "surrogateescape")


class InvalidLineError(Exception):
    """A line that systemd-tmpfiles passes over with a complaint, and status 65 at the end."""


class FatalLineError(Exception):
    """A line for which systemd-tmpfiles does nothing at all."""


class _LeftError(Exception):
    """What only the machine knows that runs the image."""


def parse(root: Root, text: str) -> Line | None:
    """Reads a line. None for one that has nothing to do before the boot.

    Raises InvalidLineError, FatalLineError.
    """
    words, rest = _columns(text)
    kind, modifiers = words[0][:1], words[0][1:]
    if not kind:
        raise InvalidLineError(f"Command too short '{words[0]}'.")
    if any(modifier not in _MODIFIERS or modifiers.count(modifier) > 1 for modifier in modifiers):
        raise InvalidLineError(f"Unknown modifiers in command: {words[0]}")
    if "!" in modifiers:
        return None
    try:
        return _line(root, words, rest, kind, modifiers)
    except _LeftError:
        return None
    except extract.SpecifierError as error:
        raise InvalidLineError(f"Failed to replace specifiers: {error}") from error


def _columns(text: str) -> tuple[list[str], str]:
    words: list[str] = []
    rest = text
    try:
        while len(words) < 6:
            word, rest = extract.first(rest, extract.Escapes.C)
            if word is None:
                break
            words.append(word)
    except extract.WordError as error:
        raise InvalidLineError(f"Failed to parse line: {error}") from error
    if len(words) < 2:
        raise InvalidLineError("Syntax error.")
    return words + ["-"] * (6 - len(words)), rest


def _line(root: Root, words: list[str], rest: str, kind: str, modifiers: str) -> Line | None:
    expand = partial(extract.specified, value=partial(_specifier, root))
    path = _path(expand(words[1]))
    argument = None if rest in ("", "-") else rest
    _check_type(kind, modifiers, argument)
    if argument is not None and "~" not in modifiers and kind in "CLfFw":
        unescaped = extract.plain(argument)
        if unescaped is None:
            raise InvalidLineError(f"Failed to unescape parameter to write: {argument}")
        argument = expand(unescaped)
    if kind == "C" and argument is not None and not argument.startswith("/"):
        raise InvalidLineError(f"Source path '{argument}' is not absolute.")
    if kind == "C" and root.tree.get(_within(root, argument or f"/usr/share/factory{path}")) is None:
        return None
    if "^" in modifiers:
        # Credentials are the machine's that runs the image.
        if argument in (None, ".", "..") or not _CREDENTIAL.fullmatch(argument or ""):
            raise FatalLineError(f"Credential name not valid: {argument}")
        return None
    data = None if argument is None else argument.encode("utf-8", "surrogateescape")
    if data is not None and "~" in modifiers:
        data = _decoded(data)
    user, group = (_owner(root, words[3], "user"), _owner(root, words[4], "group"))
    mode, mode_new_only, mode_masks = _mode(words[2])
    _check_age(words[5])
    if path.split("/")[1] in _VIRTUAL or kind in "bc":
        return None
    age = "" if words[5] in ("", "-") else words[5]
    return Line(kind, modifiers, path.strip("/"), mode, mode_new_only, mode_masks, user, group, age, data)


def _specifier(root: Root, letter: str) -> str | None:
    if letter == "a":
        return ARCHITECTURES[root.architecture]
    if letter in _MACHINES:
        raise _LeftError
    if letter in _RELEASE:
        text = root.text("etc/os-release") or root.text("usr/lib/os-release")
        found = re.findall(rf"^\s*{_RELEASE[letter]}=[\"']?([^\"'\n]*)", text, re.MULTILINE)
        return str(found[-1]) if found else ""
    return _FIXED.get(letter)


def _path(text: str) -> str:
    if text.startswith("/var/run/") and text.strip("/") != "var/run":
        text = text.removeprefix("/var")
    if not text.startswith("/"):
        raise InvalidLineError(f"Path '{text}' not absolute.")
    return "/" + "/".join(part for part in text.split("/") if part not in ("", "."))


def _within(root: Root, path: str) -> str:
    return root.tree.resolve(path.strip("/"), last=False)


def _check_type(kind: str, modifiers: str, argument: str | None) -> None:
    if kind not in _TYPES:
        raise InvalidLineError(f"Unknown command type '{kind}'.")
    if kind in _NO_BASE64 and "~" in modifiers:
        raise InvalidLineError(f"base64 decoding not supported for lines of type '{kind}'.")
    if kind in _WITH_ARGUMENT and argument is None:
        raise InvalidLineError(f"Lines of type '{kind}' require an argument.")
    if kind in "bc" and not _DEVICE.fullmatch(argument or ""):
        raise InvalidLineError(f"Can't parse device file major/minor '{argument}'.")
    if "$" in modifiers and kind not in _PURGED:
        raise InvalidLineError(f"Purge flag '$' combined with line type '{kind}'.")
    if "?" in modifiers and kind != "L":
        raise InvalidLineError(f"Modifier '?' combined with line type '{kind}'.")


def _decoded(data: bytes) -> bytes:
    whole = b"".join(data.split())
    try:
        found = base64.b64decode(whole, validate=True)
    except binascii.Error as error:
        raise FatalLineError(f"Failed to base64 decode specified argument: {error}") from error
    if base64.b64encode(found) != whole:
        raise FatalLineError("Failed to base64 decode specified argument")
    return found


def _owner(root: Root, text: str, kind: str) -> Owner | None:
    if text in ("", "-"):
        return None
    name = text.removeprefix(":")
    number: int | None = None
    if is_number(name):
        number = int(name)
    elif not name.isdigit():
        number = 0 if name == "root" else root.uid(name) if kind == "user" else root.gid(name)
    if number is None:
        raise InvalidLineError(f"Failed to resolve {kind} '{name}': No such process")
    return Owner(number, name != text)


def _mode(text: str) -> tuple[int | None, bool, bool]:
    if text in ("", "-"):
        return None, False, False
    digits = text.lstrip("~:")
    marks = text[: len(text) - len(digits)]
    match = _MODE.fullmatch(digits)
    if match is None:
        raise InvalidLineError(f"Invalid mode '{text}'.")
    return int(match[1], 8), ":" in marks, "~" in marks


def _check_age(text: str) -> None:
    if text in ("", "-"):
        return
    age = text.removeprefix("~")
    by, colon, span = age.partition(":")
    if colon and not _AGE_BY.fullmatch(by):
        raise InvalidLineError(f"Invalid age-by '{by}'.")
    if not _SPAN.fullmatch(span if colon else age):
        raise InvalidLineError(f"Invalid age '{text}'.")
