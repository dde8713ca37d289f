"""The failure that a user can mend: one line, no traceback."""

from __future__ import annotations

import sys
from typing import Callable, NoReturn


class ToolError(Exception):
    """A foreseeable failure. Its text is ONE line that says what, where, and the remedy."""


def say(line: str) -> None:
    """Prints a line of progress, where Bazel prints its own."""
    print(f"tools/bazel: {line}", file=sys.stderr, flush=True)


def run(main: Callable[[], int]) -> NoReturn:
    """Calls `main` and ends the process with its status; a ToolError becomes one line and status 1."""
    try:
        status = main()
    except ToolError as error:
        say(f"error: {error}")
        status = 1
    except KeyboardInterrupt:
        say("interrupted")
        status = 130
    sys.exit(status)
