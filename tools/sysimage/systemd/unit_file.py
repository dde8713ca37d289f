"""Reads unit files and their drop-ins: systemd.syntax(7), in the details as systemd's own parser has it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.sysimage.systemd import extract

_LINE = re.compile("\r\n|\n\r|\r|\n|\0")
_BLANK = " \t\n\r"
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A line `key=value` of a section; blanks around both are off, lines that go on are joined."""

    section: str
    key: str
    value: str
    line: int = field(default=0, compare=False)  # where it ends


class UnitSyntaxError(Exception):
    """A line for which systemd loads nothing of a file."""


def assignments(text: str) -> Iterator[Assignment]:
    """Yields the assignments of a unit file in order; what is none, systemd passes over, too.

    Raises UnitSyntaxError for a section's head that does not end, and for what is not UTF-8.
    """
    section = ""
    for number, line in _lines(text):
        stripped = line.strip(_BLANK)
        if not stripped:
            continue
        if any("\udc80" <= character <= "\udcff" for character in stripped):
            raise UnitSyntaxError(f"{stripped!r} is not UTF-8")
        if stripped.startswith("["):
            if not stripped.endswith("]"):
                raise UnitSyntaxError(f"{stripped!r} is no section's head")
            section = stripped[1:-1]
            continue
        key, equals, value = stripped.partition("=")
        if equals and section:
            yield Assignment(section, key.strip(_BLANK), value.strip(_BLANK), number)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments; a backslash at a line's end joins the next one, comments between are off."""
    before: str | None = None
    number = 0
    for number, raw in enumerate(_LINE.split(text), 1):
        if raw.lstrip(_BLANK).startswith(("#", ";")):
            continue
        line = (before or "") + (raw.removeprefix(_BOM) if number == 1 else raw)
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            before = f"{line[:-1]} "
            continue
        before = None
        yield number, line
    if before is not None:
        yield number, before


def words(value: str) -> list[str]:
    """The words of a value: quoted ones without their quotes, backslashes as they are.

    Of a value with a quote that has no end there are none.
    """
    try:
        return list(extract.every(value, extract.Escapes.KEEP))
    except extract.WordError:
        return []
