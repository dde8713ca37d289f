"""The words of an awk program."""

import re

from tools.sysimage.commands.awk_tree import AwkError, Function, Node
from tools.sysimage.commands.awk_words import BLANK, KEYWORDS, TOKEN


class Tokens:
    """A token is (kind, text); kinds are those of TOKEN, "newline", "regex" and "end"."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._last = ("newline", "\n")
        self._kind, self._value = "", ""
        self._no_greater = False
        self._in_begin = False  # or in END, where there is no record to go on from
        self.functions: dict[str, Function] = {}
        self._advance()

    def _advance(self) -> None:
        self._last = (self._kind, self._value)
        text = self._text
        blank = BLANK.match(text, self._at)
        self._at = blank.end() if blank else self._at
        if self._at >= len(text):
            self._kind, self._value = "end", ""
        elif text[self._at] == "\n":
            self._at += 1
            self._kind, self._value = "newline", "\n"
        elif text[self._at] == "&" and not text.startswith("&&", self._at):
            raise AwkError("syntax error at &")
        else:
            match = TOKEN.match(text, self._at)
            if match is None or match.lastgroup is None:
                raise AwkError(f"syntax error at {text[self._at : self._at + 10]!r}")
            self._at = match.end()
            self._kind, self._value = match.lastgroup, match[0]
            if self._kind == "name" and self._value in KEYWORDS:
                self._kind = "keyword"

    def _is(self, *values: str) -> bool:
        return self._kind in ("operator", "keyword", "newline") and self._value in values

    def _take(self, *values: str) -> bool:
        if not self._is(*values):
            return False
        self._advance()
        return True

    def _expect(self, value: str) -> None:
        if not self._take(value):
            raise AwkError(f"syntax error at or near {self._value or 'end of file'}")

    def _newlines(self) -> None:
        while self._is("\n"):
            self._advance()

    def _ends(self) -> None:
        while self._is("\n", ";"):
            self._advance()

    def _regex(self) -> Node:
        """The token is "/" or "/=": reads on to the end of the expression."""
        start = self._at - len(self._value) + 1
        at, bracket = start, False
        while True:
            char = self._text[at : at + 1]
            if char in ("", "\n"):
                raise AwkError("runaway regular expression")
            if char == "\\":
                at += 2
                continue
            if char == "[" and not bracket:
                bracket = True
                # A bracket that comes first is one of the set.
                skip = re.compile(r"\^?\]?").match(self._text, at + 1)
                at = skip.end() if skip else at + 1
                continue
            if char == "]":
                bracket = False
            elif char == "/" and not bracket:
                break
            at += 1
        text = self._text[start:at].replace("\\/", "/")
        self._at = at + 1
        self._advance()
        return Node("regex", (text,))
