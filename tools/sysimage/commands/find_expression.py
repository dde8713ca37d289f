"""Expressions of find(1): what is asked of a file, and what is done with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands.coreutils_words import curly
from tools.sysimage.core.tree import Inode


@dataclass(frozen=True, slots=True)
class Found:
    """A file that find has come to."""

    name: str  # as it is printed
    start: str  # the start point that it is below
    path: str  # of the tree
    inode: Inode
    depth: int
    link: Inode  # the symbolic link itself, where links are followed


type Test = Callable[[Found], bool]
type Primary = Callable[[str, Callable[[], str]], Test]
"""Makes a test of a word and of what takes the word's arguments."""


class ExpressionError(Exception):
    """An expression that find refuses; its text is what find says."""


@dataclass(slots=True)
class Parser:
    """Reads an expression. `acts` is whether something in it does something, so that nothing is printed."""

    words: Sequence[str]
    primary: Primary
    acts: bool = False
    place: int = 0
    actions: frozenset[str] = field(
        default=frozenset(
            ["-print", "-print0", "-printf", "-exec", "-execdir", "-delete", "-quit", "-fprint", "-ok", "-ls"]
        )
    )

    def parse(self) -> Test:
        """Returns the expression as a test. Raises ExpressionError."""
        if not self.words:
            return lambda _found: True
        test = self._list()
        if self.place < len(self.words):
            raise ExpressionError("you have too many ')'")
        return test

    def _peek(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def _take(self) -> str:
        if self.place == len(self.words):
            raise ExpressionError(f"missing argument to {curly(self.words[-1])}")
        self.place += 1
        return self.words[self.place - 1]

    def _list(self) -> Test:
        test = self._or()
        while self._peek() == ",":
            self.place += 1
            test = _both(test, self._or())
        return test

    def _or(self) -> Test:
        test = self._and()
        while self._peek() in ("-o", "-or"):
            self.place += 1
            test = _either(test, self._and())
        return test

    def _and(self) -> Test:
        test = self._not()
        while self._peek() not in ("", "-o", "-or", ",", ")"):
            if self._peek() in ("-a", "-and"):
                self.place += 1
            test = both_hold(test, self._not())
        return test

    def _not(self) -> Test:
        if self._peek() in ("!", "-not"):
            self.place += 1
            return _inverse(self._not())
        if self._peek() == "(":
            self.place += 1
            test = self._list()
            if self._take() != ")":
                raise ExpressionError("invalid expression")
            return test
        if self._peek() in ("", ")", "-o", "-or", "-a", "-and", ","):
            raise ExpressionError("invalid expression")
        word = self._take()
        self.acts |= word in self.actions and word != "-quit"
        return self.primary(word, self._take)


def _both(first: Test, second: Test) -> Test:
    def test(found: Found) -> bool:
        first(found)
        return second(found)

    return test


def _either(first: Test, second: Test) -> Test:
    return lambda found: first(found) or second(found)


def both_hold(first: Test, second: Test) -> Test:
    """A test that does the second where the first holds."""
    return lambda found: first(found) and second(found)


def _inverse(test: Test) -> Test:
    return lambda found: not test(found)


def count(text: str, value: Callable[[Found], int]) -> Test:
    """Returns the test for a number: N, +N for more, -N for less. Raises ExpressionError."""
    digits = text.lstrip("+-")
    if not digits.isdigit() or len(text) - len(digits) > 1:
        raise ExpressionError(f"non-numeric argument: {curly(text)}")
    number = int(digits)
    if text[0] == "+":
        return lambda found: value(found) > number
    if text[0] == "-":
        return lambda found: value(found) < number
    return lambda found: value(found) == number
