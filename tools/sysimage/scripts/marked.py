"""Text in which quoted characters are kept apart from plain ones.

The shell works on bytes; here each byte is a character of U+0000 to U+00FF, and what is quoted is moved up
by 0x100. A pair of quotation marks leaves MARK, so that an empty pair is seen. Slicing, searching and
comparing are then those of `str`.
"""

MARK = "\u0200"  # where a quotation begins or ends
_SHIFT = 0x100


def quote(text: str) -> str:
    """Returns plain text as quoted text; the NUL between the fields of `"$@"` stays what it is."""
    if "\0" in text:
        return "\0".join(map(quote, text.split("\0")))
    return _high_bytes(text, b"\1")


def plain(text: str) -> str:
    """Removes quotes (XCU 2.6.7)."""
    return text if text.isascii() else _high_bytes(text.replace(MARK, ""), b"\0")


def _high_bytes(text: str, byte: bytes) -> str:
    """Sets the upper byte of each character; str.translate takes fifty times as long."""
    data = bytearray(text.encode("utf-16-le"))
    data[1::2] = byte * (len(data) // 2)
    return data.decode("utf-16-le")


def is_quoted(char: str) -> bool:
    """Returns whether a character is quoted, or a mark."""
    return ord(char) >= _SHIFT


def inward(text: str) -> str:
    """Turns text of the world (UTF-8, surrogate escapes as in PEP 383) into the shell's."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def outward(text: str) -> str:
    """Turns the shell's text into the world's."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")
