"""How a script ends early: what the shell itself reports, and what the build refuses."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.sysimage.core.errors import ToolError

_FRAMES = 40_000  # Python's frames; the machine's own bound on nesting is reached long before


class Refused(ToolError):
    """A script that is beyond what this shell does: a bound is exceeded, or a builtin is refused.

    `placed` is whether the message says the script, the line and the last command.
    """

    placed = False


class ShellError(Exception):
    """An error of the shell (XCU 2.8.1): it ends the script, or the command that `command` guards.

    `line` is where it was found, if not in the command that is executed.
    """

    def __init__(self, message: str, status: int = 2, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.line = line
        self.reported = False


class ShellSyntaxError(ShellError):
    """Text that is no shell program (XCU 2.10)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"Syntax error: {message}", 2, line)


class ShellExit(Exception):
    """The end of a shell: `exit`, or a failure under `set -e`.

    `chosen` is whether `exit` was called, which counts within a trap.
    """

    def __init__(self, chosen: bool) -> None:
        super().__init__()
        self.chosen = chosen


@contextmanager
def deep() -> Iterator[None]:
    """Gives nested programs room on Python's stack; what is deeper still is one line."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    except RecursionError:
        raise Refused("the script is nested too deeply; nest it less") from None
    finally:
        sys.setrecursionlimit(before)
