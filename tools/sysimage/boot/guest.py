"""What a host adds to a guest's /run, so that the guest reports on its boot: units, scripts, a busybox.

Nothing of it needs a shell, or any tool but systemctl, of the guest's image.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree, file, symlink

_SCRIPTS = Path(__file__).parent / "guest"
# The images' orchestrator.service looks for a bundle there; these units mount a shared one.
BUNDLE = "/var/lib/orchestrator/bundle"
_MOUNTS = ("run-share-lower.mount", "var-lib-orchestrator-bundle.mount")
_GETTYS = ("console-getty.service", "getty@.service", "serial-getty@.service")
_OWN = "run/system-image"
_UNITS = "run/systemd/system"
_DROP_IN = f"{_UNITS}/orchestrator.service.d/50-host.conf"

# Names of virtio ports.
STATUS = "system-image.status"
REPORT = "system-image.report"
# Tag of the file system with which a folder of the host is shared.
SHARE = "bundle"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a guest has to report on its boot."""

    # Of the shell, to run in this order when systemd has started up; with the seconds, if any, within which
    # one that fails is tried again.
    commands: tuple[tuple[str, int | None], ...]
    # The guest reports after this time, even if systemd has not started up; and, if this is not 0, when the
    # orchestrator has taken `ready_timeout` and is not ready.
    seconds: int
    ready_timeout: int = 0  # seconds


def files(busybox: Path, probe: Probe | None = None, *, debug: bool = False, share: bool = False) -> Tree:
    """The files, for an initramfs.

    They report the orchestrator's status. With `probe`, they also report how the boot went; with `debug`, the
    machine has a root shell on its console and stays on when the orchestrator ends; with `share`, the
    orchestrator finds its bundle in the file system SHARE. `busybox` is a static one, of the guest's
    architecture.
    """
    tree = Tree()

    def put(path: str, text: str) -> None:
        tree.add(path, file(text.encode()))

    def lay(name: str, folder: str = _OWN) -> None:
        put(f"{folder}/{name}", (_SCRIPTS / name).read_text("utf-8"))

    def start(name: str) -> None:
        lay(name, _UNITS)
        tree.add(f"{_UNITS}/sysinit.target.wants/{name}", symlink(f"../{name}"))

    tree.add(f"{_OWN}/bin/busybox", file(busybox.read_bytes(), 0o755))
    lay("port")
    lay("stopped")
    unit = ["SuccessAction=none", "FailureAction=none"] if debug else []
    # "+": the sandbox of the unit does not apply to this command.
    service = [f"ExecStopPost=+/{_OWN}/bin/busybox sh /{_OWN}/stopped"]
    if share:
        for name in _MOUNTS:
            lay(name, _UNITS)
        tree.make_parents("run/share/upper/.")
        tree.make_parents("run/share/work/.")
        unit.append(f"RequiresMountsFor={BUNDLE}")
    if probe:
        for name in ("probe", "enabled", "run", "applets", "without-shell"):
            lay(name)
        put(f"{_OWN}/seconds", f"{probe.seconds}\n")
        put(f"{_OWN}/ready_timeout", f"{probe.ready_timeout}\n")
        service.append("TimeoutStopSec=infinity")
        start("probe.service")
        for number, (command, seconds) in enumerate(probe.commands):
            put(f"{_OWN}/commands/{number:03}", f"{command}\n")
            if seconds is not None:
                put(f"{_OWN}/commands/{number:03}.seconds", f"{seconds}\n")
    if debug:
        lay("applets")
        lay("shell")
        start("shell.service")
        for name in _GETTYS:
            # There is one console.
            tree.add(f"{_UNITS}/{name}", symlink("/dev/null"))
    put(_DROP_IN, "\n".join(["[Unit]", *unit, "[Service]", *service]) + "\n")
    return tree


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A section of a report: "@failed x.service" is called "failed" and has the value "x.service"."""

    name: str
    value: str
    lines: tuple[str, ...]


def sections(text: str) -> list[ReportSection]:
    """The sections of a report that is written so far; the last one may be incomplete."""
    found: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("@"):
            name, _, value = line[1:].partition(" ")
            found.append((name, value, []))
        elif found:
            found[-1][2].append(line.removeprefix(" "))
    return [ReportSection(name, value, tuple(lines)) for name, value, lines in found]


def exit_status(text: str) -> int | None:
    """The orchestrator's status as in a shell (128 + n after signal n); None if `text` is empty.

    `text` is the output of the guest's `stopped`: $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS of systemd.exec(5).
    Raises ToolError for any other text.
    """
    words = text.split()
    if not words:
        return None
    try:
        _, how, status = words
        return int(status) if how == "exited" else 128 + signal.Signals[f"SIG{status}"].value
    except ValueError, KeyError:
        raise ToolError(
            f"the guest reports {text.strip()!r} as the orchestrator's end, which is no status; "
            "look at the console"
        ) from None
