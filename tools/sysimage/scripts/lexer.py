"""Tokens of a shell program (XCU 2.3), as dash reads them."""

import enum
from collections.abc import Callable, Mapping

from tools.sysimage.scripts.marked import plain
from tools.sysimage.scripts.source import Nesting, ScriptText, fail
from tools.sysimage.scripts.syntax import HereDocument, Node, Redirect, Word
from tools.sysimage.scripts.words import BASE, DOUBLE, SINGLE, WordReader


class Kind(enum.Enum):
    """The kind of a token; the value is its name in messages."""

    END = "end of file"
    NEWLINE = "newline"
    SEMICOLON = '";"'
    BACKGROUND = '"&"'
    AND = '"&&"'
    OR = '"||"'
    PIPE = '"|"'
    LEFT = '"("'
    RIGHT = '")"'
    END_CASE = '";;"'
    REDIRECT = "redirection"
    WORD = "word"
    NOT = '"!"'
    CASE = '"case"'
    DO = '"do"'
    DONE = '"done"'
    ELIF = '"elif"'
    ELSE = '"else"'
    ESAC = '"esac"'
    FI = '"fi"'
    FOR = '"for"'
    IF = '"if"'
    IN = '"in"'
    THEN = '"then"'
    UNTIL = '"until"'
    WHILE = '"while"'
    BEGIN = '"{"'
    FINISH = '"}"'


_FIRST_KEYWORD = list(Kind).index(Kind.NOT)
KEYWORDS = {kind.value.strip('"'): kind for kind in list(Kind)[_FIRST_KEYWORD:]}
LIST_ENDS = frozenset((
    Kind.END, Kind.RIGHT, Kind.END_CASE, Kind.DO, Kind.DONE, Kind.ELIF, Kind.ELSE, Kind.ESAC, Kind.FI,
    Kind.THEN, Kind.FINISH,
))  # fmt: skip
_DOUBLED = {"&": (Kind.BACKGROUND, Kind.AND), "|": (Kind.PIPE, Kind.OR), ";": (Kind.SEMICOLON, Kind.END_CASE)}

type Substitute = Callable[[bool, bool], Node | None]


class Lexer:
    """Reads tokens. `kind`, `word`, `quoted` and `redirect` are those of the last one."""

    def __init__(
        self,
        source: ScriptText,
        nesting: Nesting,
        substitute: Substitute,
        aliases: Mapping[str, str],
        *,
        bash: bool = False,
    ) -> None:
        self.source = source
        self.bash = bash
        self.nesting = nesting
        self.documents: list[HereDocument] = []  # those whose bodies are still to come
        self.kind = Kind.NEWLINE
        self.word: Word = ()
        self.quoted = False
        self.redirect = Redirect("<", 0)
        self.pushed = False  # the last token will be read again
        self._substitute = substitute
        self._aliases = aliases
        self._start = 0  # where the last word began

    def next(
        self,
        *,
        keywords: bool = False,
        newlines: bool = False,
        delimiter: bool = False,
        aliases: bool | None = None,
    ) -> Kind:
        """Reads a token.

        `keywords` is whether a reserved word may stand here, `newlines` whether newlines before it are
        skipped, `delimiter` whether it is the delimiter of a here-document, `aliases` whether an alias may
        stand here (XCU 2.3.1), if not where a reserved word may.
        """
        while True:
            again = self.pushed
            kind = self._token(delimiter)
            if newlines:
                while kind is Kind.NEWLINE:
                    self.read_documents()
                    kind = self._token(False)
                    again = False
            part = self.word[0] if kind is Kind.WORD and not self.quoted and len(self.word) == 1 else None
            if not isinstance(part, str):
                return kind
            if keywords and part in KEYWORDS:
                self.kind = KEYWORDS[part]
                return self.kind
            if (
                again
                or not self._aliases
                or not self._expanded(part, keywords if aliases is None else aliases)
            ):
                return kind

    def _expanded(self, name: str, allowed: bool) -> bool:
        """Puts the text of an alias in its place. Returns whether it did."""
        within, blank = self.source.within(self._start)
        if name not in self._aliases or name in within or not (allowed or blank):
            return False
        self.source.insert(name, self._aliases[name])
        return True

    def read_documents(self) -> None:
        """Reads the bodies of the here-documents that began in the line before."""
        documents, self.documents = self.documents, []
        for document in documents:
            reader = WordReader(
                self.source,
                self.nesting,
                self._substitute,
                syntax=SINGLE if document.quoted else DOUBLE,
                delimiter=document.delimiter,
                tabs=document.tabs,
                bash=self.bash,
            )
            document.body = reader.read().word

    def _token(self, delimiter: bool) -> Kind:
        if self.pushed:
            self.pushed = False
            return self.kind
        source = self.source
        char = self._skip_blanks()
        if char == "\n":
            self.kind = Kind.NEWLINE
        elif not char:
            self.kind = Kind.END
        elif char == "&" and self.bash and source.text.startswith(">", source.position):
            self.kind = self._both()
        elif char in _DOUBLED:
            after = source.joined()
            if after != char:
                source.unget(after)
            self.kind = _DOUBLED[char][after == char]
        elif char in "()":
            self.kind = Kind.LEFT if char == "(" else Kind.RIGHT
        else:
            source.unget(char)
            self.kind = self._word(delimiter)
        return self.kind

    def _skip_blanks(self) -> str:
        source = self.source
        while True:
            char = source.joined()
            if char == "#":
                end = source.text.find("\n", source.position)
                source.position = len(source.text) if end < 0 else end
            elif char not in (" ", "\t"):
                return char

    def _word(self, delimiter: bool) -> Kind:
        self._start = self.source.position
        text = WordReader(
            self.source, self.nesting, self._substitute, syntax=BASE, literal=delimiter, bash=self.bash
        ).read()
        self.word, self.quoted = text.word, text.quoted
        if text.after and text.after in "<>" and not text.quoted and self._descriptor(text.word) is not None:
            self.redirect = self._redirection(self._descriptor(text.word) or "")
            return Kind.REDIRECT
        return Kind.WORD

    @staticmethod
    def _descriptor(word: Word) -> str | None:
        """Returns the digit before a redirection, "" without one, None if it is a word."""
        if not word:
            return ""
        first = word[0]
        return first if len(word) == 1 and isinstance(first, str) and first in set("0123456789") else None

    def _redirection(self, digit: str) -> Redirect:
        source = self.source
        first = source.get()
        after = source.joined()
        operator = first + after
        if operator not in (">>", ">|", ">&", "<<", "<&", "<>"):
            source.unget(after)
            operator = first
        fd = int(digit) if digit else int(first == ">")
        if operator != "<<":
            return Redirect(operator, fd)
        if self.bash and source.text.startswith("<", source.position):
            source.get()
            return Redirect("<<<", fd)
        after = source.joined()
        if after != "-":
            source.unget(after)
        return Redirect(operator, fd, (), HereDocument("", False, after == "-"))

    def _both(self) -> Kind:
        """Reads bash's `&>` and `&>>` from after the `&`."""
        self.source.get()
        append = self.source.text.startswith(">", self.source.position)
        if append:
            self.source.get()
        self.word, self.quoted = (), False
        self.redirect = Redirect("&>>" if append else "&>", 1)
        return Kind.REDIRECT

    def redirection(self) -> Redirect:
        """Reads what follows a redirection operator. Raises ShellSyntaxError."""
        redirect = self.redirect
        if self.next(delimiter=redirect.document is not None) is not Kind.WORD:
            raise fail(self.source, f"{self.kind.value} unexpected")
        document = redirect.document
        if document is not None:
            document.quoted = self.quoted
            document.delimiter = plain("".join(part for part in self.word if isinstance(part, str)))
            self.documents.append(document)
            return redirect
        return Redirect(redirect.operator, redirect.fd, self.word)
