"""The way into the toolbox: bubblewrap lays the toolbox's /usr and /etc over the host's.

Everything else is bound as it is, and neither processes nor network are set apart, so the Bazel server
outlives the command that started it, and the next command finds it.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

from tools.airgap import recipe
from tools.airgap.errors import ToolError, say
from tools.airgap.toolbox import Toolbox

# Where the toolbox covers the host's files.
_COVERED = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64")


def check_not_covered(path: Path, what: str) -> None:
    """ToolError if `path` is one of those that can't be seen from the toolbox."""
    real = str(path.resolve())
    for covered in _COVERED:
        if real == covered or real.startswith(covered + "/"):
            raise ToolError(
                f"{what} {real} lies under {covered}, which the toolbox covers with its own: move it"
            )


def mounts(toolbox: Toolbox) -> List[str]:
    """The options of bwrap that lay the toolbox over the host."""
    root = toolbox.root
    options = ["--dev-bind", "/", "/", "--ro-bind", str(root / "usr"), "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        # Links into /usr everywhere since 2018 or so; where they are folders, they are covered too.
        if Path("/", name).is_dir() and not Path("/", name).is_symlink():
            if (root / "usr" / name).is_dir():
                options += ["--ro-bind", str(root / "usr" / name), f"/{name}"]
    options += ["--ro-bind", str(root / "etc"), "/etc"]
    for name in recipe.HOST_FILES + recipe.HOST_FOLDERS:
        if name == "etc/ssl" and not Path("/etc/ssl/certs/ca-certificates.crt").exists():
            continue  # the toolbox has Debian's own bundle
        if Path("/", name).exists():
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    return options


def _works(bwrap: List[str], toolbox: Toolbox) -> bool:
    done = subprocess.run(
        [*bwrap, *mounts(toolbox), "--", "/usr/bin/true"], capture_output=True, stdin=subprocess.DEVNULL
    )
    return done.returncode == 0


def find_bwrap(toolbox: Toolbox) -> List[str]:
    """The start of a command line of a bwrap that works here: the toolbox's, else the host's.

    The toolbox's needs user namespaces (or root); the host's may have a right of its own to make mounts.
    As root, the host's is installed if it is missed; otherwise the ToolError names the line to run.
    """
    own = toolbox.command("bwrap")
    boot = Path("/proc/sys/kernel/random/boot_id")
    stamp = f"{boot.read_text().strip() if boot.exists() else ''} {os.getuid()}\n"
    known = toolbox.state / "bwrap-works"
    if known.exists() and known.read_text() == stamp:
        return own
    if _works(own, toolbox):
        known.write_text(stamp)
        return own
    if not shutil.which("bwrap") and os.getuid() == 0:
        say("this host refuses namespaces: installing Debian's bubblewrap")
        subprocess.run(["apt-get", "install", "-qq", "-y", "bubblewrap"], check=False)
    host = shutil.which("bwrap")
    if host and _works([host], toolbox):
        return [host]
    if host or os.getuid() == 0:
        raise ToolError(
            "this host lets nobody make mounts (a container without CAP_SYS_ADMIN?), and the toolbox "
            "needs them: allow user namespaces, or install bazelisk"
        )
    raise ToolError(
        "this host refuses user namespaces to ordinary users, run: sudo apt-get install bubblewrap"
    )


def enter(toolbox: Toolbox, command: List[str], environment: Dict[str, str]) -> None:
    """Becomes `command` in the toolbox. Returns only by an exception."""
    arguments = [*find_bwrap(toolbox), *mounts(toolbox), "--", *command]
    os.execve(arguments[0], arguments, environment)
