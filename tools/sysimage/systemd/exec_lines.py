"""Command lines of services as systemd splits them: ExecStart= and its like (systemd.service(5))."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.sysimage.systemd import extract

_PREFIXES = "-@:+!"
_FIXED = {
    **{
        "C": "/var/cache",
        "d": "",
        "D": "/usr/share",
        "E": "/etc",
        "L": "/var/log",
        "S": "/var/lib",
        "t": "/run",
    },
    **{
        "h": "/root",
        "s": "/bin/sh",
        "g": "root",
        "G": "0",
        "u": "root",
        "U": "0",
        "T": "/tmp",
        "V": "/var/tmp",
    },
}
_MACHINES = "fyYcrRaAbBHlqmMovwW"
_UNSAFE = re.compile("[\x00-\x1f\x7f\"'\\\\]")
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the program, what it is started with, and marks such as "-" before it.

    The program is "" where only the machine that runs it knows which one it is.
    """

    program: str
    arguments: tuple[str, ...]
    marks: str

    @property
    def may_fail(self) -> bool:
        """Whether its failure is ignored."""
        return "-" in self.marks


class BadCommandError(Exception):
    """A line for which systemd does not load the unit."""


def commands(value: str, unit: str) -> Iterator[Command]:
    """Yields the commands of a value. What systemd passes over with a warning is not among them.

    Raises BadCommandError, after the commands that come before.
    """
    rest = value
    while rest:
        try:
            first, rest = extract.first(rest, extract.Escapes.C, relax=True)
        except extract.WordError:
            return
        if first is None:
            return
        if first == ";":
            continue
        marks = _marks(first)
        try:
            program = _program(first[len(marks) :], unit)
            arguments, rest, more = _arguments(rest, unit)
            if "@" not in marks:
                arguments.insert(0, program)
            if not arguments:
                raise BadCommandError("the name that the program gets after @ is missing")
        except BadCommandError:
            if "-" in marks:
                return
            raise
        yield Command(program, tuple(arguments), marks)
        if not more:
            return


def _marks(word: str) -> str:
    marks = ""
    for character in word:
        full = "+" in marks or marks.count("!") == 2
        allowed = {"!": not full, "+": not full and "!" not in marks}.get(character, character not in marks)
        if character not in _PREFIXES or not allowed:
            break
        marks += character
    return marks


def _program(text: str, unit: str) -> str:
    known = True

    def value(letter: str) -> str | None:
        nonlocal known
        if letter in _MACHINES:
            known = False
            return ""
        return _value(letter, unit)

    try:
        path = extract.specified(text, value)
    except extract.SpecifierError as error:
        raise BadCommandError(f"{text!r}: {error}") from error
    if not known:
        return ""
    if not path:
        raise BadCommandError("there is no program")
    if _UNSAFE.search(path):
        raise BadCommandError(f"{path!r} has characters that the path of a program can't have")
    if path.endswith(("/", "/.", "/..")) or path in (".", ".."):
        raise BadCommandError(f"{path!r} is a directory")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST for part in parts):
        raise BadCommandError(f"{path!r} is too long")
    if not path.startswith("/") and "/" in path:
        raise BadCommandError(f"{path!r} is neither an absolute path nor a name alone")
    return f"/{'/'.join(parts)}" if path.startswith("/") else path


def _value(letter: str, unit: str) -> str | None:
    stem = unit.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    last = prefix.rpartition("-")[2]
    own = {"n": unit, "N": stem, "p": prefix, "i": instance, "j": last}
    own |= {"P": _unescaped(prefix), "I": _unescaped(instance), "J": _unescaped(last)}
    return own.get(letter, _FIXED.get(letter))


def _unescaped(text: str) -> str:
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text.replace("-", "/"))


def _arguments(rest: str, unit: str) -> tuple[list[str], str, bool]:
    """The words up to an unquoted ";" of its own, what is behind it, and whether there was one."""
    found: list[str] = []
    while rest:
        if rest[0] == ";" and (rest[1:2] or " ") in extract.BLANK:
            return found, rest[1:].lstrip(extract.BLANK), True
        if rest.startswith("\\;") and (rest[2:3] or " ") in extract.BLANK:
            found.append(";")
            rest = rest[2:].lstrip(extract.BLANK)
            continue
        try:
            word, rest = extract.first(rest, extract.Escapes.C, relax=True)
        except extract.WordError as error:
            raise BadCommandError(str(error)) from error
        if word is None:
            break
        try:
            found.append(
                extract.specified(word, lambda letter: "" if letter in _MACHINES else _value(letter, unit))
            )
        except extract.SpecifierError as error:
            raise BadCommandError(f"{word!r}: {error}") from error
    return found, "", False
