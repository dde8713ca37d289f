"""POSIX regular expressions (XBD chapter 9) with GNU's extensions, as glibc's regcomp(3) reads them.

A pattern becomes a tree, and that one of Python's. Where several matches begin at the same place, POSIX takes
the longest, Python the first that it tries: where that may differ, a machine of states finds the longest. It
does, too, where Python might try very many ways: no pattern takes longer than a script may.
"""

import re
from functools import cached_property, lru_cache
from typing import Any

from tools.sysimage.commands.regex_machine import Machine, Span
from tools.sysimage.commands.regex_parse import ColonError, Parser, PatternError, UnmodelledPatternError
from tools.sysimage.commands.regex_tree import (
    MANY,
    Node,
    has_back,
    is_anchored,
    is_doubtful,
    is_plain,
    is_unsure,
    python,
    ways,
)
from tools.sysimage.scripts.limits import spend

__all__ = ["ColonError", "Match", "Pattern", "PatternError", "UnmodelledPatternError", "compile_pattern"]

_STEP = 16  # lengths of texts are told apart by this many characters


class Match:
    """A match and its subexpressions, with the methods of Python's that are used."""

    __slots__ = ("_spans", "_text")

    def __init__(self, text: str, spans: list[Span]) -> None:
        self._text = text
        self._spans = spans

    def __getitem__(self, group: int) -> str | Any:
        begin, end = self._spans[group]
        return self._text[begin:end] if 0 <= begin <= end else None

    def span(self, group: int = 0) -> Span:
        """Where a subexpression begins and ends, (-1, -1) for one without a part."""
        return self._spans[group]

    def start(self, group: int = 0) -> int:
        """Where a subexpression begins."""
        return self._spans[group][0]

    def end(self, group: int = 0) -> int:
        """Where a subexpression ends."""
        return self._spans[group][1]


class Pattern:
    """A compiled pattern. `groups` is how many subexpressions it has."""

    def __init__(self, source: str, node: Node, groups: int, flags: int, unknown: frozenset[str]) -> None:
        self.groups = groups
        self._source = source
        self._node = node
        self._flags = flags
        self._unknown = [re.compile(chars) for chars in sorted(unknown)]
        self._plain = is_plain(node)
        self._back = has_back(node)
        self._anchored = is_anchored(node)
        self._costs: dict[int, int] = {}

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(python(self._node), self._flags)

    @cached_property
    def _is_unsure(self) -> bool:
        return self.groups > 0 and is_unsure(self._node)

    def _spans(self, text: str, start: int) -> list[Span] | None:
        spans = self._machine.spans(text, start)
        if spans is not None and self._is_unsure:
            raise UnmodelledPatternError(f"{self._source} with what its subexpressions match")
        return spans

    @cached_property
    def _machine(self) -> Machine:
        return Machine(self._node, self.groups, self._flags)

    def _is_cheap(self, text: str, start: int) -> bool:
        """Whether Python ends soon, however the text is made."""
        if self._unknown and not text.isascii():
            for chars in self._unknown:
                if match := chars.search(text):
                    raise UnmodelledPatternError(f"{self._source} on the character {match[0]}")
        size = (len(text) - start) // _STEP + 1
        cost = self._costs.get(size)
        if cost is None:
            cost = self._costs[size] = self._cost(size * _STEP)
        if not cost:
            return False
        spend(cost)
        return True

    def _cost(self, size: int) -> int:
        """How much work it is for Python at most, on so many characters; 0 if that is too much."""
        each = ways(self._node, size)
        # One that can be tried in one way alone takes no longer than the text is.
        cost = each if self._anchored or each == 1 else each * (size + 1)
        return 0 if cost > MANY else 1 + (cost >> 10) + (size >> 7)

    def search(self, text: str, start: int = 0) -> Match | re.Match[str] | None:
        """Finds the leftmost match from `start` on, and of those the longest."""
        if not self._is_cheap(text, start):
            return self._searched(text, start)
        match = self._compiled.search(text, start)
        if match is None or self._plain:
            return match
        begin = match.start()
        if not self._back and not self.groups:
            end = match.end()
            longest = end if end == len(text) else self._machine.longest(text, begin)
            return match if longest == end else Match(text, [(begin, longest)])
        spans = self._spans(text, begin)
        return match if spans is None else Match(text, spans)

    def matches(self, text: str) -> bool:
        """Whether there is a match."""
        if self._is_cheap(text, 0):
            return self._compiled.search(text) is not None
        return self._searched(text, 0) is not None if self._back else self._machine.has_match(text)

    def fills(self, text: str) -> bool:
        """Whether the whole text matches."""
        if self._is_cheap(text, 0):
            return self._compiled.fullmatch(text) is not None
        return self.longest(text, 0) == len(text)

    def match(self, text: str) -> Match | re.Match[str] | None:
        """Finds the longest match that begins with the text."""
        if self._is_cheap(text, 0) and self._plain:
            return self._compiled.match(text)
        spans = self._spans(text, 0)
        return None if spans is None else Match(text, spans)

    def longest(self, text: str, start: int) -> int:
        """Where the longest match that begins at `start` ends, -1 if there is none."""
        self._is_cheap(text, start)
        if self._back:
            spans = self._spans(text, start)
            return spans[0][1] if spans else -1
        return self._machine.longest(text, start)

    def _searched(self, text: str, start: int) -> Match | None:
        if self._back:
            begins = range(start, 1 if self._anchored else len(text) + 1)
        else:
            begin = self._machine.begin(text, start)
            begins = range(begin, begin + (begin >= 0))
        for begin in begins:
            spans = self._spans(text, begin)
            if spans is not None:
                return Match(text, spans)
        return None


@lru_cache(maxsize=1 << 12)
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
    spend(16 * len(text))
    parser = Parser(text, extended=extended, multiline=multiline, sed=sed)
    node = parser.parse()
    if is_doubtful(node):
        raise UnmodelledPatternError(text)
    flags = re.IGNORECASE if ignore_case else 0
    return Pattern(text, node, parser.groups, flags, parser.unknown)
