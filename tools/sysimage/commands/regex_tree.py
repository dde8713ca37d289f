"""The tree of a regular expression, and its piece of Python's syntax."""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Set:
    """One character, as a piece of Python's syntax that matches one."""

    text: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """What matches nothing at some places, as Python has it."""

    text: str


@dataclass(frozen=True, slots=True)
class Back:
    """A back reference."""

    number: int


@dataclass(frozen=True, slots=True)
class Group:
    """A subexpression."""

    body: Node
    number: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is matched from `least` to `most` times; None is no limit."""

    body: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; without parts, it matches nothing everywhere."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these."""

    options: tuple[Node, ...]


type Node = Set | Assertion | Back | Group | Repeat | Sequence | Choice

EMPTY = Sequence()
MANY = 100_000
"""More ways than Python is to try."""


def python(node: Node) -> str:
    """Returns a tree in Python's syntax."""
    match node:
        case Set(text) | Assertion(text):
            return text
        case Back(number):
            return rf"(?:\{number})"
        case Group(body, _):
            return f"({python(body)})"
        case Repeat(body, least, most):
            upper = "" if most is None else str(most)
            bounds = {(0, ""): "*", (1, ""): "+", (0, "1"): "?"}.get((least, upper), f"{{{least},{upper}}}")
            return f"{python(body)}{bounds}" if isinstance(body, Set) else f"(?:{python(body)}){bounds}"
        case Sequence(parts):
            return "".join(map(python, parts))
        case Choice(options):
            return f"(?:{'|'.join(map(python, options))})"


def children(node: Node) -> tuple[Node, ...]:
    """Returns what a tree is made of."""
    match node:
        case Group(body, _) | Repeat(body, _, _):
            return (body,)
        case Sequence(parts):
            return parts
        case Choice(options):
            return options
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yields a tree and all trees in it."""
    yield node
    for child in children(node):
        yield from walk(child)


def is_empty(node: Node) -> bool:
    """Whether a tree is none for glibc: nothing, or what is repeated not once."""
    return node == EMPTY or (isinstance(node, Repeat) and node.most == 0)


def has_back(node: Node) -> bool:
    """Whether there is a back reference."""
    return any(isinstance(one, Back) for one in walk(node))


def is_plain(node: Node) -> bool:
    """Whether Python's first match is glibc's: nothing is repeated but single characters, and no choice.

    Of two ways to match such a pattern, the one that takes more at first ends no earlier: where the ways
    cross, each can go on as the other does.
    """
    return not any(
        isinstance(one, Choice | Back) or (isinstance(one, Repeat) and not isinstance(one.body, Set))
        for one in walk(node)
    )


def is_anchored(node: Node) -> bool:
    """Whether a match can begin at the begin of the text alone."""
    match node:
        case Assertion(text):
            return text == r"\A"
        case Group(body, _):
            return is_anchored(body)
        case Sequence(parts):
            return bool(parts) and is_anchored(parts[0])
        case Choice(options):
            return all(map(is_anchored, options))
    return False


def ways(node: Node, size: int) -> int:
    """In how many ways Python may try a tree on so many characters, at most; more than MANY is MANY + 1."""
    match node:
        case Group(body, _):
            return ways(body, size)
        case Sequence(parts):
            return min(math.prod(ways(part, size) for part in parts), MANY + 1)
        case Choice(options):
            return min(sum(ways(option, size) for option in options), MANY + 1)
        case Repeat(body, least, most):
            times = size if most is None else min(most, size)
            each = ways(body, size)
            if each == 1:
                return min(max(times - least, 0) + 1, MANY + 1)
            return min(int(each ** min(max(times, least), MANY.bit_length())), MANY + 1)
    return 1


def is_doubtful(node: Node) -> bool:
    """Whether a back reference is repeated, or is to a repeated subexpression: there glibc errs."""
    back = {one.number for one in walk(node) if isinstance(one, Back)}
    return bool(back) and any(
        isinstance(inner, Back) or (isinstance(inner, Group) and inner.number in back)
        for one in walk(node)
        if isinstance(one, Repeat)
        for inner in walk(one.body)
    )


def is_unsure(node: Node) -> bool:
    """Whether glibc's copies of what is repeated, with tests of places in a choice, fill others' places."""
    return any(
        isinstance(one, Repeat)
        and one.most is not None
        and one.most > 1
        and any(isinstance(inner, Assertion) for inner in walk(one.body))
        and any(isinstance(inner, Choice) for inner in walk(one.body))
        for one in walk(node)
    )
