"""What a command costs: seconds and memory of a process of its own, as the kernel counts them."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall time and processor time in seconds, the largest process in MiB."""

    wall: float
    cpu: float
    memory: float


def measure(
    argv: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    stdout: Path | None = None,
) -> Cost:
    """Runs a command in `folder`; raises ToolError if it fails."""
    with Path(stdin or os.devnull).open("rb") as source, Path(stdout or os.devnull).open("wb") as sink:
        start = time.monotonic()
        process = subprocess.Popen(
            argv, cwd=folder, env=environ, stdin=source, stdout=sink if stdout else None
        )
        # wait4 counts the process and what it has waited for; ru_maxrss is that of the largest of them.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ToolError(f"{argv[0]} ended with status {process.returncode}; what it said is above")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
