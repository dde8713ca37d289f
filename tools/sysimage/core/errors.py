"""How the tools fail: one line for what can be foreseen, a traceback for a bug."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

_REMEDIES = {
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some of your quota and run it again",
}


_subject: list[tuple[str, str]] = []  # a manifest's path, and the target that it is of


def about(path: str, target: str) -> None:
    """Lets the messages of this run begin with a target's label, in place of its manifest's path.

    A target is what a person wrote; its manifest lies in Bazel's folders. The first one counts.
    """
    if not _subject:
        _subject.append((path, target))


class ToolError(Exception):
    """A failure that can be foreseen. Its message is one line: what, where and the remedy."""


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Runs a tool's `main` on the command line and exits with its status.

    `--target LABEL` may come first: then messages begin with it, as with that of a manifest.
    A ToolError, or the operating system's refusal (disk full, no permission), becomes one line on
    standard error and status 1. Any other exception is a bug and keeps its traceback. SIGTERM ends the
    tool as Ctrl-C does, so that half-written files are removed.
    """
    signal.signal(signal.SIGTERM, _terminated)
    # An action can't be given a umask; image_repro_test's second build asks for one in this way.
    if mask := os.environ.get("SYSTEM_IMAGE_UMASK"):
        os.umask(int(mask, 8))
    try:
        arguments = sys.argv[1:]
        if arguments[:1] == ["--target"]:
            about("", arguments[1])
            arguments = arguments[2:]
        status = main(arguments)
    except ToolError as error:
        status = _refuse(_headed(str(error)))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = f"; {_REMEDIES[error.errno]}" if error.errno in _REMEDIES else ""
        status = _refuse(_headed(f"{where}{error.strerror or error}{remedy}"))
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    sys.exit(status)


def warn(message: str) -> None:
    """Says on standard error what is no failure, in one line that begins with the target, if it is known."""
    _say("warning", _headed(message))


def _headed(message: str) -> str:
    for path, target in _subject:
        rest = message.removeprefix(path).removeprefix(":").strip()
        return message if message.startswith(f"{target}:") else f"{target}: {rest}"
    return message


def _refuse(message: str) -> int:
    _say("error", message)
    return 1


def _say(kind: str, message: str) -> None:
    line = " ".join(message.split())
    # Names in archives are untrusted, and terminals obey control characters: escape them.
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    print(f"{kind}: {shown}", file=sys.stderr)


def _terminated(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
