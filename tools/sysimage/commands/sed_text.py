"""What sed writes in the place of matches, and shows of lines."""

import re
from collections.abc import Sequence

from tools.sysimage.commands.regex import Match
from tools.sysimage.commands.sed_tree import Part


def replacement(parts: Sequence[Part], match: Match | re.Match[str]) -> str:
    """Returns what stands in the place of a match."""
    out: list[str] = []
    case = once = ""
    for part in parts:
        if part.case:
            if part.case in "ul":
                once = part.case
            else:
                case, once = ("" if part.case == "E" else part.case), ""
            continue
        text = part.text if part.group < 0 else (match[part.group] or "")
        if not text:
            continue
        if case:
            text = "".join(_cased(char, case) for char in text)
        if once:
            text = _cased(text[0], once.upper()) + text[1:]
            once = ""
        out.append(text)
    return "".join(out)


def _cased(char: str, case: str) -> str:
    """A character in another case; one that would become two stays."""
    made = char.upper() if case == "U" else char.lower()
    return made if len(made) == 1 else char


def visible(text: str, width: int) -> str:
    """What l shows: escapes, and lines that are folded."""
    names = {
        "\\": "\\\\",
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
    }
    pieces = []
    for char in text:
        if char in names:
            pieces.append(names[char])
        elif char.isprintable() and char.isascii():
            pieces.append(char)
        elif not "\udc80" <= char <= "\udcff" and not char.isascii() and char.isprintable():
            pieces += [f"\\{byte:03o}" for byte in char.encode()]
        else:
            pieces += [f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape")]
    width = 70 if width < 0 else width
    if width <= 1:
        return "".join(pieces) + "$"
    lines, line = [], ""
    for piece in pieces:
        if len(line) + len(piece) > width - 1:
            lines.append(line + "\\")
            line = ""
        line += piece
    return "\n".join([*lines, line + "$"])
