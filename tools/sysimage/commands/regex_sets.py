"""Sets of characters of C.UTF-8, in Python's syntax."""

from collections.abc import Mapping, Sequence

INVALID = r"\udc80-\udcff"
"""Bytes that are no character (PEP 383), as a piece of a set."""

_NO_LETTERS = r"\u00b2\u00b3\u00b9\u00bc-\u00be"  # which Python takes for digits or letters
_WIDE = r"\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000"
WORD = rf"[^\W{_NO_LETTERS}]"
"""A character of a word, in Python's syntax."""

CLASSES: Mapping[str, str] = {
    "alpha": rf"^\W\d_{_NO_LETTERS}",  # a set that is negated as a whole
    "digit": "0-9",
    "alnum": rf"^\W_{_NO_LETTERS}",
    "upper": r"A-Z\u00c0-\u00d6\u00d8-\u00de",
    "lower": r"a-z\u00aa\u00b5\u00ba\u00df-\u00f6\u00f8-\u00ff",
    "space": rf"\t-\r {_WIDE}\u2028\u2029",
    "blank": rf"\t {_WIDE}",
    "punct": r"!-/:-@\[-`{-~\u00a0-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7",
    "print": r" -~\u00a0-\u00ff",
    "graph": r"!-~\u00a0-\u00ff",
    "cntrl": r"\x00-\x1f\x7f-\x9f\u2028\u2029",
    "xdigit": "0-9A-Fa-f",
}
"""The classes by their names; what begins with `^` says what they are not."""
# Where Python's words are those of glibc's C.UTF-8: it has other lists of letters and marks.
_UNKNOWN_WORDS = (
    r"[^\0-\u0344\u0346-\u05af\u109e-\u1368\u1df5-\u206f\u218a-\u245f\u2500-\u2775\u2794-\u2cfc"
    r"\u2e00-\u3191\u32c0-\ua61f\uabfa-\ufb1d\ufb1f-\uff0f\U0001f18a-\U0001fbef]"
)
_BEYOND_LATIN = "[^\\0-\xff\udc80-\udcff]"
UNKNOWN: Mapping[str, str] = {
    **dict.fromkeys(("alnum", "alpha", "word"), _UNKNOWN_WORDS),
    **dict.fromkeys(("graph", "lower", "print", "punct", "upper"), _BEYOND_LATIN),
}
"""Characters of which it is not known here whether glibc has them in a class, or within words."""


def escaped(char: str) -> str:
    """Returns a character as itself, within brackets and outside."""
    return f"\\{char}" if char in r".*+?(){}|$\]^-[&~#" or char.isspace() else char


def bracket(inside: Sequence[str], names: Sequence[str], *, negated: bool, newline: bool) -> str:
    """Returns a set: pieces of one, and classes by their names. `newline` says whether it may match one."""
    pieces = [*inside, *(CLASSES[name] for name in names if not CLASSES[name].startswith("^"))]
    others = [CLASSES[name][1:] for name in names if CLASSES[name].startswith("^")]
    nothing = INVALID if newline else INVALID + "\\n"
    if not others:
        body = "".join(pieces)
        return f"[^{body}{nothing}]" if negated else f"[{body}]"
    # One of these: in `pieces`, or not in one of `others`.
    options = [f"[{''.join(pieces)}]"] if pieces else []
    options += [f"[^{body}{INVALID}]" for body in others]
    either = "|".join(options)
    return rf"(?:(?!{either})[^{nothing}])" if negated else f"(?:{either})"
