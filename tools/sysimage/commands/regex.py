"""POSIX regular expressions (XBD chapter 9) with GNU's extensions, as glibc's regcomp(3) reads them.

A pattern becomes a tree, and that one of Python's. Where several matches begin at the same place, POSIX takes
the longest, Python the first that it tries: a pattern for which that may differ is matched once more, by
sets of states, to find the longest end. Patterns with back references keep Python's choice.
"""

import re
from collections.abc import Iterator
from functools import cache

from tools.sysimage.commands.regex_nodes import (
    Assertion,
    Back,
    Choice,
    Group,
    Node,
    Repeat,
    Sequence,
    Set,
)
from tools.sysimage.commands.regex_states import States

_CLASSES = {
    "alpha": r"^\W\d_",  # a set that is negated as a whole, see _class
    "digit": "0-9",
    "alnum": r"^\W_",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t-\r ",
    "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~",
    "print": r" -~\u00a0-\U0010ffff",
    "graph": r"!-~\u00a1-\U0010ffff",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": "0-9A-Fa-f",
}
_INVALID = r"\udc80-\udcff"  # bytes that are no character (PEP 383)
_MAX_REPEAT = 32767


class PatternError(Exception):
    """A pattern that regcomp(3) refuses; the message is its."""


class UnmodelledPatternError(Exception):
    """A pattern that is beyond what is modelled here."""


class Pattern:
    """A compiled pattern. `groups` is how many subexpressions it has, `compiled` what Python has for it."""

    def __init__(self, node: Node, groups: int, flags: int) -> None:
        self.groups = groups
        self._flags = flags
        self._text = _python(node)
        self.compiled = re.compile(self._text, flags)
        self._states = States(node, flags) if _is_ambiguous(node) and not _has_back(node) else None

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Finds the leftmost match from `start` on, and of those the longest."""
        match = self.compiled.search(text, start)
        if match is None or self._states is None:
            return match
        end = self._states.longest(text, match.start())
        if end == match.end():
            return match
        # The same pattern, which has to end there.
        return _ending(self._text, self._flags, len(text) - end).match(text, match.start())


@cache
def _ending(text: str, flags: int, left: int) -> re.Pattern[str]:
    return re.compile(rf"(?:{text})(?=[\s\S]{{{left}}}\Z)", flags)


@cache
def compile_pattern(
    text: str,
    *,
    extended: bool = False,
    ignore_case: bool = False,
    multiline: bool = False,
    sed: bool = False,
) -> Pattern:
    """Compiles a basic or an extended expression.

    With `multiline`, `^` and `$` match at newlines, too; `sed` has its escapes: `\\n`, `\\t` and others, also
    in brackets. Raises PatternError and UnmodelledPatternError.
    """
    parser = _Parser(text, extended, multiline, sed)
    node = parser.parse()
    flags = re.IGNORECASE if ignore_case else 0
    return Pattern(node, parser.groups, flags)


class _Parser:
    def __init__(self, text: str, extended: bool, multiline: bool, sed: bool) -> None:
        self._text = text
        self._at = 0
        self._extended = extended
        self._sed = sed
        self._open = 0
        self._closed: set[int] = set()
        self.groups = 0
        self._begin = Assertion(r"(?:\A|(?<=\n))" if multiline else r"\A")
        self._end = Assertion(r"(?:\Z|(?=\n))" if multiline else r"\Z")

    def parse(self) -> Node:
        node = self._choice()
        if self._at < len(self._text):
            raise PatternError("Unmatched ) or \\)")
        return node

    def _looking_at(self, operator: str) -> bool:
        """Whether an operator comes: "(" stands for "\\(" in a basic expression."""
        return self._text.startswith(operator if self._extended else f"\\{operator}", self._at)

    def _take(self, operator: str) -> bool:
        if not self._looking_at(operator):
            return False
        self._at += 1 if self._extended else 2
        return True

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        bare = True  # nothing comes before that an operator can repeat
        while self._at < len(self._text) and not self._looking_at("|"):
            if self._looking_at(")") and (self._open or not self._extended):
                break
            atom = self._atom(first=not parts, bare=bare)
            bare = isinstance(atom, Assertion)
            parts.append(atom if bare else self._repeated(atom))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _atom(self, *, first: bool, bare: bool) -> Node:
        char = self._text[self._at]
        if self._take("("):
            return self._group()
        if char == "\\":
            return self._escape()
        self._at += 1
        if char == ".":
            return Set(f"[^{_INVALID}]")
        if char == "[":
            return self._bracket()
        if char == "^" and (self._extended or first):
            return self._begin
        if char == "$" and (self._extended or self._ends()):
            return self._end
        if self._extended and bare and char in "*+?{":
            # It has nothing to repeat: POSIX leaves undefined what that means, and programs differ.
            raise UnmodelledPatternError(self._text)
        return Set(re.escape(char))

    def _ends(self) -> bool:
        """Whether a `$` of a basic expression is where one is an anchor."""
        return self._at == len(self._text) or self._looking_at(")") or self._looking_at("|")

    def _group(self) -> Node:
        self._open += 1
        self.groups += 1
        number = self.groups
        body = self._choice()
        if not self._take(")"):
            raise PatternError("Unmatched ( or \\(")
        self._open -= 1
        self._closed.add(number)
        return Group(body, number)

    def _escape(self) -> Node:
        if self._at + 1 >= len(self._text):
            raise PatternError("Trailing backslash")
        char = self._text[self._at + 1]
        self._at += 2
        if char.isdigit() and char != "0":
            if int(char) not in self._closed:
                raise PatternError("Invalid back reference")
            return Back(int(char))
        assertions = {
            "<": r"\b(?=\w)",
            ">": r"\b(?<=\w)",
            "b": r"\b",
            "B": r"\B",
            "`": r"\A",
            "'": r"\Z",
        }
        if char in assertions:
            return Assertion(assertions[char])
        sets = {"w": r"\w", "W": r"\W", "s": r"\s", "S": r"\S"}
        if char in sets:
            return Set(sets[char])
        if self._sed and char in _SED_ESCAPES:
            return Set(re.escape(_SED_ESCAPES[char]))
        if char == "{" and not self._extended:
            raise UnmodelledPatternError(self._text)
        return Set(re.escape(char))

    def _repeated(self, atom: Node) -> Node:
        while True:
            if self._text.startswith("*", self._at):
                self._at += 1
                atom = Repeat(atom, 0, None)
            elif self._take("+"):
                atom = Repeat(atom, 1, None)
            elif self._take("?"):
                atom = Repeat(atom, 0, 1)
            elif self._looking_at("{") and (bounds := self._interval()):
                atom = Repeat(atom, *bounds)
            else:
                return atom

    def _interval(self) -> tuple[int, int | None] | None:
        close = r"\}" if self._extended else r"\\\}"
        start = self._at + (1 if self._extended else 2)
        match = re.compile(rf"(\d*)(,?)(\d*){close}").match(self._text, start)
        if match is None or not (match[1] or match[2]):
            if self._extended:
                return None
            raise PatternError(
                "Invalid content of \\{\\}" if "\\}" in self._text[start:] else "Unmatched \\{"
            )
        least = int(match[1] or 0)
        most = int(match[3]) if match[3] else None if match[2] else least
        if least > _MAX_REPEAT or (most or 0) > _MAX_REPEAT:
            raise PatternError("Regular expression too big")
        if most is not None and most < least:
            raise PatternError("Invalid content of \\{\\}")
        self._at = match.end()
        return least, most

    def _bracket(self) -> Node:
        text = self._text
        negated = text.startswith("^", self._at)
        self._at += negated
        inside: list[str] = []
        subtracted: list[str] = []  # classes that only a negated set can say
        first = True
        while True:
            if self._at >= len(text):
                raise PatternError("Unmatched [, [^, [:, [., or [=")
            if text[self._at] == "]" and not first:
                self._at += 1
                break
            first = False
            name = self._class_name()
            if name is not None:
                body = _CLASSES[name]
                (subtracted if body.startswith("^") else inside).append(body.removeprefix("^"))
                continue
            low = self._member()
            high = low
            if text.startswith("-", self._at) and not text.startswith("-]", self._at):
                self._at += 1
                high = self._member()
                if high < low:
                    raise PatternError("Invalid range end")
            inside.append(_escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}")
        return Set(_set(inside, subtracted, negated))

    def _class_name(self) -> str | None:
        text = self._text
        if not text.startswith("[:", self._at):
            return None
        end = text.find(":]", self._at + 2)
        if end < 0:
            raise PatternError("Unmatched [, [^, [:, [., or [=")
        name = text[self._at + 2 : end]
        if name not in _CLASSES:
            raise PatternError("Invalid character class name")
        self._at = end + 2
        return name

    def _member(self) -> str:
        text = self._text
        if self._at >= len(text):
            raise PatternError("Unmatched [, [^, [:, [., or [=")
        if text.startswith(("[.", "[="), self._at):
            kind = text[self._at + 1]
            end = text.find(f"{kind}]", self._at + 2)
            if end - self._at != 3:
                raise UnmodelledPatternError(text)
            self._at = end + 2
            return text[end - 1]
        char = text[self._at]
        self._at += 1
        if char == "\\" and self._sed and text[self._at : self._at + 1] in _SED_ESCAPES:
            char = _SED_ESCAPES[text[self._at]]
            self._at += 1
        return char


_SED_ESCAPES = {"n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "r": "\r"}


def _escaped(char: str) -> str:
    return f"\\{char}" if char in "\\]^-[&~|" else char


def _set(inside: list[str], subtracted: list[str], negated: bool) -> str:
    """A set in Python's syntax; `subtracted` are sets of which each is the complement of what is meant."""
    if not subtracted:
        body = "".join(inside)
        return f"[^{body}{_INVALID}]" if negated else f"[{body}]"
    # One of these: in `inside`, or not in one of `subtracted`.
    options = [f"[{''.join(inside)}]"] if inside else []
    options += [f"[^{body}{_INVALID}]" for body in subtracted]
    either = "|".join(options)
    return rf"(?:(?!{either})[^{_INVALID}])" if negated else f"(?:{either})"


def _python(node: Node) -> str:
    match node:
        case Set(text) | Assertion(text):
            return text
        case Back(number):
            return rf"(?:\{number})"
        case Group(body, _):
            return f"({_python(body)})"
        case Repeat(body, least, most):
            upper = "" if most is None else str(most)
            bounds = {(0, ""): "*", (1, ""): "+", (0, "1"): "?"}.get((least, upper), f"{{{least},{upper}}}")
            return f"(?:(?:{_python(body)}){bounds})"
        case Sequence(parts):
            return "".join(map(_python, parts))
        case Choice(options):
            return f"(?:{'|'.join(map(_python, options))})"


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Group(body, _) | Repeat(body, _, _):
            return (body,)
        case Sequence(parts):
            return parts
        case Choice(options):
            return options
    return ()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _has_back(node: Node) -> bool:
    return any(isinstance(one, Back) for one in _walk(node))


def _is_ambiguous(node: Node) -> bool:
    """Whether the first match may not be the longest: by a choice, or a repetition of a group."""
    return any(
        isinstance(one, Choice) or (isinstance(one, Repeat) and not isinstance(one.body, Set))
        for one in _walk(node)
    )
