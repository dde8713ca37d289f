"""Reads deb822(5), the format of dpkg's status, of copyright files, and of apt's `.sources`."""

import re
from collections.abc import Iterator

_FIELD = re.compile(r"^([^\s:#][^\s:]*)[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_BETWEEN = re.compile(r"\n(?:[ \t\r]*\n)+")


def fields(paragraph: str) -> dict[str, str]:
    """The fields of one paragraph; a value of several lines keeps its line breaks and indents."""
    return {match[1]: match[2].rstrip() for match in _FIELD.finditer(paragraph)}


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The fields of each paragraph of a file; lines that begin with "#" are comments, within a value too."""
    # Values can hold what Python takes for the end of a line.
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    for paragraph in _BETWEEN.split("\n".join(lines)):
        if found := fields(paragraph):
            yield found
