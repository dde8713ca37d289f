"""Options of commands, as getopt_long(3) reads them; one that a command does not declare ends the build.

An option is declared as its names, which a value follows or not: "-v --verbose", "-m --mode=" (a value),
"--backup[=]" (a value or none, in the same word).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache


class _Value(Enum):
    NONE = ""
    REQUIRED = "="
    OPTIONAL = "[=]"


@dataclass(frozen=True, slots=True)
class Given:
    """The options and operands of a call.

    An option is named by the last name of its declaration, without hyphens.
    """

    options: tuple[tuple[str, str | None], ...] = ()
    operands: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return any(option == name for option, _ in self.options)

    def value(self, name: str, default: str = "") -> str:
        """Returns the last value of an option."""
        values = self.values(name)
        return values[-1] if values else default

    def values(self, name: str) -> list[str]:
        """Returns all values of an option, "" for one that has none."""
        return [value or "" for option, value in self.options if option == name]

    def last(self, *names: str) -> str:
        """Returns which of these options comes last, "" if there is none."""
        return next((option for option, _ in reversed(self.options) if option in names), "")


class BadOptionError(Exception):
    """A word that is no option that the command declares, or lacks its value."""


@dataclass(slots=True)
class _Declared:
    short: dict[str, tuple[str, _Value]] = field(default_factory=dict)
    long: dict[str, tuple[str, _Value]] = field(default_factory=dict)


@cache
def _declared(declarations: tuple[str, ...]) -> _Declared:
    found = _Declared()
    for declaration in declarations:
        value = next(
            (v for v in (_Value.OPTIONAL, _Value.REQUIRED) if declaration.endswith(v.value)), _Value.NONE
        )
        names = declaration.removesuffix(value.value).split()
        entry = names[-1].lstrip("-"), value
        for name in names:
            if name.startswith("--"):
                found.long[name[2:]] = entry
            else:
                found.short[name[1:]] = entry
    return found


def parse(
    arguments: Sequence[str],
    declarations: Sequence[str],
    *,
    permute: bool = True,
    alternative: bool = False,
) -> Given:
    """Reads the words after a command's name.

    Without `permute`, the first operand ends the options, as it does for `env` and `xargs`. With
    `alternative`, long options may begin with one hyphen, as getopt_long_only(3) has it. Raises
    BadOptionError.
    """
    declared = _declared(tuple(declarations))
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    rest = list(reversed(arguments))
    while rest:
        word = rest.pop()
        if word == "--":
            operands += reversed(rest)
            break
        if word.startswith("--"):
            options.append(_long(declared, word, rest))
        elif alternative and _is_long(declared, word):
            options.append(_long(declared, f"-{word}", rest))
        elif word.startswith("-") and word != "-":
            options += _short(declared, word, rest)
        else:
            operands.append(word)
            if not permute:
                operands += reversed(rest)
                break
    return Given(tuple(options), tuple(operands))


def _is_long(declared: _Declared, word: str) -> bool:
    """Whether a word with one hyphen is a long option, or the beginning of one."""
    if not word.startswith("-") or word == "-" or (len(word) == 2 and word[1] in declared.short):
        return False
    return any(long.startswith(word[1:].partition("=")[0]) for long in declared.long)


def _long(declared: _Declared, word: str, rest: list[str]) -> tuple[str, str | None]:
    name, equals, text = word[2:].partition("=")
    entry = declared.long.get(name)
    if entry is None:
        # A beginning stands for the whole where only one option begins so.
        found = {declared.long[long] for long in declared.long if long.startswith(name)}
        if len(found) != 1:
            raise BadOptionError(word)
        [entry] = found
    option, value = entry
    if equals:
        if value is _Value.NONE:
            raise BadOptionError(word)
        return option, text
    if value is _Value.REQUIRED:
        if not rest:
            raise BadOptionError(word)
        return option, rest.pop()
    return option, None


def _short(declared: _Declared, word: str, rest: list[str]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        entry = declared.short.get(letter)
        if entry is None:
            raise BadOptionError(f"-{letter}" if len(word) > 2 else word)
        option, value = entry
        if value is _Value.NONE:
            found.append((option, None))
            continue
        if value is _Value.REQUIRED and not letters:
            if not rest:
                raise BadOptionError(f"-{letter}")
            letters = rest.pop()
        found.append((option, letters or (None if value is _Value.OPTIONAL else "")))
        break
    return found
