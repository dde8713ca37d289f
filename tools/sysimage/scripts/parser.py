"""The grammar of the shell (XCU 2.10), read a complete command at a time as dash does."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tools.sysimage.scripts.bash_conditional import conditional
from tools.sysimage.scripts.failures import ShellSyntaxError, deep
from tools.sysimage.scripts.lexer import LIST_ENDS, Kind, Lexer
from tools.sysimage.scripts.marked import MARK
from tools.sysimage.scripts.source import Nesting, ScriptText, fail
from tools.sysimage.scripts.syntax import (
    AndOr,
    Background,
    Case,
    Choice,
    For,
    Function,
    If,
    Loop,
    Node,
    Not,
    Parameter,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Subshell,
    Word,
)

SPECIAL_BUILTINS = frozenset((
    ".", ":", "break", "continue", "eval", "exec", "exit", "export", "local", "readonly", "return", "set",
    "shift", "times", "trap", "unset",
))  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_BASH_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_BASH_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_NO_ALIASES: Mapping[str, str] = MappingProxyType({})
_ALL_ARGUMENTS: Word = (MARK, Parameter("@"), MARK)


class Parser:
    """Reads the commands of a program one after the other."""

    def __init__(
        self, text: str, line: int = 1, aliases: Mapping[str, str] = _NO_ALIASES, *, bash: bool = False
    ) -> None:
        self._nesting = Nesting()
        self._lexer = Lexer(ScriptText(text, line), self._nesting, self._substitute, aliases, bash=bash)

    @property
    def line(self) -> int:
        """The line that is read next."""
        return self._lexer.source.line

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._lexer.source.position >= len(self._lexer.source.text)

    def next(self) -> tuple[bool, Node | None]:
        """Reads a line's commands: whether there was a line, and the commands, None if it is empty.

        Raises ShellSyntaxError.
        """
        lexer = self._lexer
        lexer.pushed = False
        lexer.documents = []
        if lexer.next(keywords=True) is Kind.END:
            return False, None
        lexer.pushed = True
        return True, self._line()

    def _line(self) -> Node | None:
        lexer, items = self._lexer, list[Node | None]()
        while True:
            kind = lexer.next(keywords=True)
            if kind in (Kind.NEWLINE, Kind.END):
                lexer.read_documents()
                return _sequence(items)
            lexer.pushed = True
            items.append(self._and_or_background())
            if lexer.next() not in (Kind.NEWLINE, Kind.END, Kind.SEMICOLON, Kind.BACKGROUND):
                raise self._unexpected()
            if lexer.kind in (Kind.NEWLINE, Kind.END):
                lexer.pushed = True

    def _list(self, *, empty: bool = False) -> Node | None:
        """Reads commands up to what ends a list; that is read again. `empty` is whether there may be none."""
        lexer, items = self._lexer, list[Node | None]()
        self._nesting.enter(lexer.source)
        while True:
            kind = lexer.next(keywords=True, newlines=True)
            if kind is Kind.END:
                lexer.read_documents()
            lexer.pushed = True
            if kind is Kind.END or (kind in LIST_ENDS and (items or empty)):
                break
            items.append(self._and_or_background())
            if lexer.next() not in (Kind.NEWLINE, Kind.SEMICOLON, Kind.BACKGROUND):
                lexer.pushed = True
                if lexer.kind is Kind.END:
                    lexer.read_documents()
                break
            if lexer.kind is Kind.NEWLINE:
                lexer.pushed = True
        self._nesting.leave()
        return _sequence(items)

    def _and_or_background(self) -> Node | None:
        node = self._and_or()
        if self._lexer.next() is not Kind.BACKGROUND:
            self._lexer.pushed = True
            return node
        self._lexer.pushed = True
        return Background(node)

    def _and_or(self) -> Node | None:
        lexer = self._lexer
        first = self._pipeline()
        rest: list[tuple[str, Node | None]] = []
        while lexer.next() in (Kind.AND, Kind.OR):
            operator = "&&" if lexer.kind is Kind.AND else "||"
            lexer.next(keywords=True, newlines=True)
            lexer.pushed = True
            rest.append((operator, self._pipeline()))
        lexer.pushed = True
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node | None:
        lexer = self._lexer
        negated = lexer.next(keywords=True) is Kind.NOT
        if negated:
            lexer.next(keywords=True)
        lexer.pushed = True
        node = self._command()
        stages = [node]
        while lexer.next() is Kind.PIPE:
            lexer.next(keywords=True, newlines=True)
            lexer.pushed = True
            stages.append(self._command())
        lexer.pushed = True
        if len(stages) > 1:
            node = Pipeline(tuple(stages))
        return Not(node) if negated else node

    def _command(self) -> Node | None:
        lexer = self._lexer
        line = lexer.source.line
        kind = lexer.next(keywords=True)
        word = self._literal() if lexer.bash and kind is Kind.WORD and not lexer.quoted else None
        if kind in (Kind.WORD, Kind.REDIRECT) and word not in ("[[", "function"):
            lexer.pushed = True
            return self._simple()
        self._nesting.enter(lexer.source)
        node = self._compound(kind, line) if word is None else self._of_bash(word, line)
        self._nesting.leave()
        redirects = self._redirects()
        if not redirects:
            return node
        if isinstance(node, Subshell):
            return Subshell(node.line, node.body, redirects)
        return Redirected(line, node, redirects)

    def _compound(self, kind: Kind, line: int) -> Node | None:
        if kind is Kind.IF:
            return self._if()
        if kind in (Kind.WHILE, Kind.UNTIL):
            test = self._list()
            self._expect(Kind.DO)
            body = self._list()
            self._expect(Kind.DONE)
            return Loop(kind is Kind.UNTIL, test, body)
        if kind is Kind.FOR:
            return self._for(line)
        if kind is Kind.CASE:
            return self._case(line)
        if kind is Kind.LEFT:
            body = self._list()
            self._expect(Kind.RIGHT)
            return Subshell(line, body)
        if kind is Kind.BEGIN:
            body = self._list()
            self._expect(Kind.FINISH)
            return body
        raise self._unexpected()

    def _if(self) -> Node:
        """Reads from after `if`; a chain of `elif` is a loop, not a recursion."""
        branches = []
        while True:
            test = self._list()
            self._expect(Kind.THEN)
            branches.append((test, self._list()))
            if self._lexer.next() is not Kind.ELIF:
                break
        otherwise: Node | None = None
        if self._lexer.kind is Kind.ELSE:
            otherwise = self._list()
        else:
            self._lexer.pushed = True
        self._expect(Kind.FI)
        for test, then in reversed(branches):
            otherwise = If(test, then, otherwise)
        assert otherwise is not None
        return otherwise

    def _for(self, line: int) -> Node:
        lexer = self._lexer
        kind = lexer.next()
        name = self._literal()
        if kind is not Kind.WORD or lexer.quoted or name is None or not _NAME.fullmatch(name):
            raise fail(lexer.source, "Bad for loop variable")
        words: tuple[Word, ...] = (_ALL_ARGUMENTS,)
        if lexer.next(keywords=True, newlines=True) is Kind.IN:
            found = []
            while lexer.next() is Kind.WORD:
                found.append(lexer.word)
            words = tuple(found)
            if lexer.kind not in (Kind.NEWLINE, Kind.SEMICOLON):
                raise self._unexpected()
            # As in dash, the bodies of here-documents do not follow this newline, but the next one.
        elif lexer.kind is not Kind.SEMICOLON:
            lexer.pushed = True
        self._expect(Kind.DO, newlines=True)
        body = self._list()
        self._expect(Kind.DONE)
        return For(line, name, words, body)

    def _case(self, line: int) -> Node:
        lexer = self._lexer
        self._expect(Kind.WORD, keywords=False)
        word = lexer.word
        self._expect(Kind.IN, newlines=True)
        choices: list[Choice] = []
        kind = lexer.next(keywords=True, newlines=True, aliases=False)
        while kind is not Kind.ESAC:
            patterns = self._patterns()
            choices.append(Choice(patterns, self._list(empty=True)))
            kind = lexer.next(keywords=True, newlines=True)
            if kind is Kind.ESAC:
                break
            if kind is not Kind.END_CASE:
                raise self._unexpected(Kind.END_CASE)
            kind = lexer.next(keywords=True, newlines=True, aliases=False)
        return Case(line, word, tuple(choices))

    def _patterns(self) -> tuple[Word, ...]:
        lexer, patterns = self._lexer, list[Word]()
        if lexer.kind is Kind.LEFT:
            lexer.next()
        while True:
            patterns.append(lexer.word)
            if lexer.next() is not Kind.PIPE:
                break
            lexer.next()
        if lexer.kind is not Kind.RIGHT:
            raise self._unexpected(Kind.RIGHT)
        return tuple(patterns)

    def _redirects(self) -> tuple[Redirect, ...]:
        lexer, redirects = self._lexer, list[Redirect]()
        while lexer.next(keywords=True) is Kind.REDIRECT:
            redirects.append(lexer.redirection())
        lexer.pushed = True
        return tuple(redirects)

    def _simple(self) -> Node:
        lexer = self._lexer
        line = lexer.source.line
        words, assignments, redirects = list[Word](), list[Word](), list[Redirect]()
        while True:
            kind = lexer.next(aliases=not words)
            if kind is Kind.WORD:
                if not words and is_assignment(lexer.word, bash=lexer.bash):
                    assignments.append(lexer.word)
                else:
                    words.append(lexer.word)
            elif kind is Kind.REDIRECT:
                redirects.append(lexer.redirection())
            elif kind is Kind.LEFT and len(words) == 1 and not assignments and not redirects:
                return self._function(words[0])
            else:
                lexer.pushed = True
                return Simple(line, tuple(words), tuple(assignments), tuple(redirects))

    def _of_bash(self, word: str, line: int) -> Node:
        lexer = self._lexer
        if word == "[[":
            return conditional(lexer, line)
        lexer.next()
        name = lexer.word
        if lexer.next() is Kind.LEFT:
            return self._function(name)
        lexer.pushed = True
        return self._body(name)

    def _function(self, word: Word) -> Node:
        self._expect(Kind.RIGHT)
        return self._body(word)

    def _body(self, word: Word) -> Node:
        lexer = self._lexer
        name = "".join(word) if all(isinstance(part, str) for part in word) else ""  # type: ignore[arg-type]
        names = _BASH_NAME if lexer.bash else _NAME
        if not names.fullmatch(name) or name in SPECIAL_BUILTINS:
            raise fail(lexer.source, "Bad function name")
        lexer.next(keywords=True, newlines=True)
        lexer.pushed = True
        line = lexer.source.line
        self._nesting.enter(lexer.source)
        body = self._command()
        self._nesting.leave()
        return Function(line, name, body)

    def _substitute(self, old: bool, double: bool) -> Node | None:
        """Reads the commands of `$(…)`, or of backquotes."""
        lexer = self._lexer
        documents, lexer.documents = lexer.documents, []
        if not old:
            node = self._list(empty=True)
            self._expect(Kind.RIGHT)
            lexer.read_documents()
        else:
            source = lexer.source
            lexer.source = ScriptText(_backquoted(source, double), source.line)
            lexer.pushed = False
            node = self._list(empty=True)
            lexer.read_documents()
            lexer.source, lexer.pushed = source, False
        lexer.documents = documents
        return node

    def _literal(self) -> str | None:
        word = self._lexer.word
        return word[0] if len(word) == 1 and isinstance(word[0], str) else None

    def _expect(self, kind: Kind, *, newlines: bool = False, keywords: bool = True) -> None:
        if self._lexer.next(keywords=keywords, newlines=newlines) is not kind:
            raise self._unexpected(kind)

    def _unexpected(self, expected: Kind | None = None) -> ShellSyntaxError:
        lexer = self._lexer
        wanted = f" (expecting {expected.value})" if expected else ""
        return fail(lexer.source, f"{lexer.kind.value} unexpected{wanted}")


def parse(text: str) -> tuple[Node, ...]:
    """Reads a whole program, as `sh -n` does. Raises ShellSyntaxError, and Refused if it is too deep."""
    nodes: list[Node] = []
    with deep():
        parser = Parser(text)
        while True:
            more, node = parser.next()
            if not more:
                return tuple(nodes)
            if node is not None:
                nodes.append(node)


def is_assignment(word: Word, *, bash: bool = False) -> bool:
    """Returns whether a word is `name=…` (XCU 2.9.1), or bash's `name+=…`."""
    form = _BASH_ASSIGNMENT if bash else _ASSIGNMENT
    return bool(word) and isinstance(word[0], str) and form.match(word[0]) is not None


def _sequence(items: list[Node | None]) -> Node | None:
    kept = [item for item in items if item is not None]
    if not kept:
        return None
    return kept[0] if len(kept) == 1 else Sequence(tuple(kept))


def _backquoted(source: ScriptText, double: bool) -> str:
    """Reads up to the closing backquote and takes a level of backslashes away (XCU 2.6.3)."""
    text = []
    while (char := source.joined()) != "`":
        if char == "\\":
            char = source.get()
            if char not in ("\\", "`", "$") and not (double and char == '"'):
                text.append("\\")
        if not char:
            raise fail(source, "EOF in backquote substitution")
        text.append(char)
    return "".join(text)
