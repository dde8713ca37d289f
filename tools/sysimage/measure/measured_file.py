"""Reads what the stage measurements has written."""

import json
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError


def read(path: Path) -> dict[str, Any]:
    """Measurements from a file. Raises ToolError if it has none."""
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found["inputs"], dict):
            raise ValueError("inputs are no object")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolError(f"{path}: has no measurements ({error!r}); write it anew") from None
    return dict(found)
