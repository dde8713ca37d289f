"""Words and specifiers as all programs of systemd read them: quotes, escapes, "%x"."""

import enum
import re
from collections.abc import Callable, Iterator

BLANK = " \t\n\r"
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_SIMPLE |= {"\\": "\\", '"': '"', "'": "'"}
_CODED = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})")
_LAST = 0x10FFFF


class WordError(Exception):
    """A text that has no next word: a quote without its end, an escape that is none."""


class Escapes(enum.Enum):
    """What a backslash is: a character like others, a mark of the next one as it is, or C's escapes."""

    KEEP = enum.auto()
    DROP = enum.auto()
    C = enum.auto()


def first(
    text: str, escapes: Escapes, *, unquote: bool = True, relax: bool = False
) -> tuple[str | None, str]:
    """The first word of a text, and what follows it without blanks; None if there is none.

    With `relax` what is no escape stays as it is. Raises WordError.
    """
    at = len(text) - len(text.lstrip(BLANK))
    if at == len(text):
        return None, ""
    word: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\" and escapes is not Escapes.KEEP:
            found, at = _escape(text, at, escapes, relax=relax and not (at == len(text) and quote))
            word.append(found)
        elif quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif unquote and character in "\"'":
            quote = character
        elif character in BLANK:
            return joined("".join(word)), text[at:].lstrip(BLANK)
        else:
            word.append(character)
    if quote:
        raise WordError("a quote has no end")
    return joined("".join(word)), ""


def _escape(text: str, at: int, escapes: Escapes, *, relax: bool) -> tuple[str, int]:
    if at < len(text) and escapes is Escapes.DROP:
        return text[at], at + 1
    if at < len(text) and (found := unescaped(text, at)):
        return found
    if not relax:
        raise WordError(f"{text[at - 1 : at + 1]!r} is no escape")
    return "\\" + text[at : at + 1], at + 1


def unescaped(text: str, at: int) -> tuple[str, int] | None:
    """The character that an escape of C after a backslash stands for, and where it ends; None for none.

    A byte that is no character by itself is a surrogate escape.
    """
    if text[at] in _SIMPLE:
        return _SIMPLE[text[at]], at + 1
    match = _CODED.match(text, at)
    if match is None:
        return None
    byte, short, long, octal = match.groups()
    code = int(octal, 8) if octal else int(byte or short or long, 16)
    if code == 0 or code > (0xFF if byte or octal else _LAST) or 0xD800 <= code <= 0xDFFF:
        return None
    return (chr(code + 0xDC00) if (byte or octal) and code > 0x7F else chr(code)), match.end()


def joined(text: str) -> str:
    """A text whose escaped bytes are characters where they make some."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def every(text: str, escapes: Escapes, *, unquote: bool = True, relax: bool = False) -> Iterator[str]:
    """Yields all words of a text. Raises WordError, after those before."""
    while text:
        word, text = first(text, escapes, unquote=unquote, relax=relax)
        if word is not None:
            yield word


def plain(text: str) -> str | None:
    """A text without C's escapes; None if one is none."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "\\":
            found.append(text[at])
            at += 1
            continue
        escape = unescaped(text, at + 1) if at + 1 < len(text) else None
        if escape is None:
            return None
        found.append(escape[0])
        at = escape[1]
    return joined("".join(found))


class SpecifierError(Exception):
    """A specifier that systemd does not know in this place."""


def specified(text: str, value: Callable[[str], str | None]) -> str:
    """Replaces specifiers; `value` says what a letter or digit stands for, None if for nothing.

    What follows "%" and can be no specifier stays, a "%" at the end, too. Raises SpecifierError.
    """

    def fill(match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "%":
            return "%"
        if not (letter.isascii() and letter.isalnum()):
            return match[0]
        found = value(letter)
        if found is None:
            raise SpecifierError(f"there is no specifier %{letter} here")
        return found

    return re.sub("%(.)", fill, text, flags=re.DOTALL)
