"""How the tools fail: one line for what can be foreseen, a traceback for a bug."""

import sys
from collections.abc import Callable, Sequence


class ToolError(Exception):
    """A failure that can be foreseen: one line that says what, where and the remedy."""


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Runs a tool's `main` on the command line and exits with its status.

    A ToolError, or the operating system's refusal (disk full, no permission), becomes one line on
    standard error and status 1. Any other exception is a bug and keeps its traceback.
    """
    try:
        status = main(sys.argv[1:])
    except ToolError as error:
        status = _refuse(str(error))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        status = _refuse(f"{error.strerror or error}{where}")
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _refuse(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 1
