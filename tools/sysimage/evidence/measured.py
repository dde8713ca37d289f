"""Measurements of a boot, as `measurements` writes them, by name: for a report, and for what moved them."""

from dataclasses import replace
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence.facts import Facts, read_json
from tools.sysimage.formats import measured_file

INPUT = "input "
"""How the names of those begin that are no measurements, but what these are made of."""


def with_measurements(found: Facts, path: Path | None) -> Facts:
    """The facts, with what a file of measurements says. Raises ToolError if it is none."""
    if path is None:
        return found
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), dict):
        raise ToolError(f"{path}: has no measurements; name a file that `measurements` made")
    inputs = {INPUT + name: str(one.get("sha256", one)) for name, one in content["inputs"].items()}
    measured = dict(measured_file.values(content))
    return replace(
        found,
        measurements={
            **found.measurements,
            **inputs,
            **{name: one.value for name, one in measured.items()},
        },
        made_of={name: one.of for name, one in measured.items()},
    )
