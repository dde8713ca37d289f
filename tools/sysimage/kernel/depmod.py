"""Runs the locked depmod(8), which makes the index of modules in a folder that modprobe(8) reads."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core.errors import ToolError

MODULES = "usr/lib/modules"
"""The directory of modules; those of a kernel are in a directory named after its release."""


def index(folder: Path, release: str, depmod: Sequence[str]) -> None:
    """Adds depmod's files to `folder`/usr/lib/modules/`release`; `depmod` is the command that starts it.

    Raises ToolError if it fails or warns.
    """
    done = subprocess.run(
        [*depmod, "--basedir", folder.absolute(), "--moduledir", f"/{MODULES}", release],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    if done.returncode or done.stderr:
        said = done.stderr.strip() or f"status {done.returncode}"
        raise ToolError(
            f"depmod: can't index the modules of {release} ({said}); lock modules that fit the kernel"
        )
