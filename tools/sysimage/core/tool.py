"""How a rule tells a tool to start a locked program: a JSON file {"argv": […]}."""

from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import ToolError


@dataclass(frozen=True, slots=True)
class ToolInput:
    """What the rule hands over."""

    argv: tuple[str, ...]  # the program and its first arguments


def tool_argv(path: Path | None) -> tuple[str, ...]:
    """The command that starts a locked program, from its JSON file; none without one. Raises ToolError."""
    if path is None:
        return ()
    argv = json_manifest.read(ToolInput, path).argv
    if not argv:
        raise ToolError(f"{path}: argv names no program; write the manifest anew")
    return argv
