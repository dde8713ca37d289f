"""The parts of an awk program, and its texts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\\": "\\",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}


class AwkError(Exception):
    """A program that awk refuses."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a program: what it is, and its parts (nodes, texts, None for what is left out)."""

    kind: str
    parts: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern with its action; None for none. `kind` is "BEGIN", "END", "pattern" or "range"."""

    kind: str
    patterns: tuple[Node, ...]
    action: Node | None


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the program."""

    name: str
    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Program:
    """Rules in their order, functions by name."""

    rules: Sequence[Rule]
    functions: dict[str, Function]


def byte(value: int) -> str:
    """Returns the character that stands for a byte; beyond ASCII, none is a letter."""
    value &= 0xFF
    return chr(value if value < 0x80 else 0xE000 + value)


def unescape(text: str) -> str:
    """Reads the escapes of a string."""

    def value(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "01234567":
            return byte(int(body, 8))
        if body[0] == "x":
            return byte(int(body[1:], 16))
        return _ESCAPES.get(body, "" if body == "\n" else f"\\{body}")

    return re.sub(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|[\s\S])", value, text)
