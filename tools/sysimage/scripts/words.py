"""Words as dash reads them: quoting, parameters, substitutions, here-documents (XCU 2.2, 2.6, 2.7.4).

What dash makes of braces and quotation marks within each other is a machine with a stack; this is the
same machine, so that odd programs are read as dash reads them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tools.sysimage.scripts.bash_expansion import ansi_quoted
from tools.sysimage.scripts.marked import MARK, quote
from tools.sysimage.scripts.source import Nesting, ScriptText, fail
from tools.sysimage.scripts.syntax import Arithmetic, Command, Node, Parameter, Part, Word

BASE, DOUBLE, SINGLE, ARITHMETIC = "base", "double", "single", "arithmetic"

_ORDINARY = {
    BASE: re.compile(r"""[^\n\\'"`$}<>();&| \t]+"""),
    DOUBLE: re.compile(r"""[^\n\\"`$}]+"""),
    SINGLE: re.compile(r"[^\n']+"),
    ARITHMETIC: re.compile(r"[^\n\\`$}()]+"),
}
_SPECIAL = "!#$*-?@0123456789"
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_IN_NAME = _NAME + "0123456789"

type Substitution = Callable[[bool, bool], Node | None]


@dataclass(slots=True)
class _Level:
    """An entry of the stack: how text is read within it."""

    syntax: str
    double: bool = False  # within double quotes
    inner: bool = False  # double quotes that began within braces
    braces: int = 0
    quoted_braces: int = 0
    parentheses: int = 0
    pushed: bool = False  # by a parameter that has another syntax than what is around it


@dataclass(slots=True)
class _Open:
    """A parameter or an arithmetic expansion whose end is not yet read."""

    parameter: Parameter | None
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Text:
    """What was read: the word, whether any of it is quoted, and the character after it."""

    word: Word
    quoted: bool
    after: str


class WordReader:
    """Reads one word, or the body of one here-document, from a source."""

    def __init__(
        self,
        source: ScriptText,
        nesting: Nesting,
        substitute: Substitution,
        *,
        syntax: str = BASE,
        delimiter: str | None = None,
        tabs: bool = False,
        literal: bool = False,
        bash: bool = False,
    ) -> None:
        self._source = source
        self._bash = bash
        self._nesting = nesting
        self._substitute = substitute
        self._delimiter = delimiter
        self._tabs = tabs
        self._literal = literal  # the delimiter of a here-document: nothing is expanded
        self._top = _Level(syntax, double=syntax == DOUBLE)
        self._stack = [self._top]
        self._open: list[_Open] = []
        self._parts: list[Part] = []
        self._text: list[str] = []
        self._quoted = False

    def read(self) -> Text:
        """Reads up to the word's end. Raises ShellSyntaxError."""
        char = self._newline() if self._delimiter is not None else self._next()
        while char:
            if char == "\n":
                if self._top.syntax == BASE and not self._top.braces:
                    break
                self._put(char)
                char = self._newline()
                continue
            if _ORDINARY[self._top.syntax].match(char):
                self._put(char)  # it follows a line continuation
            elif not self._character(char):
                break
            char = self._next()
        self._check_end()
        if self._delimiter is None:
            self._source.unget(char)
        self._flush()
        return Text(tuple(self._parts), self._quoted, char)

    def _next(self) -> str:
        source, syntax = self._source, self._top.syntax
        run = source.run(_ORDINARY[syntax])
        if run:
            self._put(run)
        return source.get() if syntax == SINGLE else source.joined()

    def _newline(self) -> str:
        """Starts a line; within a here-document it may be its end."""
        if self._delimiter is None:
            return self._next()
        source = self._source
        if self._top.syntax != SINGLE:
            source.unget(source.joined())
        return "" if source.at_delimiter(self._delimiter, self._tabs) else self._next()

    def _put(self, text: str) -> None:
        quoted = self._delimiter is None and self._top.syntax in (DOUBLE, SINGLE)
        self._text.append(quote(text) if quoted else text)

    def _flush(self) -> None:
        if self._text:
            self._parts.append("".join(self._text))
            self._text.clear()

    def _add(self, part: Part) -> None:
        self._flush()
        self._parts.append(part)

    def _character(self, char: str) -> bool:
        """Takes a character that means something here. Returns whether the word goes on."""
        syntax = self._top.syntax
        if syntax == SINGLE:
            self._end_quote(char)
        elif char == "\\":
            self._backslash()
        elif char == "$":
            self._dollar()
        elif char == "`":
            self._backquote()
        elif char == "}":
            self._right_brace()
        elif syntax == BASE:
            return self._base(char)
        elif syntax == DOUBLE:
            self._end_quote(char)
        else:
            self._parenthesis(char)
        return True

    def _base(self, char: str) -> bool:
        top = self._top
        if char == "'":
            top.syntax = SINGLE
            self._mark()
        elif char == '"':
            top.syntax, top.double = DOUBLE, True
            if top.braces:
                top.inner = not top.inner
            self._mark()
        elif top.braces:
            self._put(char)
        else:
            return False
        return True

    def _mark(self) -> None:
        if self._delimiter is None:
            self._text.append(MARK)

    def _end_quote(self, char: str) -> None:
        top = self._top
        if self._delimiter is not None and not top.braces:
            self._put(char)
            return
        if not top.quoted_braces:
            top.syntax, top.double = BASE, False
        self._quoted = True
        if char == '"' and top.braces:
            top.inner = not top.inner
        self._mark()

    def _backslash(self) -> None:
        top, char = self._top, self._source.get()
        if not char:
            self._text.append(quote("\\"))
            return
        heredoc = self._delimiter is not None and not top.braces
        special = char in "\\`$" or (char == '"' and not heredoc) or (char == "}" and bool(top.braces))
        if top.double and not special:
            self._text.append(quote("\\"))
        self._text.append(quote(char))
        self._quoted = True

    def _backquote(self) -> None:
        if self._literal:
            self._put("`")
            return
        self._add(Command(self._substitute(True, self._top.double)))

    def _right_brace(self) -> None:
        top = self._top
        if top.inner or not top.braces:
            self._put("}")
            return
        top.braces -= 1
        if not top.braces and top.pushed:
            self._pop()
        elif top.quoted_braces:
            top.quoted_braces -= 1
        self._close(True)

    def _parenthesis(self, char: str) -> None:
        top = self._top
        if char == "(":
            top.parentheses += 1
            self._put(char)
        elif top.parentheses:
            top.parentheses -= 1
            self._put(char)
        elif (after := self._source.joined()) == ")":
            self._pop()
            self._close(False)
        else:
            self._source.unget(after)
            self._put(char)

    def _push(self, level: _Level) -> None:
        self._nesting.enter(self._source)
        self._stack.append(level)
        self._top = level

    def _pop(self) -> None:
        self._nesting.leave()
        self._stack.pop()
        self._top = self._stack[-1]

    def _begin(self, parameter: Parameter | None) -> None:
        self._nesting.enter(self._source)
        self._flush()
        self._open.append(_Open(parameter, self._parts))
        self._parts = []

    def _close(self, brace: bool) -> None:
        self._flush()
        opened = self._open.pop() if self._open else None
        if opened is None or brace != (opened.parameter is not None):
            raise fail(self._source, "Bad substitution")
        self._nesting.leave()
        inner, self._parts = tuple(self._parts), opened.parts
        if opened.parameter is None:
            self._parts.append(Arithmetic(inner))
        else:
            parameter = opened.parameter
            self._parts.append(Parameter(parameter.name, parameter.operator, parameter.colon, inner))

    def _check_end(self) -> None:
        top = self._top
        if top.syntax == ARITHMETIC:
            raise fail(self._source, "Missing '))'")
        if top.syntax != BASE and self._delimiter is None:
            raise fail(self._source, "Unterminated quoted string")
        if top.braces:
            raise fail(self._source, "Missing '}'")

    def _dollar(self) -> None:
        source = self._source
        char = source.joined()
        if self._bash and char == "'" and self._top.syntax == BASE and not self._literal:
            self._text.append(MARK + quote(ansi_quoted(source)) + MARK)
            self._quoted = True
        elif self._bash and char == '"' and self._top.syntax == BASE and not self._literal:
            source.unget(char)  # a text to be translated, which in C.UTF-8 stays what it is
        elif self._literal or not char or (char not in "({" and char not in _NAME and char not in _SPECIAL):
            source.unget(char)
            self._put("$")
        elif char == "(":
            if (after := source.joined()) == "(":
                self._begin(None)
                self._push(_Level(ARITHMETIC, double=True))
            else:
                source.unget(after)
                self._add(Command(self._substitute(False, self._top.double)))
        elif char == "{":
            self._braced()
        else:
            self._add(Parameter(self._simple_name(char)))

    def _simple_name(self, char: str) -> str:
        return self._name(char) if char in _NAME else char

    def _name(self, char: str) -> str:
        """Reads a name, or a number, that begins with a character."""
        source = self._source
        allowed = _IN_NAME if char in _NAME else "0123456789"
        name = [char]
        while (char := source.joined()) and char in allowed:
            name.append(char)
        source.unget(char)
        return "".join(name)

    def _braced(self) -> None:
        name, operator, colon = self._head(self._source.joined())
        if not operator:
            self._add(Parameter(name))
            return
        top = self._top
        syntax = BASE if operator[0] in "%#/^," else top.syntax
        if syntax == ARITHMETIC:
            syntax = DOUBLE
        if syntax != top.syntax or top.inner:
            self._push(_Level(syntax, double=syntax != BASE, pushed=True))
            top = self._top
        self._begin(Parameter(name, operator, colon))
        top.braces += 1
        if top.double:
            top.quoted_braces += 1

    def _head(self, char: str) -> tuple[str, str, bool]:
        """Reads a parameter's name and operator. Returns an operator "" if the brace is closed."""
        source = self._source
        if char == "}" or not char:
            source.unget(char)
            return "", "bad", False
        if char in _IN_NAME:
            return self._operator(self._name(char))
        after = source.joined()
        if char == "#":
            if after and after in _IN_NAME:
                return self._length(self._name(after))
            following = source.joined()
            if after != "}" and following == "}" and after in _SPECIAL:
                source.unget(following)
                return after, "length", False
            source.unget(following)
        source.unget(after)
        if char not in _SPECIAL:
            return "", "bad", False
        return self._operator(char)

    def _length(self, name: str) -> tuple[str, str, bool]:
        after = self._source.joined()
        self._source.unget(after)
        return name, "length" if after == "}" else "bad", False

    def _operator(self, name: str) -> tuple[str, str, bool]:
        source = self._source
        char = source.joined()
        colon = char == ":"
        if colon:
            char = source.joined()
        elif char and char in "%#":
            after = source.joined()
            if after == char:
                return name, char * 2, False
            source.unget(after)
            return name, char, False
        if char == "}" and not colon:
            return name, "", False
        if self._bash and char:
            if colon and char not in "-+?=}":
                source.unget(char)
                return name, ":", False
            if not colon and char in "/,^":
                after = source.joined()
                if after and after in ("/#%" if char == "/" else char):
                    return name, char + after, False
                source.unget(after)
                return name, char, False
        if char and char in "-+?=":
            return name, char, colon
        if char == "}":
            source.unget(char)
        return name, "bad", False
