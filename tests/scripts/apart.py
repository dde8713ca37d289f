"""Runs what might never end, or take all memory, in a process of its own."""

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

from tools.sysimage.core.errors import ToolError

_SECONDS = 30
_MEBIBYTES = 256


def run_apart(run: Callable[[], object]) -> tuple[str, float]:
    """Runs a script by `run`: how it is refused, and the seconds of the processor that it takes.

    It may have 256 MiB more than there are now, and 30 seconds, past which the system ends it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (_MEBIBYTES << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        message = "not refused"
        try:
            run()
        except ToolError as error:
            message = str(error)
        except BaseException as error:
            message = f"a traceback: {error!r}"
        os.write(writer, json.dumps(message).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(child, 0)
    message = json.loads(said) if said else f"ended by signal {os.waitstatus_to_exitcode(status)}"
    return message, usage.ru_utime + usage.ru_stime
