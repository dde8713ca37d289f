"""Has the locked depmod(8) make the index that modprobe(8) reads, of modules in a folder."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core.errors import ToolError

MODULES = "usr/lib/modules"
"""Where modules are, each kernel's in a folder called after its release."""


def index(folder: Path, release: str, depmod: Sequence[str]) -> None:
    """Adds depmod's files to `folder`/usr/lib/modules/`release`; `depmod` is how it is started.

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
