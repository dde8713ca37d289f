"""Reads unit files and their drop-ins: systemd.syntax(7), in the details as systemd's own parser has it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile("\r\n|\n\r|\r|\n|\0")
_BLANK = " \t\n\r"
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A line `key=value` of a section; blanks around both are off, lines that go on are joined."""

    section: str
    key: str
    value: str


class UnitSyntaxError(Exception):
    """A line for which systemd loads nothing of a file."""


def assignments(text: str) -> Iterator[Assignment]:
    """Yields the assignments of a unit file in order; what is none, systemd passes over, too.

    Raises UnitSyntaxError for a section's head that does not end.
    """
    section = ""
    for line in _lines(text):
        stripped = line.strip(_BLANK)
        if not stripped:
            continue
        if stripped.startswith("["):
            if not stripped.endswith("]"):
                raise UnitSyntaxError(f"{stripped!r} is no section's head")
            section = stripped[1:-1]
            continue
        key, equals, value = stripped.partition("=")
        if equals and section:
            yield Assignment(section, key.strip(_BLANK), value.strip(_BLANK))


def _lines(text: str) -> Iterator[str]:
    """Lines without comments; a backslash at a line's end joins the next one, comments between are off."""
    before: str | None = None
    for number, raw in enumerate(_LINE.split(text)):
        line = raw.lstrip(_BLANK)
        if line.startswith(("#", ";")):
            continue
        if number == 0:
            line = line.removeprefix(_BOM)
        line = (before or "") + line
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            before = f"{line[:-1]} "
            continue
        before = None
        yield line
    if before is not None:
        yield before


def words(value: str, *, unquote: bool = True) -> list[str]:
    """The words of a value: quoted ones without their quotes, backslashes as they are.

    Without `unquote` a quote is a character like others, and a backslash takes itself off (as in `Also=`).
    What follows a quote that is never closed is no word.
    """
    found: list[str] = []
    word: str | None = None
    quote = ""
    escaped = False
    for character in value:
        if escaped:
            word, escaped = (word or "") + character, False
        elif character == "\\" and not unquote:
            word, escaped = word or "", True
        elif quote:
            if character == quote:
                quote = ""
            else:
                word = (word or "") + character
        elif unquote and character in "\"'":
            word, quote = word or "", character
        elif character in _BLANK:
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + character
    if word is not None and not quote:
        found.append(word)
    return found


def commands(value: str) -> list[str]:
    """The commands of a value such as that of `ExecStart=`: an unquoted word ";" stands between two."""
    found: list[str] = []
    start = at = 0
    quote = ""
    while at < len(value):
        character = value[at]
        if character == "\\":
            at += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif (
            character == ";"
            and (value[at - 1 : at] or " ") in _BLANK
            and (value[at + 1 : at + 2] or " ") in _BLANK
        ):
            found.append(value[start:at].strip(_BLANK))
            start = at + 1
        at += 1
    return [command for command in [*found, value[start:].strip(_BLANK)] if command]
