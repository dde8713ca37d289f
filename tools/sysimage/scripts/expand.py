"""Word expansions (XCU 2.6): tilde, parameters, commands and arithmetic, then fields, names and quotes."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tools.sysimage.scripts import arithmetic
from tools.sysimage.scripts.bash_expansion import (
    braces,
    caret,
    check_pattern,
    modify,
    operands,
    refused,
    special,
)
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.fields import DEFAULT_IFS, Region, split
from tools.sysimage.scripts.glob import Glob
from tools.sysimage.scripts.limits import Meter
from tools.sysimage.scripts.marked import MARK, is_quoted, plain, quote
from tools.sysimage.scripts.patterns import cost, pattern, trim
from tools.sysimage.scripts.skipped import left_by_tilde
from tools.sysimage.scripts.syntax import Arithmetic, Command, Node, Parameter, Word

# How a word is expanded.
_FULL = 1  # into fields
_TILDE = 2  # a tilde at the start
_COLONS = 4  # tildes after the `=` and the colons of an assignment
_QUOTED = 8
_WORD = 16  # within `${x-…}`: literal text is split as well
_DISCARD = 32  # only skipped

_OPTION_LETTERS = "ubaCEVvxsnmiIfe"  # in the order of `$-`


class Shell(Protocol):
    """What expansions ask of the shell."""

    meter: Meter
    arguments: Sequence[str]
    name: str
    status: int
    bash: bool
    home: Callable[[str], str | None]

    def value(self, name: str) -> str | None:
        """Returns a variable's value."""

    def assign(self, name: str, value: str) -> None:
        """Sets a variable. Raises ShellError if it is read-only."""

    def option(self, letter: str) -> bool:
        """Returns whether an option is set."""

    def process(self, name: str) -> int | None:
        """Returns the number that `$$` or `$!` is."""

    def substitute(self, body: Node | None) -> str:
        """Runs commands in a subshell and returns their output."""


class Expander:
    """Expands words of one shell."""

    def __init__(self, shell: Shell, glob: Glob) -> None:
        self._shell = shell
        self._glob = glob

    def fields(self, word: Word) -> list[str]:
        """Expands a word of a command to fields: all expansions."""
        if len(word) == 1 and isinstance(text := word[0], str) and text.isascii() and text.isalnum():
            return [text]
        if self._shell.bash and len(words := braces(word)) > 1:
            return [field for one in words for field in self.fields(one)]
        buffer = _Buffer(self._shell)
        buffer.expand(word, _FULL | _TILDE)
        if self._shell.bash:
            check_pattern(self._shell.meter, buffer.text())
        found = split(buffer.text(), buffer.regions, self._ifs())
        self._shell.meter.fields(len(found))
        self._shell.meter.step(len(found) >> 2)
        if self._shell.option("f"):
            return [plain(field) for field in found]
        return [name for field in found for name in self._glob.names(field)]

    def text(self, word: Word) -> str:
        """Expands a word to one text: the target of a redirection, or what `case` compares."""
        return self._one(word, _TILDE)

    def assignment(self, word: Word) -> str:
        """Expands an assignment, `name=value`."""
        return self._one(word, _COLONS)

    def document(self, word: Word) -> str:
        """Expands a here-document."""
        return self._one(word, _QUOTED)

    def pattern(self, word: Word) -> str:
        """Expands a pattern of `case`."""
        return expand_pattern(self._shell, word)

    def _one(self, word: Word, flags: int) -> str:
        if len(word) == 1 and isinstance(text := word[0], str) and text.isascii() and "~" not in text:
            return text
        buffer = _Buffer(self._shell)
        buffer.expand(word, flags)
        return plain(buffer.text()).replace("\0", "")

    def _ifs(self) -> str:
        value = self._shell.value("IFS")
        return DEFAULT_IFS if value is None else value


def expand_pattern(shell: Shell, word: Word) -> str:
    """Expands a word to a pattern: what is quoted in it stands for itself."""
    text = expand_marked(shell, word)
    return pattern(caret(text) if shell.bash else text)


def expand_marked(shell: Shell, word: Word) -> str:
    """Expands a word to marked text, in which what is quoted is kept apart."""
    buffer = _Buffer(shell)
    buffer.expand(word, _TILDE)
    return buffer.text()


class _Buffer:
    """The expansion of one word: marked text, and the regions of it that are split."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._parts: list[str] = []
        self._size = 0
        self.regions: list[Region] = []

    def text(self) -> str:
        return "".join(self._parts)

    def _put(self, text: str, flags: int) -> None:
        """Adds the result of an expansion."""
        if text:
            self._shell.meter.expand(self._size + len(text))
            self._parts.append(quote(text) if flags & _QUOTED else text)
            self._size += len(text)

    def _record(self, start: int, only_nul: bool = False) -> None:
        self.regions.append(Region(start, self._size, only_nul))

    def expand(self, word: Word, flags: int) -> None:
        """Adds the expansion of a word."""
        quoted, skip = 0, 0
        breaks = flags & (_WORD | _QUOTED) == _WORD
        tilde, flags = flags & _TILDE, flags & ~_TILDE
        equals = True  # an assignment's first `=` is still to come
        index = 0
        while index < len(word):
            part, rest = word[index], word[index + 1 :]
            index += 1
            if isinstance(part, str):
                pieces = part[skip:].split(MARK)
                skip = 0
                for number, piece in enumerate(pieces):
                    last = number + 1 == len(pieces)
                    if piece:
                        equals = self._literal(
                            piece,
                            flags,
                            breaks=breaks and not quoted,
                            tilde=bool(tilde),
                            equals=equals,
                            ends=last and not rest,
                        )
                    tilde = 0
                    if last:
                        break
                    if not quoted and number + 2 == len(pieces) and not pieces[-1] and _all(rest):
                        self._parameter(Parameter("@"), flags | _QUOTED)
                        skip, index = 1, index + 1
                        break
                    quoted ^= _QUOTED
                    if not flags & _DISCARD:
                        self._parts.append(MARK)
                        self._size += 1
            elif not isinstance(part, Parameter) and flags & _DISCARD:
                pass
            elif isinstance(part, Parameter):
                self._parameter(part, flags | quoted)
                left = None if self._shell.bash else left_by_tilde(part)
                if left is not None and self._skips(part, flags | quoted):
                    word, index = left, 0
            elif isinstance(part, Command):
                self._command(part, flags | quoted)
            else:
                self._arithmetic(part, flags | quoted)
            tilde = 0

    def _skips(self, part: Parameter, flags: int) -> bool:
        value = self._value(part, flags)
        return (value is None or (part.colon and not value)) == (part.operator == "+")

    def _literal(self, text: str, flags: int, *, breaks: bool, tilde: bool, equals: bool, ends: bool) -> bool:
        """Adds text of the program. Returns whether an assignment's `=` is still to come."""
        if flags & _DISCARD:
            return equals
        position = 0
        if tilde and text[0] == "~":
            position = self._tilde(text, 0, flags, ends)
        if flags & _COLONS:
            return self._assignment(text, position, flags, equals, ends)
        self._plain(text[position:], breaks)
        return equals

    def _assignment(self, text: str, position: int, flags: int, equals: bool, ends: bool) -> bool:
        start = position
        while position < len(text):
            char = text[position]
            position += 1
            if char == "=" and equals:
                equals = False
            elif char != ":":
                continue
            if text.startswith("~", position):
                self._plain(text[start:position], False)
                start = position = self._tilde(text, position, flags, ends)
        self._plain(text[start:], False)
        return equals

    def _plain(self, text: str, breaks: bool) -> None:
        if not text:
            return
        self._shell.meter.expand(self._size + len(text))
        self._parts.append(text)
        start = position = self._size
        self._size += len(text)
        if not breaks:
            return
        for char in text:
            if is_quoted(char):
                if position > start:
                    self.regions.append(Region(start, position, False))
                start = position + 1
            position += 1
        if position > start:
            self.regions.append(Region(start, position, False))

    def _tilde(self, text: str, position: int, flags: int, ends: bool) -> int:
        """Expands a tilde (XCU 2.6.1). Returns where the text goes on."""
        end = position + 1
        while end < len(text) and text[end] != "/" and not (flags & _COLONS and text[end] == ":"):
            if is_quoted(text[end]):
                return position
            end += 1
        if end == len(text) and not ends:
            return position
        user = text[position + 1 : end]
        home = self._shell.home(user) if user else self._shell.value("HOME")
        if home is None:
            return position
        self._put(home, flags | _QUOTED)
        return end

    def _command(self, part: Command, flags: int) -> None:
        start = self._size
        self._put(self._shell.substitute(part.body).replace("\0", "").rstrip("\n"), flags)
        if not flags & _QUOTED:
            self._record(start)

    def _arithmetic(self, part: Arithmetic, flags: int) -> None:
        inner = _Buffer(self._shell)
        inner.expand(part.expression, 0)
        expression = plain(inner.text())
        self._shell.meter.step(1 + (len(expression) >> 6))
        start = self._size
        value = calculate(self._shell, expression)
        self._put(str(value), flags)
        if not flags & _QUOTED:
            self._record(start)

    def _parameter(self, part: Parameter, flags: int) -> None:
        operator, start = part.operator, self._size
        value = self._value(part, flags)
        discard = value is None or (part.colon and not value)
        if operator in ("-", "+"):
            if operator == "-" and value is not None:
                self._written(value, flags)
            discard = discard != (operator == "+")
            self.expand(part.word, flags | _TILDE | _WORD | (0 if discard else _DISCARD))
            if not discard:
                self._record_value(part, start, flags)
            return
        if operator in ("=", "?") and discard:
            if flags & _DISCARD:
                return
            value = self._replacement(part, flags)
            discard = value is None
        if discard and not flags & _DISCARD and self._shell.option("u"):
            raise unset(part.name)
        if flags & _DISCARD or (discard and operator not in ("", "length")):
            return
        if operator == "length":
            self._put(str(len(value or "")), flags)
        elif operator in ("%", "%%", "#", "##"):
            glob, text = expand_pattern(self._shell, part.word), value or ""
            self._shell.meter.step(cost(glob, text))
            self._written(trim(glob, text, operator), flags)
        elif operator and operator[0] in "/,^:":
            words = [expand_marked(self._shell, word) for word in operands(operator, part.word)]
            self._written(modify(part.name, operator, value or "", words, self._shell), flags)
        elif value is not None:
            self._written(value, flags)
        else:
            return
        self._record_value(part, start, flags)

    def _written(self, value: str, flags: int) -> None:
        if not flags & _DISCARD:
            self._put(value, flags)

    def _record_value(self, part: Parameter, start: int, flags: int) -> None:
        if flags & _DISCARD:
            return
        if not flags & _QUOTED:
            self._record(start)
        elif part.name == "@" and self._shell.arguments:
            self._record(start, only_nul=True)

    def _replacement(self, part: Parameter, flags: int) -> str | None:
        """Does what `=` and `?` do for a parameter without a value."""
        inner = _Buffer(self._shell)
        inner.expand(part.word, _TILDE)
        text = plain(inner.text()).replace("\0", "")
        if part.operator == "?":
            if part.word:
                raise ShellError(f"{part.name}: {text}")
            raise unset(part.name, " or null" if part.colon else "")
        self._shell.assign(part.name, text)
        return self._value(Parameter(part.name), flags)

    def _value(self, part: Parameter, flags: int) -> str | None:
        """Returns a parameter's value, None if it is unset."""
        shell, name = self._shell, part.name
        if part.operator == "bad":
            if flags & _DISCARD:
                return None
            if shell.bash:
                raise refused(shell.meter, f"${{{name}…}}")
            raise ShellError("Bad substitution")
        if name in ("@", "*"):
            # A length counts what stands between the arguments in one text.
            return self._all_arguments(name, 0 if part.operator == "length" else flags)
        if name[0].isalpha() or name[0] == "_":
            value = shell.value(name)
            return special(shell.meter, name) if value is None and shell.bash else value
        if name.isdigit():
            return self._argument(int(name[:9]))
        process = shell.process(name) if name in "$!" else None
        return {
            "#": str(len(shell.arguments)),
            "?": str(shell.status),
            "-": "".join(letter for letter in _OPTION_LETTERS if shell.option(letter)),
        }.get(name, None if process is None else str(process))

    def _argument(self, index: int) -> str | None:
        arguments = self._shell.arguments
        if index > len(arguments):
            return None
        return arguments[index - 1] if index else self._shell.name

    def _all_arguments(self, name: str, flags: int) -> str:
        shell = self._shell
        if name == "@" and flags & _QUOTED and flags & _FULL:
            return "\0".join(shell.arguments)
        ifs = shell.value("IFS")
        separator = " " if ifs is None else ifs[:1]
        if flags & _FULL and not flags & _QUOTED:
            # They stay apart whatever IFS is, and empty ones are dropped.
            separator = " " if ifs is None else "\0"
        return separator.join(shell.arguments)


def calculate(shell: Shell, expression: str) -> int:
    """Returns an arithmetic expression's value; what bash may read otherwise than dash is refused."""
    try:
        return arithmetic.evaluate(expression, shell.value, shell.assign)
    except ShellError:
        if shell.bash:
            raise refused(shell.meter, f"$(({expression}))") from None
        raise


def _all(rest: Word) -> bool:
    """Returns whether what follows a quotation mark is `$@` and the other mark."""
    return (
        len(rest) > 1 and rest[0] == Parameter("@") and isinstance(rest[1], str) and rest[1].startswith(MARK)
    )


def unset(name: str, tail: str = "") -> ShellError:
    """Returns the error of a parameter that has to be set."""
    return ShellError(f"{name}: parameter not set{tail}")
