"""Measurements of a boot, as `measurements` writes them, by name: for a report, and for what moved them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence.facts import Facts, read_json

_VALUES = ("value", "sha256", "sha384")
_NAMELESS = (*_VALUES, "of", "id_block")
INPUT = "input "
"""How the names of those begin that are no measurements, but what these are made of."""


def with_measurements(found: Facts, path: Path | None) -> Facts:
    """The facts, with what a file of measurements says. Raises ToolError if it is none."""
    if path is None:
        return found
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), dict):
        raise ToolError(f"{path}: has no measurements; name a file that `measurements` made")
    values: dict[str, str] = {}
    made_of: dict[str, tuple[str, ...]] = {}
    for section, part in content.items():
        if section == "inputs":
            values.update({INPUT + name: str(one.get("sha256", one)) for name, one in part.items()})
        elif section != "format":
            for name, value, of in _values(section, part):
                values[name] = value
                made_of[name] = of
    return replace(found, measurements={**found.measurements, **values}, made_of=made_of)


def _values(name: str, part: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if isinstance(part, dict):
        if "of" in part:
            for key in _VALUES:
                if isinstance(part.get(key), str):
                    yield name if key == "value" else f"{name} {key}", part[key], tuple(part["of"])
        for key, below in part.items():
            if key != "of" and not isinstance(below, str):
                yield from _values(f"{name} {key}", below)
    elif isinstance(part, list):
        names = [_name(below, number) for number, below in enumerate(part)]
        for number, below in enumerate(part):
            # Events of the same text, such as separators, are told apart by their number.
            again = names[:number].count(names[number])
            yield from _values(f"{name} {names[number]}" + (f" ({again + 1})" if again else ""), below)


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
