import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.airgap import enter, recipe
from tools.airgap.errors import ToolError
from tools.airgap.toolbox import Toolbox


def _toolbox(folder: Path) -> Toolbox:
    (folder / "host").mkdir(parents=True)
    (folder / "usr/bin").mkdir(parents=True)
    return Toolbox(folder, "amd64")


def _bwrap(folder: Path, script: str) -> list[str]:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return [str(program)]


def test_a_checkout_that_the_toolbox_would_cover_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^the checkout /usr/src/x lies under /usr, .*: move it$"):
        enter.check_not_covered(Path("/usr/src/x"), "the checkout")
    enter.check_not_covered(tmp_path, "the checkout")
    enter.check_not_covered(Path("/usrlocal/x"), "the checkout")


def test_a_link_to_a_covered_folder_is_seen_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr/src")
    with pytest.raises(ToolError, match="lies under /usr"):
        enter.check_not_covered(tmp_path / "link/x", "the checkout")


def test_the_toolbox_is_laid_over_the_host_before_the_hosts_own_files_over_it(tmp_path: Path) -> None:
    options = enter.mounts(_toolbox(tmp_path))
    assert options[:3] == ["--dev-bind", "/", "/"]
    targets = options[2::3]
    assert targets.index("/usr") < targets.index("/etc") < targets.index("/etc/passwd")
    assert "--bind" not in options
    assert not {"--unshare-pid", "--die-with-parent", "--unshare-net"} & set(options)


def test_every_file_of_the_host_that_is_laid_over_has_its_mount_point(tmp_path: Path) -> None:
    targets = enter.mounts(_toolbox(tmp_path))[2::3]
    known = {f"/{name}" for name in (*recipe.HOST_FILES, *recipe.HOST_FOLDERS)}
    assert set(targets) - known <= {"/", "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64"}


def test_the_toolboxs_own_bubblewrap_is_tried_once_a_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = _toolbox(tmp_path / "toolbox")
    own = _bwrap(tmp_path, f"echo x >> {tmp_path}/tries")
    monkeypatch.setattr(Toolbox, "command", lambda *_: own)
    assert enter.find_bwrap(toolbox) == own
    assert enter.find_bwrap(toolbox) == own
    assert (tmp_path / "tries").read_text() == "x\n"


def test_an_ordinary_user_gets_the_line_to_run_where_namespaces_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = _toolbox(tmp_path / "toolbox")
    own = _bwrap(tmp_path, "echo 'setting up uid map: Permission denied' >&2; exit 1")
    monkeypatch.setattr(Toolbox, "command", lambda *_: own)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(ToolError, match=r"Permission denied\), run: sudo apt-get install bubblewrap$"):
        enter.find_bwrap(toolbox)


def test_the_hosts_bubblewrap_serves_where_the_toolboxs_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = _toolbox(tmp_path / "toolbox")
    own = _bwrap(tmp_path, "exit 1")
    (tmp_path / "host").mkdir()
    (host,) = _bwrap(tmp_path / "host", "exit 0")
    monkeypatch.setattr(Toolbox, "command", lambda *_: own)
    monkeypatch.setattr(shutil, "which", lambda _: host)
    assert enter.find_bwrap(toolbox) == [host]


def test_a_host_that_lets_nobody_mount_is_told_what_to_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = _toolbox(tmp_path / "toolbox")
    own = _bwrap(tmp_path, "echo 'No permissions to create new namespace' >&2; exit 1")
    monkeypatch.setattr(Toolbox, "command", lambda *_: own)
    monkeypatch.setattr(shutil, "which", lambda _: own[0])
    with pytest.raises(ToolError, match=r"No permissions to create.*CAP_SYS_ADMIN\), or install bazelisk$"):
        enter.find_bwrap(toolbox)


# Stands for bwrap: starts the command, tells its process id, waits, and dies of signals as bwrap does.
_FAKE_BWRAP = """\
import json, os, subprocess, sys
arguments = sys.argv[1:]
info = int(arguments[arguments.index("--info-fd") + 1])
child = subprocess.Popen(arguments[arguments.index("--") + 1 :], restore_signals=False)
os.write(info, json.dumps({"child-pid": child.pid}).encode())
os.close(info)
sys.exit(child.wait())
"""

_COMMAND = """\
import signal, sys, time
signal.signal(signal.{name}, lambda *_: sys.exit(8))
print("ready", flush=True)
for _ in range(300):
    time.sleep(0.1)  # in short pieces: a signal just before a sleep does not end it
"""

_DRIVER = """\
import os, sys
sys.path[:] = {path!r}
from pathlib import Path
from tools.airgap import enter
from tools.airgap.toolbox import Toolbox
enter.find_bwrap = lambda _: [sys.executable, {bwrap!r}]
sys.exit(enter.run(Toolbox(Path({root!r}), "amd64"), {command!r}, dict(os.environ)))
"""


def _driver(folder: Path, command: list[str]) -> list[str]:
    """The command line of a program that calls enter.run with `command`."""
    toolbox = _toolbox(folder / "toolbox")
    (folder / "bwrap.py").write_text(_FAKE_BWRAP)
    driver = _DRIVER.format(
        path=sys.path, bwrap=str(folder / "bwrap.py"), root=str(toolbox.root), command=command
    )
    return [sys.executable, "-c", driver]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_that_only_tools_bazel_gets_stops_the_command(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", _COMMAND.format(name=name)]
    with subprocess.Popen(_driver(tmp_path, command), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.Signals[name])
        assert running.wait(20) == 8


def test_ctrl_c_reaches_the_command_once_and_its_status_is_kept(tmp_path: Path) -> None:
    count = "import signal, sys, time\nseen = []\nsignal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
    count += "print('ready', flush=True)\nfor _ in range(10): time.sleep(0.1)\nsys.exit(40 + len(seen))\n"
    status = _in_terminal(tmp_path, [sys.executable, "-c", count])
    assert status == 41


def _in_terminal(folder: Path, command: list[str]) -> int:
    """Runs `command` by enter.run in a terminal of its own, and presses Ctrl-C when it is ready."""
    driver = _driver(folder, command)
    child, terminal = pty.fork()
    if child == 0:
        os.execv(driver[0], driver)
    seen = b""
    try:
        while b"ready" not in seen:
            seen += os.read(terminal, 1024)
        os.write(terminal, b"\x03")
        while os.read(terminal, 1024):
            pass
    except OSError:
        pass  # the other side is closed: it has ended
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status)
