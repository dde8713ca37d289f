"""-regex and -regextype of find(1): expressions that the whole name has to match."""

import re

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.coreutils_words import not_modelled
from tools.sysimage.commands.find_expression import ExpressionError, Found, Test
from tools.sysimage.commands.regex import PatternError, UnmodelledPatternError, compile_pattern

_BASIC = ("ed", "grep", "posix-basic", "sed")
_EXTENDED = ("egrep", "posix-egrep", "posix-extended")
_EMACS = ("emacs", "findutils-default")
# A bracket expression, an escaped character, and another one.
_TOKEN = re.compile(r"\[\^?\]?[^\]]*\]|\\.|[\s\S]")


def regextype(word: str) -> str:
    """Checks the word after -regextype. Raises ExpressionError."""
    if word not in (*_BASIC, *_EXTENDED, *_EMACS, "awk", "gnu-awk", "posix-awk", "posix-minimal-basic"):
        raise ExpressionError(f"Unknown regular expression type {word!r}")
    return word


def regex(call: Call, text: str, kind: str, *, ignore_case: bool) -> Test:
    """Returns the test -regex or -iregex, of the type that comes last before it."""
    if kind not in (*_BASIC, *_EXTENDED, *_EMACS):
        not_modelled(call, f"-regextype {kind}")
    try:
        pattern = compile_pattern(
            _extended(call, text) if kind in _EMACS else text,
            extended=kind not in _BASIC,
            ignore_case=ignore_case,
        )
    except PatternError as error:
        raise ExpressionError(f"failed to compile regular expression '{text}': {error}") from None
    except UnmodelledPatternError:
        not_modelled(call, f"the pattern {text!r}")

    def test(found: Found) -> bool:
        match = pattern.search(found.name)
        return match is not None and match.span() == (0, len(found.name))

    return test


def _extended(call: Call, text: str) -> str:
    """An expression of Emacs as an extended one: groups and choices have backslashes, intervals are none."""
    swapped = {f"\\{char}": char for char in "()|"} | {char: f"\\{char}" for char in "()|{}"}
    parts: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        first = not parts or parts[-1] in ("(", "|")
        if (
            (token in "*+?" and first)
            or (token == "^" and not first)
            or (token == "$" and not re.match(r"\Z|\\[)|]", text[match.end() :]))
            or (token[0] == "[" and (len(token) == 1 or "[:" in token or "\\" in token))
            or re.fullmatch(r"\\[^()|.*+?^$\[\]/-]", token)
        ):
            not_modelled(call, f"the pattern {text!r}")
        parts.append(swapped.get(token, token))
    return "".join(parts)
