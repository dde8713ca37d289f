"""File modes as chmod(1) and its like read them: octal, and symbolic (XCU chmod, with GNU's additions)."""

from collections.abc import Sequence
from dataclasses import dataclass

_ALL = 0o7777
_SPECIAL = 0o6000  # of a directory: kept unless they are mentioned
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": _ALL}
_WHAT = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000, "X": 0}
_COPIED = {"u": 0o700, "g": 0o070, "o": 0o007}


@dataclass(frozen=True, slots=True)
class Change:
    """One operation upon a mode. `affected` is 0 if no one is named; `mentioned` are the bits it is about."""

    operator: str  # "=", "+", "-"
    affected: int
    value: int
    mentioned: int
    copies: bool = False  # the value says whose bits are copied
    searchable: bool = False  # "X"


class BadModeError(Exception):
    """Text that is no mode."""


def parse(text: str) -> Sequence[Change]:
    """Reads a mode. Raises BadModeError."""
    if text[:1] and text[0] in "01234567":
        value = _octal(text)
        # With less than five digits, a directory keeps what is not mentioned.
        mentioned = value & 0o7000 | 0o777 if len(text) < 5 else _ALL
        return (Change("=", _ALL, value, mentioned),)
    found: list[Change] = []
    for clause in text.split(","):
        found += _clause(clause)
    return found


def _octal(text: str) -> int:
    if not text or text.strip("01234567") or int(text, 8) > _ALL:
        raise BadModeError(text)
    return int(text, 8)


def _clause(text: str) -> list[Change]:
    rest = text.lstrip("ugoa")
    affected = 0
    for letter in text[: len(text) - len(rest)]:
        affected |= _WHO[letter]
    if not rest or rest[0] not in "=+-":
        raise BadModeError(text)
    found: list[Change] = []
    while rest:
        operator, rest = rest[0], rest[1:]
        if operator not in "=+-":
            raise BadModeError(text)
        end = next((index for index, char in enumerate(rest) if char in "=+-"), len(rest))
        word, rest = rest[:end], rest[end:]
        if word[:1].isdigit():
            if affected or rest:
                raise BadModeError(text)
            return [*found, Change(operator, _ALL, _octal(word), _ALL)]
        found.append(_operation(operator, affected, word))
    return found


def _operation(operator: str, affected: int, word: str) -> Change:
    copies = word in _COPIED
    value = 0
    for letter in word:
        if not copies and letter not in _WHAT:
            raise BadModeError(word)
        value |= _COPIED[letter] if copies else _WHAT[letter]
    mentioned = affected & value if affected else value
    return Change(operator, affected, value, mentioned, copies, "X" in word)


def adjust(mode: int, *, directory: bool, umask: int, changes: Sequence[Change]) -> tuple[int, int]:
    """Returns a mode after changes, and the bits that they are about."""
    bits = 0
    for change in changes:
        value = change.value
        if change.copies:
            value &= mode
            value |= sum(bit for bit in (0o444, 0o222, 0o111) if value & bit)
        if change.searchable and (directory or mode & 0o111):
            value |= 0o111
        kept = _SPECIAL & ~change.mentioned if directory else 0
        value &= (change.affected or ~umask) & ~kept
        if change.operator == "=":
            preserved = (_ALL & ~change.affected if change.affected else 0) | kept
            bits |= _ALL & ~preserved
            mode = mode & preserved | value
        else:
            bits |= value
            mode = mode | value if change.operator == "+" else mode & ~value
    return mode, bits
