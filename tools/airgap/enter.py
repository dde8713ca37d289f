"""The way into the toolbox: bubblewrap lays the toolbox's /usr and /etc over the host's.

Everything else is bound as it is, and neither processes nor network are set apart, so the Bazel server
outlives the command that started it, and the next command finds it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tools.airgap import recipe
from tools.airgap.errors import ToolError, say
from tools.airgap.toolbox import Toolbox

# Where the toolbox covers the host's files.
_COVERED = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64")


# What a user or a CI system stops a command with.
_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def inside() -> bool:
    """Whether this process is in the toolbox already (a program that Bazel started calls tools/bazel)."""
    return Path("/", recipe.BUILD_DATA).exists()


def check_not_covered(path: Path, what: str) -> None:
    """ToolError if `path` is one of those that can't be seen from the toolbox."""
    real = str(path.resolve())
    for covered in _COVERED:
        if real == covered or real.startswith(covered + "/"):
            raise ToolError(
                f"{what} {real} lies under {covered}, which the toolbox covers with its own: move it"
            )


def mounts(toolbox: Toolbox) -> list[str]:
    """The options of bwrap that lay the toolbox over the host."""
    root = toolbox.root
    options = ["--dev-bind", "/", "/", "--ro-bind", str(root / "usr"), "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        # Links into /usr on all but old hosts; where they are folders, they are covered too.
        on_host = Path("/", name)
        if on_host.is_dir() and not on_host.is_symlink() and (root / "usr" / name).is_dir():
            options += ["--ro-bind", str(root / "usr" / name), f"/{name}"]
    options += ["--ro-bind", str(root / "etc"), "/etc"]
    for name in (*recipe.HOST_FILES, *recipe.HOST_FOLDERS):
        if name == "etc/ssl" and not Path("/etc/ssl/certs/ca-certificates.crt").exists():
            continue  # the toolbox has Debian's own bundle
        if Path("/", name).exists():
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    return options


def _trouble(bwrap: list[str], toolbox: Toolbox) -> str:
    """Why `bwrap` does not get into the toolbox; empty if it does."""
    try:
        done = subprocess.run(
            [*bwrap, *mounts(toolbox), "--", "/usr/bin/true"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:  # the cache folder's disk is mounted noexec
        return f"{error.filename}: {error.strerror}"
    return (done.stderr.strip() or f"exit status {done.returncode}") if done.returncode else ""


def find_bwrap(toolbox: Toolbox) -> list[str]:
    """The start of a command line of a bwrap that works here: the toolbox's own, else the host's.

    The toolbox's needs user namespaces, or root. The host's may have a right of its own to make mounts
    (setuid, AppArmor). As root it is installed if nothing else is left; otherwise the ToolError names the
    line to run.
    """
    own = toolbox.command("bwrap")
    boot = Path("/proc/sys/kernel/random/boot_id")
    stamp = f"{boot.read_text(encoding='ascii').strip() if boot.exists() else 'unknown'} {os.getuid()}\n"
    known = toolbox.state / "bwrap-works"
    if known.exists() and known.read_text(encoding="ascii") == stamp:
        return own
    trouble = _trouble(own, toolbox)
    if not trouble:
        known.write_text(stamp, encoding="ascii")
        return own
    if not shutil.which("bwrap"):
        if os.getuid() != 0:
            raise ToolError(
                f"this host refuses user namespaces to ordinary users ({trouble}), run: "
                "sudo apt-get install bubblewrap"
            )
        say(f"the toolbox's bubblewrap does not work here ({trouble}): installing Debian's on this host")
        subprocess.run(["apt-get", "-q", "-q", "update"], check=False)
        subprocess.run(["apt-get", "-q", "-q", "install", "--yes", "bubblewrap"], check=False)
    host = shutil.which("bwrap")
    if host and not _trouble([host], toolbox):
        return [host]
    raise ToolError(
        f"the toolbox needs mounts of its own, and this host does not let it make any ({trouble}): allow "
        "user namespaces (or, in a container, CAP_SYS_ADMIN), or install bazelisk"
    )


def _shield() -> None:
    """Lets the signals that are for the command pass by bwrap, which would die of them before it."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def run(toolbox: Toolbox, command: list[str], environment: dict[str, str]) -> int:
    """Runs `command` in the toolbox and gives its exit status."""
    lock = toolbox.hold()
    reading, writing = os.pipe()
    arguments = [*find_bwrap(toolbox), "--info-fd", str(writing), *mounts(toolbox), "--"]
    arguments.append("/usr/bin/env")
    arguments.append("--default-signal=" + ",".join(number.name[3:] for number in _STOPS))
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOPS, signal.SIGCHLD})
    with subprocess.Popen(
        [*arguments, *command],
        env=environment,
        pass_fds=(writing, lock),
        preexec_fn=_shield,  # noqa: PLW1509 (there are no threads)
    ) as bwrap:
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as file:
            told = file.read()
        # bwrap waits for the command, but passes no signal on to it.
        if told:
            _forward(json.loads(told)["child-pid"], bwrap)
        status = bwrap.wait()
    return status if status >= 0 else 128 - status


def _forward(pid: int, bwrap: subprocess.Popen[bytes]) -> None:
    """Sends process `pid` the signals that this process alone gets, until `bwrap` ends."""
    while bwrap.poll() is None:
        info = signal.sigwaitinfo({*_STOPS, signal.SIGCHLD})
        # Ctrl-C comes from the kernel, and reaches every process of the terminal's group anyway. Bazel
        # counts, and kills its server at the third.
        if info.si_signo != signal.SIGCHLD and info.si_code <= 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, info.si_signo)
