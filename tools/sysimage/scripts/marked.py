"""Text in which quoted characters are kept apart from plain ones.

The shell works on bytes; here each byte is a character of U+0000 to U+00FF, and what is quoted is moved up
by 0x100. A pair of quotation marks leaves MARK, so that an empty pair is seen. Slicing, searching and
comparing are then those of `str`.
"""

MARK = "\u0200"  # where a quotation begins or ends
_SHIFT = 0x100

# NUL is in no text of a shell; between the fields of "$@" it stays what it is.
_QUOTE = {code: code + _SHIFT for code in range(1, _SHIFT)}
_PLAIN: dict[int, int | None] = {code + _SHIFT: code for code in range(_SHIFT)} | {ord(MARK): None}


def quote(text: str) -> str:
    """Returns plain text as quoted text."""
    return text.translate(_QUOTE)


def plain(text: str) -> str:
    """Removes quotes (XCU 2.6.7)."""
    return text if text.isascii() else text.translate(_PLAIN)


def is_quoted(char: str) -> bool:
    """Returns whether a character is quoted, or a mark."""
    return ord(char) >= _SHIFT


def inward(text: str) -> str:
    """Turns text of the world (UTF-8, surrogate escapes as in PEP 383) into the shell's."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def outward(text: str) -> str:
    """Turns the shell's text into the world's."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")
