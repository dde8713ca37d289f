"""Reads what the stage measurements has written: the file, and its measurements by name."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError

_NAMELESS = ("of", "id_block", "value", "sha256", "sha384")  # keys that are in no measurement's name


@dataclass(frozen=True, slots=True)
class Value:
    """A measurement, and what it is made of."""

    value: str
    of: tuple[str, ...]


def read(path: Path) -> dict[str, Any]:
    """Measurements from a file. Raises ToolError if it has none."""
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found["inputs"], dict):
            raise ValueError("inputs are no object")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolError(f"{path}: has no measurements ({error!r}); write it anew") from None
    return dict(found)


def values(measured: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """All measurements, under names that tell them apart."""
    for section, content in measured.items():
        if section not in ("format", "inputs"):
            yield from _values(section, content)


def _values(name: str, content: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(content, list):
        names = [_name(item, number) for number, item in enumerate(content)]
        for number, (own, item) in enumerate(zip(names, content, strict=True)):
            # Events of the same text: separators.
            again = names[:number].count(own)
            yield from _values(f"{name} {own}" + (f" ({again + 1})" if again else ""), item)
    elif isinstance(content, dict) and "of" in content:
        of = tuple(content["of"])
        for key, value in content.items():
            if key == "value":
                yield name, Value(value, of)
            elif key in ("sha256", "sha384"):
                yield f"{name} {key}", Value(value, of)
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _values(f"{name} {key}", value)


def _name(item: Any, number: int) -> str:
    """What a person tells an item of a list by: a launch by its processors, an event by its text."""
    if not isinstance(item, dict):
        return str(number)
    words = [
        value if isinstance(value, str) else f"{key}={value}"
        for key, value in item.items()
        if key not in _NAMELESS
    ]
    return " ".join(words) or str(number)
