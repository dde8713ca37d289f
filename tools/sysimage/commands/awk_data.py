"""Texts, numbers and records of awk."""

import re
from dataclasses import dataclass, field

from tools.sysimage.commands.awk_tree import AwkError, Node, byte

MAX_WIDTH = 1 << 16


_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


FORMAT = re.compile(r"%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z%])")


_FROM_BYTES = {value: byte(value) for value in range(0x80, 0x100)}


_TO_BYTES = {0xE000 + value: value for value in range(0x80, 0x100)}


def decode(data: bytes) -> str:
    """Turns bytes into awk's characters (see `byte`)."""
    return data.decode("latin-1").translate(_FROM_BYTES)


def encode(text: str) -> bytes:
    """Turns that text into bytes."""
    return text.translate(_TO_BYTES).encode("latin-1")


def inward(word: str) -> str:
    """Turns the world's text into awk's."""
    return decode(word.encode("utf-8", "surrogateescape"))


def outward(text: str) -> str:
    """Turns awk's text into the world's."""
    return encode(text).decode("utf-8", "surrogateescape")


class Text(str):
    """A text of the input, which is a number where it looks like one ("strnum")."""

    __slots__ = ()


type Value = float | str


type Array = dict[str, Value]


class Unordered(Text):
    """What a loop over an array leaves in its variable, where that depends on the order; the array's name."""

    __slots__ = ()


class JumpError(Exception):
    """A statement that goes on elsewhere."""


SPECIAL = frozenset(
    [
        "FS",
        "OFS",
        "ORS",
        "RS",
        "NR",
        "FNR",
        "FILENAME",
        "SUBSEP",
        "CONVFMT",
        "OFMT",
        "RSTART",
        "RLENGTH",
        "ARGC",
    ]
)
"""The variables that awk has by itself, and that are no arrays."""


class ExitError(JumpError):
    """The end of the program, by exit."""

    pass


def as_number(value: Value | None) -> float:
    """Returns the number that a value is taken for."""
    if isinstance(value, str):
        match = _NUMBER.match(value)
        return float(match[0]) if match else 0.0
    return 0.0 if value is None else value


def looks_numeric(text: str) -> bool:
    """Returns whether a text of the input is a number."""
    match = _NUMBER.match(text)
    return match is not None and not text[match.end() :].strip(" \t\n")


@dataclass(slots=True)
class Frame:
    """The variables of a function that is called; arrays are those of the caller."""

    values: dict[str, Value | Array | None] = field(default_factory=dict)


def as_node(part: object) -> Node:
    """Returns a part of the tree as a node. Raises AwkError."""
    if not isinstance(part, Node):
        raise AwkError("syntax error")
    return part
