"""What the builtins share: options (XBD 12.2), numbers, and quoting."""

import re
from collections.abc import Sequence

from tools.sysimage.scripts.arithmetic import saturate
from tools.sysimage.scripts.failures import ShellError

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([-+]?[0-9]+)[ \t\n\v\f\r]*")
_MAX_INT = 2**31 - 1


def options(argv: Sequence[str], allowed: str = "") -> tuple[list[tuple[str, str]], list[str]]:
    """Reads options as dash's nextopt does: the letters with their arguments, and the operands.

    A letter of `allowed` that a colon follows has an argument. Raises ShellError.
    """
    found = []
    index = 1
    while index < len(argv) and argv[index][:1] == "-" and argv[index] != "-":
        word = argv[index]
        index += 1
        if word == "--":
            break
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            place = allowed.find(letter)
            if place < 0 or letter == ":":
                raise ShellError(f"Illegal option -{letter}")
            value = ""
            if allowed[place + 1 : place + 2] == ":":
                value, position = word[position:], len(word)
                if not value:
                    if index == len(argv):
                        raise ShellError(f"No arg for -{letter} option")
                    value, index = argv[index], index + 1
            found.append((letter, value))
    return found, list(argv[index:])


def integer(text: str) -> int:
    """Reads a decimal number. Raises ShellError."""
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > 100:
        raise ShellError(f"Illegal number: {text}")
    value = int(match.group(1))
    if value != saturate(value):
        raise ShellError(f"Illegal number: {text}")
    return value


def count(text: str) -> int:
    """Reads a number that is not negative, as `exit` and `shift` have it. Raises ShellError."""
    value = integer(text)
    if not 0 <= value <= _MAX_INT:
        raise ShellError(f"Illegal number: {text}")
    return value


def single_quoted(text: str) -> str:
    """Returns text as the shell would read it again."""
    parts: list[str] = []
    position = 0
    while position < len(text) or not parts:
        end = text.find("'", position)
        end = len(text) if end < 0 else end
        parts.append(f"'{text[position:end]}'")
        position = end
        while position < len(text) and text[position] == "'":
            position += 1
        if position > end:
            parts.append(f'"{text[end:position]}"')
    return "".join(parts)
