"""The syntax tree of a shell program (XCU 2.10).

A word is a tuple of parts. A string part holds text as `marked` has it: quoted characters are kept apart
from plain ones, and a quotation mark is a character of its own.
"""

from dataclasses import dataclass, field

type Word = tuple[Part, ...]
type Part = str | Parameter | Command | Arithmetic
type Node = (
    Simple
    | Pipeline
    | Not
    | AndOr
    | Sequence
    | Background
    | Subshell
    | Redirected
    | If
    | Loop
    | For
    | Case
    | Function
    | Conditional
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name` or `${name…}` (XCU 2.6.2).

    `operator` is "" for the value alone, one of `- + = ? % %% # ##`, "length", or "bad" for what only
    fails when it is expanded; of bash, `/ // /# /% , ,, ^ ^^ :`. `colon` is whether an empty value counts
    as unset.
    """

    name: str
    operator: str = ""
    colon: bool = False
    word: Word = ()


@dataclass(frozen=True, slots=True)
class Command:
    """`$(…)` or backquotes (XCU 2.6.3); nothing at all is None."""

    body: Node | None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`$((…))` (XCU 2.6.4)."""

    expression: Word


@dataclass(slots=True)
class HereDocument:
    """A here-document (XCU 2.7.4); its body follows in the text after the redirection."""

    delimiter: str
    quoted: bool
    tabs: bool
    body: Word = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection (XCU 2.7): one of `< > >| >> <> <& >& <<`, of bash `&> &>> <<<`, for `fd`."""

    operator: str
    fd: int
    target: Word = ()
    document: HereDocument | None = None


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple command (XCU 2.9.1)."""

    line: int
    words: tuple[Word, ...] = ()
    assignments: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Two or more commands with `|` between them (XCU 2.9.2)."""

    stages: tuple[Node | None, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`! pipeline`."""

    body: Node | None


@dataclass(frozen=True, slots=True)
class AndOr:
    """An AND-OR list (XCU 2.9.3): the first command, then each `&&` or `||` with its command."""

    first: Node | None
    rest: tuple[tuple[str, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Commands one after the other."""

    items: tuple[Node | None, ...]


@dataclass(frozen=True, slots=True)
class Background:
    """`command &`."""

    body: Node | None
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Subshell:
    """`( list )` (XCU 2.9.4.1)."""

    line: int
    body: Node | None
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirected:
    """A compound command with redirections."""

    line: int
    body: Node | None
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if`, with `elif` as an `If` in `otherwise`."""

    test: Node | None
    then: Node | None
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Loop:
    """`while`, or `until`."""

    until: bool
    test: Node | None
    body: Node | None


@dataclass(frozen=True, slots=True)
class For:
    """`for name in words`; without `in`, the words are `"$@"`."""

    line: int
    name: str
    words: tuple[Word, ...]
    body: Node | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The patterns and the commands of one branch of `case`."""

    patterns: tuple[Word, ...]
    body: Node | None


@dataclass(frozen=True, slots=True)
class Case:
    """`case word in …` (XCU 2.9.4.3)."""

    line: int
    word: Word
    choices: tuple[Choice, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Conditional:
    """A part of bash's `[[ … ]]`.

    `operator` is `&&`, `||` or `!` of `terms`, an operator of test of `words`, or "" for one word alone.
    """

    line: int
    operator: str
    words: tuple[Word, ...] = ()
    terms: tuple[Conditional, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """`name() compound-command` (XCU 2.9.5)."""

    line: int
    name: str
    body: Node | None
