"""The strings of a sed script: what y has, and replacements."""

from tools.sysimage.commands.sed_tree import Part, SedError

ESCAPES = {"n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "r": "\r"}
"""What stands behind a backslash for a character."""


def plain(text: str) -> str:
    """Returns one of the strings of y without its escapes."""
    out, at = [], 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            char = ESCAPES.get(text[at], text[at] if text[at] == "\\" else f"\\{text[at]}")
            at += 1
        out.append(char)
    return "".join(out)


def replacement(text: str, delimiter: str) -> list[Part]:
    """Returns the parts of a replacement. Raises SedError."""
    parts: list[Part] = []
    literal: list[str] = []

    def flush() -> None:
        if literal:
            parts.append(Part("".join(literal)))
            literal.clear()

    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "&":
            flush()
            parts.append(Part(group=0))
        elif char == "\\" and at < len(text):
            following = text[at]
            at += 1
            if following in "0123456789":
                flush()
                parts.append(Part(group=int(following)))
            elif following in "ULulE":
                flush()
                parts.append(Part(case=following))
            elif following in ESCAPES:
                literal.append(ESCAPES[following])
            elif following in "cdox" and following != delimiter:
                raise SedError(f"the escape \\{following} is not modelled")
            else:
                literal.append(following)
        else:
            literal.append(char)
    flush()
    return parts
