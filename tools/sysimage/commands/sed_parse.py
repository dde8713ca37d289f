"""The language of sed(1): from a script's text to its commands, as GNU sed reads them."""

import re
from collections.abc import Sequence

from tools.sysimage.commands.regex import Pattern, compile_pattern
from tools.sysimage.commands.sed_tree import Address, Command, MissingLabelError, Script, SedError
from tools.sysimage.commands.sed_words import ESCAPES, plain, replacement

_TEXT = "aic"
_LABEL = "btT:"
_FILE = "rRwW"
_PLAIN = "=dDgGhHnNpPxzF"
_NUMBER = "lqQL"
_DIGITS = "0123456789"
_MAX_DIGITS = 18
_BRACKET = re.compile(r"\[\^?\]?(?:\[:\w+:\]|\[\..\.\]|\[=.=\]|[^\]\n])*\]")


def parse(texts: Sequence[str], files: list[str], *, extended: bool = False, null: bool = False) -> Script:
    """Reads the parts of a script, from -e and -f, each of which ends a line; `null` is the option -z.

    The files that it writes are added to `files`, up to an error. Raises SedError, PatternError and
    UnmodelledPatternError.
    """
    reader = _Reader("\n".join(texts), extended, null, files)
    commands = reader.commands()
    return Script(commands, quiet=bool(re.match("#n(\n|$)", texts[0] if texts else "")))


class _Reader:
    def __init__(self, text: str, extended: bool, null: bool, files: list[str]) -> None:
        self._text = text
        self._null = null
        self._files = files
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
            if command.name in "rR" and command.text in self._files:
                raise SedError("a file that a script reads and writes is not modelled")
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
        if negated:
            self._at += 1
            self._skip(" \t")
            if self._peek() == "!":
                raise SedError("multiple `!'s")
        name = self._peek()
        if not name or name == "\n":
            raise SedError("missing command")
        self._at += 1
        command = Command(name, self._text.count("\n", 0, self._at), first, second, negated)
        self._arguments(command)

    def _arguments(self, command: Command) -> None:
        name = command.name
        _check_addresses(command)
        if name == "v":
            if self._rest().strip(" \t;"):
                raise SedError("expected newer version of sed")
            return
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
            command.text, ended = self._inserted()
            command.flags = frozenset() if ended else frozenset({"open"})
        elif name in _LABEL:
            self._jump(command)
        elif name in _FILE:
            command.text = self._file_name(writes=name in "wW")
        elif name in _NUMBER:
            self._skip(" \t")
            command.number = self._integer() if self._peek() in _DIGITS and self._peek() else -1
            self._end()
        elif name == "s":
            self._substitute(command)
        elif name == "y":
            self._transliterate(command)
        elif name in _PLAIN:
            self._end()
        elif name == "e":
            raise SedError("the command e is not modelled")
        else:
            raise SedError(f"unknown command: `{name}'")
        self._made.append(command)

    def _file_name(self, *, writes: bool) -> str:
        self._skip(" \t")
        name = self._rest()
        if not name:
            raise SedError("missing filename in r/R/w/W commands")
        if writes:
            self._files.append(name)
        return name

    def _jump(self, command: Command) -> None:
        name = command.name
        self._skip(" \t")
        command.text = self._label(name)
        if name == ":":
            if not command.text:
                raise SedError('":" lacks a label')
            if command.text in self._labels:
                raise SedError("a label that is there twice is not modelled")
            self._labels[command.text] = len(self._made)

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
        match = re.compile(r"[^\s;]*" if name == ":" else r"[^\s;}#]*").match(self._text, self._at)
        text = match[0] if match else ""
        self._at += len(text)
        if name != ":":
            self._end()
        return text.strip(" \t")

    def _address(self, *, second: bool = False) -> Address | None:
        char = self._peek()
        if char and char in _DIGITS:
            number = self._integer()
            self._skip(" \t")
            if self._peek() == "~":
                self._at += 1
                step = self._integer()
                return Address("step", number, step) if step else Address("line", number)
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
        if char and char in "+~":
            if not second:
                raise SedError("an address of this form is not modelled")
            self._at += 1
            return Address("plus" if char == "+" else "multiple", self._integer())
        return None

    def _integer(self) -> int:
        match = re.compile(r"[0-9]+").match(self._text, self._at)
        if match is None:
            raise SedError("expected number")
        self._at = match.end()
        if len(match[0]) > _MAX_DIGITS:
            raise SedError("so large a number is not modelled")
        return int(match[0])

    def _pattern(self, text: str, ignore_case: bool, multiline: bool) -> Pattern | None:
        if not text:
            if ignore_case or multiline:
                raise SedError("cannot specify modifiers on empty regexp")
            return None
        if multiline and self._null:
            raise SedError("the flag M with -z is not modelled")
        return compile_pattern(
            text, extended=self._extended, ignore_case=ignore_case, multiline=multiline, sed=True
        )

    def _inserted(self) -> tuple[str, bool]:
        """The text of a, i, c: after `\\` and a newline, or in one line."""
        self._skip(" \t")
        below = False
        if self._peek() == "\\":
            # One line, of which the backslash keeps the blanks at its begin; or the lines that follow.
            self._at += 1
            newline = re.compile(r"[ \t]*\n").match(self._text, self._at)
            self._at = newline.end() if newline else self._at
            if self._at >= len(self._text) and newline is None:
                # Nothing comes: not even the newline that ends a text.
                return "", True
            below = newline is not None
        elif self._peek() in ("", "\n"):
            raise SedError("expected \\ after `a', `c' or `i'")
        out: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == "\\":
                following = self._text[self._at : self._at + 1]
                if following in ("c", "d", "o", "x"):
                    raise SedError(f"the escape \\{following} is not modelled")
                # At the begin of a line with the command, a backslash only keeps what follows.
                out.append(ESCAPES.get(following, following) if out or below else following)
                self._at += 1
            elif char == "\n":
                return "".join(out) + char, True
            else:
                out.append(char)
        return "".join(out), False

    def _substitute(self, command: Command) -> None:
        delimiter = self._peek()
        self._at += 1
        if delimiter in ("", "\n", "\\"):
            raise SedError("unterminated `s' command")
        text = self._expression(delimiter, regex=True)
        new = self._expression(delimiter)
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
            elif char and char in _DIGITS:
                self._at -= 1
                command.number = self._integer()
                if not command.number:
                    raise SedError("number option to `s' command may not be zero")
            elif char == "w":
                command.text = self._file_name(writes=True)
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
        command.replacement = replacement(new, delimiter)
        command.groups = max((part.group for part in command.replacement), default=0)
        if command.pattern is not None and command.groups > command.pattern.groups:
            raise SedError(f"invalid reference \\{command.groups} on `s' command's RHS")

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
                if following == delimiter and (regex or delimiter != "&"):
                    out.append(delimiter)
                else:
                    out.append(f"\\{following}")
            else:
                out.append(char)

    def _transliterate(self, command: Command) -> None:
        delimiter = self._peek()
        self._at += 1
        sides = [plain(self._expression(delimiter)) for _ in range(2)]
        if len(sides[0]) != len(sides[1]):
            raise SedError("strings for `y' command are different lengths")
        for old, new in zip(*sides, strict=True):
            command.table.setdefault(old, new)
        self._end()


def _check_addresses(command: Command) -> None:
    name, first, second = command.name, command.first, command.second
    if first is None:
        return
    if name in ":}#":
        raise SedError("comments and labels take no addresses")
    if name in "qQ" and second is not None:
        raise SedError("command only uses one address")
    if first == Address("line", 0) and (second is None or second.kind != "regex"):
        raise SedError("invalid usage of line address 0")
    if second is not None and second.kind == "step":
        raise SedError("an address of this form is not modelled")
