"""How a rule tells a tool to start a locked program: a JSON file {"argv": […]}."""

import json
from pathlib import Path

from tools.sysimage.core.errors import ToolError


def tool_argv(path: Path | None) -> tuple[str, ...]:
    """The command that starts a locked program, from its JSON file; none without one. Raises ToolError."""
    if path is None:
        return ()
    try:
        argv = json.loads(path.read_bytes())["argv"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolError(f'{path}: is not {{"argv": […]}} in JSON; write it anew') from error
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        raise ToolError(f"{path}: argv has to be a list of words; write it anew")
    return tuple(argv)
