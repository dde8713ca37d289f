"""Measurements of a boot, as `measurements` writes them, by name: for a report, and for what moved them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence.facts import Facts, read_json

_VALUES = ("value", "sha256", "sha384")
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
        for number, below in enumerate(part):
            yield from _values(f"{name} {number}", below)
