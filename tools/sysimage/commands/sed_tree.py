"""A script of sed as its commands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands.regex import Pattern


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
    groups: int = 0  # the last subexpression that the replacement has
    table: dict[str, str] = field(default_factory=dict)  # of y
    number: int = 0  # of s: which match; of q, Q: the status; of l: the width
    flags: frozenset[str] = frozenset()  # of s: "g", "p", "w"
    jump: int = -1
    active: bool = False  # whether a range has begun
    closed: bool = False  # whether one from a line has begun before
    until: int = -1  # the line on which the range ends


@dataclass(slots=True)
class Script:
    """Commands in their order; `#n` as the first line is the option -n."""

    commands: list[Command]
    quiet: bool = False
