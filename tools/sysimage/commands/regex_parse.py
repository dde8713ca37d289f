"""Reads regular expressions as glibc's regcomp(3) does, with the syntaxes of grep and of sed."""

import re

from tools.sysimage.commands.regex_sets import CLASSES, INVALID, UNKNOWN, WORD, bracket, escaped
from tools.sysimage.commands.regex_tree import (
    EMPTY,
    Assertion,
    Back,
    Choice,
    Group,
    Node,
    Repeat,
    Sequence,
    Set,
    is_empty,
    walk,
)

_MAX_REPEAT = 32767
_MAX_DEPTH = 200
_MAX_DIGITS = 9
_ASSERTIONS = {
    "<": rf"(?<!{WORD})(?={WORD})",
    ">": rf"(?<={WORD})(?!{WORD})",
    "b": rf"(?:(?<!{WORD})(?={WORD})|(?<={WORD})(?!{WORD}))",
    "B": rf"(?:(?<!{WORD})(?!{WORD})|(?<={WORD})(?={WORD}))",
    "`": r"\A",
    "'": r"\Z",
}
_SPACE = CLASSES["space"]
_SETS = {
    "w": WORD,
    "W": bracket(["_"], ["alnum"], negated=True, newline=True),
    "s": f"[{_SPACE}]",
    "S": f"[^{_SPACE}{INVALID}]",
}
_SED_ESCAPES = {"n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "r": "\r"}
_OPEN = "Unmatched [, [^, [:, [., or [="


class PatternError(Exception):
    """A pattern that regcomp(3) refuses; the message is its."""


class ColonError(PatternError):
    """`[:space:]` outside of brackets, which grep and sed refuse."""


class UnmodelledPatternError(Exception):
    """A pattern that is beyond what is modelled here."""


class Parser:
    """Reads one pattern. An operator with nothing to repeat is an error in `sed`, and else skipped."""

    def __init__(self, text: str, *, extended: bool, multiline: bool, sed: bool) -> None:
        self._text = text
        self._at = 0
        self._extended = extended
        self._sed = sed
        self._multiline = multiline
        self._open = 0
        self._closed: set[int] = set()
        self._caret = True  # whether a `^` of a basic expression is an anchor here
        self.groups = 0
        self.unknown: frozenset[str] = frozenset()  # sets of characters on which it may be wrong
        self._begin = Assertion(r"(?:\A|(?<=\n))" if multiline else r"\A")
        self._end = Assertion(r"(?:\Z|(?=\n))" if multiline else r"\Z")

    def parse(self) -> Node:
        """Returns the whole pattern as a tree."""
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
        # A back reference is to a subexpression of its own alternative, or of what comes before all.
        before, closed = self._closed, set[int]()
        options: list[Node] = []
        while not options or self._take("|"):
            self._closed = {*before}
            options.append(self._sequence())
            closed |= self._closed
        self._closed = closed
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _ends_here(self) -> bool:
        if self._at >= len(self._text) or self._looking_at("|"):
            return True
        # One that closes nothing is a character of grep's extended expressions.
        return self._looking_at(")") and bool(self._open or self._sed or not self._extended)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        self._caret = True
        while not self._ends_here():
            atom = self._atom()
            # Nothing repeats an anchor: what follows is read as at the beginning.
            self._caret = isinstance(atom, Assertion)
            parts.append(atom if self._caret else self._repeated(atom))
        parts = [part for part in parts if part != EMPTY]
        if len(parts) > 1 and all(map(is_empty, parts)):
            raise UnmodelledPatternError(self._text)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _atom(self) -> Node:
        self._misplaced()
        if self._ends_here():
            return EMPTY
        if self._take("("):
            return self._group()
        if self._text[self._at] == "\\":
            return self._escape()
        return self._character()

    def _character(self) -> Node:
        char = self._text[self._at]
        self._at += 1
        if char == ".":
            return Set(f"[^{INVALID}\n]" if self._multiline else f"[^{INVALID}]")
        if char == "[":
            return self._bracket()
        if char == "^" and (self._extended or self._caret):
            if not self._extended and self._at > 1 and self._text[self._at - 2] not in "(|":
                # grep's own matcher and regcomp differ.
                raise UnmodelledPatternError(self._text)
            return self._begin
        if char == "$" and (self._extended or self._is_end()):
            return self._end
        return Set(escaped(char))

    def _misplaced(self) -> None:
        """Deals with operators that have nothing to repeat."""
        if not self._caret:
            return
        if not self._extended:
            if self._sed and self._looking_at("{"):
                raise PatternError("Invalid preceding regular expression")
            return
        start = self._at
        while self._text[self._at : self._at + 1] in ("*", "+", "?", "{"):
            if self._sed:
                raise PatternError("Invalid preceding regular expression")
            if self._text[self._at] == "{" or self._text[self._at - 1 : self._at] not in ("", "(", "|", "^"):
                raise UnmodelledPatternError(self._text)
            self._at += 1
        if self._at > start and self._looking_at(")"):
            # regcomp reads it as a character, grep's own matcher does not.
            if self._text.count(")", self._at) < self._open + 1:
                raise PatternError("Unmatched ( or \\(")
            raise UnmodelledPatternError(self._text)

    def _is_end(self) -> bool:
        """Whether a `$` of a basic expression is where one is an anchor."""
        return self._at == len(self._text) or self._looking_at(")") or self._looking_at("|")

    def _group(self) -> Node:
        self._open += 1
        if self._open > _MAX_DEPTH:
            raise UnmodelledPatternError("one of so many levels")
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
        if char in "123456789":
            if int(char) not in self._closed:
                raise PatternError("Invalid back reference")
            return Back(int(char))
        if char in "<>bBwW":
            self.unknown |= {UNKNOWN["word"]}
        if char in _ASSERTIONS:
            return Assertion(_ASSERTIONS[char])
        if char in _SETS:
            return Set(_SETS[char])
        if self._sed and char in _SED_ESCAPES:
            return Set(escaped(_SED_ESCAPES[char]))
        if self._sed and char in "cdox":
            raise UnmodelledPatternError(self._text)
        return Set(escaped(char))

    def _repeated(self, atom: Node) -> Node:
        for _ in range(_MAX_DEPTH):
            if self._text.startswith("*", self._at):
                self._at += 1
                atom = _repeat(atom, 0, None)
            elif self._take("+"):
                atom = _repeat(atom, 1, None)
            elif self._take("?"):
                atom = _repeat(atom, 0, 1)
            elif self._looking_at("{") and (bounds := self._interval()):
                atom = _repeat(atom, *bounds)
            else:
                return atom
            if (
                self._sed
                and not self._extended
                and (self._looking_at("{") or self._text.startswith("*", self._at))
            ):
                raise PatternError("Invalid preceding regular expression")
        raise UnmodelledPatternError("one of so many levels")

    def _interval(self) -> tuple[int, int | None] | None:
        close = "}" if self._extended else "\\}"
        start = self._at + (1 if self._extended else 2)
        match = re.compile("([0-9]*)(,?)([0-9]*)").match(self._text, start)
        assert match
        closed = self._text.startswith(close, match.end())
        if not closed and self._extended and not self._sed:
            return None
        if not closed or not (match[1] or match[2]):
            # glibc looks no further than to what is no number.
            ends = match.end() == len(self._text) or not self._text.find(close, match.end()) >= 0
            raise PatternError("Unmatched \\{" if ends else "Invalid content of \\{\\}")
        if max(len(match[1]), len(match[3])) > _MAX_DIGITS:
            raise PatternError("Regular expression too big")
        least = int(match[1] or 0)
        most = int(match[3]) if match[3] else None if match[2] else least
        if most is not None and most < least:
            raise PatternError("Invalid content of \\{\\}")
        if max(least, most or 0) > _MAX_REPEAT:
            raise PatternError("Regular expression too big")
        self._at = match.end() + len(close)
        return least, most

    def _bracket(self) -> Node:
        text = self._text
        negated = text.startswith("^", self._at)
        colon = text.startswith(":", self._at)
        start = self._at
        self._at += negated
        inside: list[str] = []
        names: list[str] = []
        first = True
        while True:
            if self._at >= len(text):
                raise PatternError(_OPEN)
            if text[self._at] == "]" and not first:
                break
            name = self._class_name()
            if name is not None:
                names.append(name)
                first = False
                continue
            if text[self._at] == "-" and not first and not text.startswith("-]", self._at):
                raise PatternError("Invalid range end" if self._at + 1 < len(text) else _OPEN)
            first = False
            low = high = self._member()
            if text.startswith("-", self._at) and not text.startswith("-]", self._at):
                self._at += 1
                high = self._range_end()
                if high < low:
                    raise PatternError("Invalid range end")
            inside.append(escaped(low) if low == high else f"{escaped(low)}-{escaped(high)}")
        if colon and self._at > start + 1 and text[self._at - 1] == ":":
            raise ColonError("character class syntax is [[:space:]], not [:space:]")
        self._at += 1
        return Set(bracket(inside, names, negated=negated, newline=not (negated and self._multiline)))

    def _range_end(self) -> str:
        if self._text.startswith("[:", self._at):
            raise PatternError("Invalid range end")
        return self._member()

    def _class_name(self) -> str | None:
        text = self._text
        if not text.startswith("[:", self._at):
            return None
        end = text.find(":]", self._at + 2)
        if end < 0:
            raise PatternError(_OPEN)
        name = text[self._at + 2 : end]
        if name not in CLASSES:
            raise PatternError("Invalid character class name")
        self._at = end + 2
        self.unknown |= {UNKNOWN[name]} if name in UNKNOWN else frozenset()
        return name

    def _member(self) -> str:
        text = self._text
        if self._at >= len(text):
            raise PatternError(_OPEN)
        if text.startswith(("[.", "[="), self._at):
            kind = text[self._at + 1]
            end = text.find(f"{kind}]", self._at + 2)
            if end < 0:
                raise PatternError(_OPEN)
            if end - self._at != 3:
                raise PatternError("Invalid collation character")
            self._at = end + 2
            return text[end - 1]
        char = text[self._at]
        self._at += 1
        if char == "\\" and self._sed and (following := text[self._at : self._at + 1]):
            if following in _SED_ESCAPES:
                char = _SED_ESCAPES[following]
                self._at += 1
            elif following in "cdox":
                raise UnmodelledPatternError(text)
        return char


def _repeat(atom: Node, least: int, most: int | None) -> Node:
    if is_empty(atom):
        return atom
    if most == 0 and not any(isinstance(one, Group) for one in walk(atom)):
        return EMPTY
    return Repeat(atom, least, most)
