"""The toolbox: a folder with /usr and /etc of Debian packages, unpacked and never installed.

Each command of Bazel's goes through here, so what only the making needs is in a module of its own.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from tools.airgap import recipe
from tools.airgap.errors import ToolError

# Debian's name of an architecture → the folder of its libraries, its program loader.
_MACHINES = {
    "amd64": ("x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2"),
    "arm64": ("aarch64-linux-gnu", "usr/lib/ld-linux-aarch64.so.1"),
}


class Toolbox(NamedTuple):
    """A finished toolbox.

    root: the folder with `usr` and `etc`. architecture: Debian's name, as in amd64.
    """

    root: Path
    architecture: str

    @property
    def state(self) -> Path:
        """The folder for what is made from the host's configuration at each start."""
        return self.root / "host"

    @property
    def made(self) -> int:
        """When it was made, in nanoseconds since the epoch: no two toolboxes of a recipe are alike."""
        return (self.root / "toolbox.json").stat().st_mtime_ns

    @property
    def bazel(self) -> tuple[int, ...]:
        """The version of the Bazel in it, as in (7, 7, 1). Raises ToolError."""
        return recipe.bazel_version((self.root / recipe.BUILD_LABEL).read_text(encoding="utf-8"))

    def library(self, pattern: str) -> str:
        """Where a shared library whose name fits `pattern` is seen inside; empty if there is none."""
        folder = Path("usr/lib", _MACHINES[self.architecture][0])
        names = sorted(path.name for path in (self.root / folder).glob(pattern))
        return f"/{folder}/{names[0]}" if names else ""

    def command(self, program: str) -> list[str]:
        """The start of a command line that runs `program` of the toolbox on the host as it is."""
        triplet, loader = _MACHINES[self.architecture]
        libraries = self.root / "usr/lib" / triplet
        return [
            str(self.root / loader),
            "--library-path",
            str(libraries),
            str(self.root / "usr/bin" / program),
        ]

    def hold(self) -> int:
        """Marks the toolbox as in use while the descriptor that it gives is open in any process."""
        descriptor = os.open(self.state / "in-use", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.utime(descriptor)
        return descriptor


def cache_folder() -> Path:
    """Where toolboxes lie: $XDG_CACHE_HOME/rules_system_image, or ~/.cache/rules_system_image."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given.startswith("/") else Path("~/.cache").expanduser()
    return base / "rules_system_image"


def host_architecture() -> str:
    """Debian's name of this machine's architecture. ToolError if there is no toolbox for it."""
    machine = os.uname().machine
    name = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine)
    if name is None:
        raise ToolError(f"there is no toolbox for {machine} machines: install bazelisk")
    return name


def find_or_make() -> Toolbox:
    """The toolbox of the present recipe, made first if there is none. Raises ToolError."""
    architecture = host_architecture()
    toolbox = Toolbox(cache_folder() / f"toolbox-{recipe.digest(architecture)}", architecture)
    if not toolbox.root.exists():
        # Half of a command's start would go into these imports.
        from tools.airgap import making  # noqa: PLC0415

        making.make_once(toolbox)
    return toolbox
