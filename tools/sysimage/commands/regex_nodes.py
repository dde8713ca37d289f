"""The tree of a regular expression."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Set:
    """One character, as a piece of Python's syntax that matches one."""

    text: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place, as a piece of Python's syntax that takes no character."""

    text: str  # as Python has it


@dataclass(frozen=True, slots=True)
class Back:
    """A back reference."""

    number: int


@dataclass(frozen=True, slots=True)
class Group:
    """A subexpression, by its number."""

    body: Node
    number: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Something that is repeated; `most` is None without a bound."""

    body: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: tuple[Node, ...]


type Node = Set | Assertion | Back | Group | Repeat | Sequence | Choice
