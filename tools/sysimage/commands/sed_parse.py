"""The language of sed(1): from a script's text to its commands, as GNU sed reads them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands.regex import Pattern, compile_pattern

_ESCAPES = {"n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "r": "\r"}
_TEXT = "aic"
_LABEL = "btT:"
_FILE = "rRwW"
_PLAIN = "=dDgGhHnNpPxzF"
_NUMBER = "lqQL"
_BRACKET = re.compile(r"\[\^?\]?(?:\[:\w+:\]|\[\..\.\]|\[=.=\]|[^\]\n])*\]")


class SedError(Exception):
    """A script that sed refuses; the message is its."""


class MissingLabelError(SedError):
    """A jump to a label that is not there: sed ends with 4."""


@dataclass(frozen=True, slots=True)
class Address:
    """`kind` is "line", "last", "regex" (no pattern: the last one used), "step", "plus" or "multiple"."""

    kind: str
    number: int = 0
    step: int = 0
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a replacement: text, a group's number, or a change of case."""

    text: str = ""
    group: int = -1
    case: str = ""  # "U", "L", "u", "l" or "E" for what follows


@dataclass(slots=True)
class Command:
    """A command with its addresses. `jump` is the place of a block's end, or of a label, in the list."""

    name: str
    line: int
    first: Address | None = None
    second: Address | None = None
    negated: bool = False
    text: str = ""  # of a, i, c; a label; a file's name; of y, what is replaced
    pattern: Pattern | None = None  # of s; None: the last one used
    replacement: Sequence[Part] = ()
    table: dict[str, str] = field(default_factory=dict)  # of y
    number: int = 0  # of s: which match; of q, Q: the status; of l: the width
    flags: frozenset[str] = frozenset()  # of s: "g", "p", "w"
    jump: int = -1
    active: bool = False  # whether a range has begun
    until: int = -1  # the line on which the range ends


@dataclass(slots=True)
class Script:
    """Commands in their order; `#n` as the first line is the option -n."""

    commands: list[Command]
    quiet: bool = False


def parse(texts: Sequence[str], *, extended: bool = False) -> Script:
    """Reads the parts of a script, from -e and -f, each of which ends a line.

    Raises SedError, PatternError and UnmodelledPatternError.
    """
    reader = _Reader("\n".join(texts), extended)
    commands = reader.commands()
    return Script(commands, quiet=bool(re.match("#n(\n|$)", texts[0] if texts else "")))


class _Reader:
    def __init__(self, text: str, extended: bool) -> None:
        self._text = text
        self._at = 0
        self._extended = extended
        self._blocks: list[int] = []
        self._labels: dict[str, int] = {}
        self._made: list[Command] = []

    def commands(self) -> list[Command]:
        while True:
            self._skip(" \t\r\f\v\n;")
            if self._at >= len(self._text):
                break
            self._command()
        if self._blocks:
            raise SedError("unmatched `{'")
        for command in self._made:
            if command.name in "btT":
                if command.text and command.text not in self._labels:
                    raise MissingLabelError(f"can't find label for jump to `{command.text}'")
                command.jump = self._labels.get(command.text, len(self._made))
        return self._made

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, chars: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in chars:
            self._at += 1

    def _command(self) -> None:
        first = self._address()
        second = None
        if first is not None:
            self._skip(" \t")
            if self._peek() == ",":
                self._at += 1
                self._skip(" \t")
                second = self._address(second=True)
                if second is None:
                    raise SedError("unexpected `,'")
        self._skip(" \t")
        negated = self._peek() == "!"
        while self._peek() and self._peek() in "! \t":
            self._at += 1
        name = self._peek()
        if not name or name == "\n":
            raise SedError("missing command")
        self._at += 1
        command = Command(name, self._text.count("\n", 0, self._at), first, second, negated)
        self._arguments(command)

    def _arguments(self, command: Command) -> None:
        name = command.name
        if name == "#":
            self._rest()
            return
        if name == "{":
            self._blocks.append(len(self._made))
        elif name == "}":
            if not self._blocks:
                raise SedError("unexpected `}'")
            self._made[self._blocks.pop()].jump = len(self._made)
            self._end()
        elif name in _TEXT:
            command.text = self._inserted()
        elif name in _LABEL:
            self._skip(" \t")
            command.text = self._label(name)
            if name == ":":
                if not command.text:
                    raise SedError('":" lacks a label')
                self._labels[command.text] = len(self._made)
        elif name in _FILE:
            self._skip(" \t")
            command.text = self._rest()
            if not command.text:
                raise SedError("missing filename in r/R/w/W commands")
        elif name in _NUMBER:
            self._skip(" \t")
            match = re.compile(r"\d*").match(self._text, self._at)
            command.number = int(match[0] or -1) if match else -1
            self._at = match.end() if match else self._at
            self._end()
        elif name == "s":
            self._substitute(command)
        elif name == "y":
            self._transliterate(command)
        elif name in _PLAIN:
            self._end()
        else:
            raise SedError(f"unknown command: `{name}'")
        self._made.append(command)

    def _end(self) -> None:
        """Nothing but the end of a command may follow."""
        self._skip(" \t\r")
        if self._peek() in ("", "\n", ";"):
            self._at += 1
        elif self._peek() not in "}#":
            raise SedError("extra characters after command")

    def _rest(self) -> str:
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        text = self._text[self._at : end]
        self._at = end + 1
        return text

    def _label(self, name: str) -> str:
        # Of ":", a label ends at a blank, and a command may follow.
        match = re.compile(r"[^\s;]*" if name == ":" else r"[^;\n}]*").match(self._text, self._at)
        text = match[0] if match else ""
        self._at += len(text)
        if name != ":":
            self._end()
        return text.strip(" \t")

    def _address(self, *, second: bool = False) -> Address | None:
        char = self._peek()
        if char.isdigit():
            number = self._integer()
            self._skip(" \t")
            if self._peek() == "~" and not second:
                self._at += 1
                return Address("step", number, self._integer())
            return Address("line", number)
        if char == "$":
            self._at += 1
            return Address("last")
        if char in ("/", "\\"):
            self._at += 1
            if char == "\\":
                char = self._peek()
                self._at += 1
            text = self._expression(char, regex=True)
            flags = re.compile("[IM]*").match(self._text, self._at)
            letters = flags[0] if flags else ""
            self._at += len(letters)
            return Address("regex", pattern=self._pattern(text, "I" in letters, "M" in letters))
        if second and char in ("+", "~"):
            self._at += 1
            return Address("plus" if char == "+" else "multiple", self._integer())
        return None

    def _integer(self) -> int:
        match = re.compile(r"\d+").match(self._text, self._at)
        if match is None:
            raise SedError("expected number")
        self._at = match.end()
        return int(match[0])

    def _pattern(self, text: str, ignore_case: bool, multiline: bool) -> Pattern | None:
        if not text:
            return None
        return compile_pattern(
            text, extended=self._extended, ignore_case=ignore_case, multiline=multiline, sed=True
        )

    def _inserted(self) -> str:
        """The text of a, i, c: after `\\` and a newline, or in one line."""
        self._skip(" \t")
        if self._peek() == "\\":
            # One line, of which the backslash keeps the blanks at its begin; or the lines that follow.
            self._at += 1
            newline = re.compile(r"[ \t]*\n").match(self._text, self._at)
            self._at = newline.end() if newline else self._at
        elif self._peek() in ("", "\n"):
            raise SedError("expected \\ after `a', `c' or `i'")
        out: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == "\\":
                out.append(self._text[self._at : self._at + 1])
                self._at += 1
            elif char == "\n":
                break
            else:
                out.append(char)
        return "".join(out) + "\n"

    def _substitute(self, command: Command) -> None:
        delimiter = self._peek()
        self._at += 1
        if delimiter in ("", "\n", "\\"):
            raise SedError("unterminated `s' command")
        text = self._expression(delimiter, regex=True)
        replacement = self._expression(delimiter)
        flags: set[str] = set()
        ignore_case = multiline = False
        while True:
            char = self._peek()
            self._at += 1
            if char in ("g", "p"):
                flags.add(char)
            elif char in ("i", "I"):
                ignore_case = True
            elif char in ("m", "M"):
                multiline = True
            elif char.isdigit():
                self._at -= 1
                command.number = self._integer()
                if not command.number:
                    raise SedError("number option to `s' command may not be zero")
            elif char == "w":
                self._skip(" \t")
                command.text = self._rest()
                flags.add("w")
                break
            elif char == "e":
                raise SedError("the flag e of `s' is not modelled")
            else:
                self._at -= 1
                self._end()
                break
        command.flags = frozenset(flags)
        command.pattern = self._pattern(text, ignore_case, multiline)
        command.replacement = _replacement(replacement, delimiter)
        groups = max((part.group for part in command.replacement), default=0)
        if command.pattern is not None and groups > command.pattern.groups:
            raise SedError(f"invalid reference \\{groups} on `s' command's RHS")

    def _expression(self, delimiter: str, *, regex: bool = False) -> str:
        """Reads up to a delimiter, and past it; escapes are left as they are but those of the delimiter.

        In an expression, a delimiter within brackets is one of their characters.
        """
        out: list[str] = []
        while True:
            char = self._peek()
            if not char:
                raise SedError("unterminated address regex" if regex else "unterminated `s' command")
            self._at += 1
            if char == delimiter:
                return "".join(out)
            if char == "[" and regex:
                bracket = _BRACKET.match(self._text, self._at - 1)
                text = bracket[0] if bracket else char
                out.append(text)
                self._at += len(text) - 1
            elif char == "\\":
                following = self._peek()
                self._at += 1
                if following == delimiter and delimiter not in "&123456789nt":
                    # What is special in an expression is plain by its backslash.
                    out.append(f"\\{delimiter}" if delimiter in ".*[]^$+?(){}|" else delimiter)
                else:
                    out.append(f"\\{following}")
            else:
                out.append(char)

    def _transliterate(self, command: Command) -> None:
        delimiter = self._peek()
        self._at += 1
        sides = [_plain(self._expression(delimiter)) for _ in range(2)]
        if len(sides[0]) != len(sides[1]):
            raise SedError("strings for `y' command are different lengths")
        for old, new in zip(*sides, strict=True):
            command.table.setdefault(old, new)
        self._end()


def _plain(text: str) -> str:
    out, at = [], 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            char = _ESCAPES.get(text[at], text[at] if text[at] == "\\" else f"\\{text[at]}")
            at += 1
        out.append(char)
    return "".join(out)


def _replacement(text: str, delimiter: str) -> list[Part]:
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
            if following.isdigit():
                flush()
                parts.append(Part(group=int(following)))
            elif following in "ULulE":
                flush()
                parts.append(Part(case=following))
            elif following in _ESCAPES:
                literal.append(_ESCAPES[following])
            elif following in "cdox" and following != delimiter:
                raise SedError(f"the escape \\{following} is not modelled")
            else:
                literal.append(following)
        else:
            literal.append(char)
    flush()
    return parts
