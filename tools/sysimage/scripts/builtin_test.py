"""test and [ (XCU test), with dash's operators and its way to read them."""

from collections.abc import Callable

from tools.sysimage.scripts.arguments import integer
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.files import FileType, Status
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.marked import inward

_KINDS = {kind.value: kind for kind in FileType} | {"h": FileType.SYMLINK}
_BITS = {"u": 0o4000, "g": 0o2000, "k": 0o1000}
_RIGHTS = {"r": 4, "w": 2, "x": 1}
_UNARY = frozenset("-" + letter for letter in "rwxefdcbpugkhLSsOGtzn")
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-ge": lambda left, right: left >= right,
    "-gt": lambda left, right: left > right,
    "-le": lambda left, right: left <= right,
    "-lt": lambda left, right: left < right,
}
_STRINGS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
}
_BINARY = frozenset([*_COMPARISONS, *_STRINGS, "-nt", "-ot", "-ef"])
_OPERATORS = _UNARY | _BINARY | frozenset(["!", "-a", "-o", "(", ")"])


def test(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Returns 0 if an expression is true, 1 if not. Raises ShellError for what is none."""
    words = argv[1:]
    if argv[0] == "[" and (not words or words.pop() != "]"):
        raise ShellError("missing ]")
    negated = False
    while True:
        if not words:
            return int(not negated)
        if len(words) == 3 and words[1] in _BINARY:
            break
        if len(words) in (3, 4):
            if words[0] == "(" and words[-1] == ")":
                words = words[1:-1]
            elif words[0] == "!":
                negated = True  # dash does not count a second one here
                words = words[1:]
                continue
        return int(_Expression(machine, words).value() == negated)
    return int(_Expression(machine, words).operation() == negated)


class _Expression:
    """Reads an expression of test; `_place` is the word that is read."""

    def __init__(self, machine: Machine, words: list[str]) -> None:
        self._machine = machine
        self._words = words
        self._place = 0

    def value(self) -> bool:
        result = self._or(self._lex(0))
        return self._ended(result)

    def operation(self) -> bool:
        """Reads three words of which the second is an operator, whatever the first is."""
        return self._ended(self._or(""))

    def _ended(self, result: bool) -> bool:
        place = self._place
        if place + 1 < len(self._words):
            raise ShellError(f"{self._words[place]}: unexpected operator")
        return result

    def _word(self, place: int) -> str | None:
        return self._words[place] if place < len(self._words) else None

    def _lex(self, place: int) -> str | None:
        """Returns the operator at a place, "" for an operand, None at the end."""
        word = self._word(place)
        if word is None:
            return None
        if word not in _OPERATORS or (word in _UNARY and self._is_operand(place)):
            return ""
        if word == "(" and self._word(place + 1) is None:
            return ""
        return word

    def _is_operand(self, place: int) -> bool:
        if self._word(place + 1) is None:
            return True
        following = self._word(place + 2)
        return following is not None and self._words[place + 1] in _BINARY

    def _or(self, token: str | None) -> bool:
        result = False
        while True:
            result |= self._and(token)
            if self._lex(self._place + 1) != "-o":
                return result
            self._place += 2
            token = self._lex(self._place)

    def _and(self, token: str | None) -> bool:
        result = True
        while True:
            result &= self._not(token)
            if self._lex(self._place + 1) != "-a":
                return result
            self._place += 2
            token = self._lex(self._place)

    def _not(self, token: str | None) -> bool:
        negated = False
        while token == "!":
            negated = not negated
            token = self._lex(self._place + 1)
            if token is not None:
                self._place += 1
        return self._primary(token) != negated

    def _primary(self, token: str | None) -> bool:
        if token is None:
            return False
        if token == "(":
            return self._parentheses()
        if token in _UNARY:
            self._place += 1
            word = self._word(self._place)
            if word is None:
                raise ShellError(f"{token}: argument expected")
            return self._unary(token, word)
        operator = self._lex(self._place + 1)
        if operator in _BINARY:
            return self._binary(self._words[self._place])
        return bool(self._words[self._place])

    def _parentheses(self) -> bool:
        self._place += 1
        token = self._lex(self._place)
        if token == ")":
            return False
        self._machine.depth += 1
        self._machine.meter.nest(self._machine.depth)
        result = self._or(token)
        self._machine.depth -= 1
        self._place += 1
        if self._lex(self._place) != ")":
            raise ShellError("closing paren expected")
        return result

    def _binary(self, left: str) -> bool:
        operator = self._words[self._place + 1]
        self._place += 2
        right = self._word(self._place)
        if right is None:
            raise ShellError(f"{operator}: argument expected")
        if operator in _COMPARISONS:
            return _COMPARISONS[operator](integer(left), integer(right))
        if operator in _STRINGS:
            return _STRINGS[operator](left, right)
        first, second = self._machine.stat(left), self._machine.stat(right)
        if operator == "-ef":
            return first is not None and second is not None and first.identity == second.identity
        newer, older = (first, second) if operator == "-nt" else (second, first)
        # To the dash of the lock, a file is newer than one that is not there.
        return newer is not None and (older is None or newer.mtime > older.mtime)

    def _unary(self, operator: str, word: str) -> bool:
        letter = operator[1]
        if letter in "zn":
            return bool(word) == (letter == "n")
        if letter == "t":
            integer(word)
            return False
        status = self._machine.stat(word, follow=letter not in "hL")
        if status is None or (self._machine.uid and not _reached(self._machine, word)):
            return False
        return _has(self._machine, status, letter)


def _reached(machine: Machine, name: str) -> bool:
    """Returns whether another user than root may search the folders of a path."""
    path = inward(machine.path(name))
    folders = [path[:place] or "/" for place, char in enumerate(path) if char == "/"]
    found = [machine.stat(folder) for folder in folders]
    return all(status is None or _may(machine, status, _RIGHTS["x"]) for status in found)


def _may(machine: Machine, status: Status, right: int) -> bool:
    """Returns whether another user than root has a right to a file."""
    if status.uid == machine.uid:
        return bool(status.mode & right << 6)
    if status.gid == machine.gid or status.gid in machine.groups:
        return bool(status.mode & right << 3)
    return bool(status.mode & right)


def _has(machine: Machine, status: Status, letter: str) -> bool:
    """Returns whether a file has what a unary operator asks for; root may read and write all."""
    if letter in _KINDS:
        return status.kind is _KINDS[letter]
    if letter in _BITS:
        return bool(status.mode & _BITS[letter])
    if letter in "OG":
        return status.uid == machine.uid if letter == "O" else status.gid == machine.gid
    if letter in "rwx" and machine.uid:
        return _may(machine, status, _RIGHTS[letter])
    if letter == "x":
        return status.kind is FileType.DIRECTORY or bool(status.mode & 0o111)
    return status.size > 0 or letter != "s"
