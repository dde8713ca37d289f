"""What a host lays into a guest: without it, nobody learns how the boot went, or can look into it."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tools.sysimage.boot import check, guest
from tools.sysimage.boot.check import Boot
from tools.sysimage.boot.machine import Expectations
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind


def test_the_guest_gets_its_scripts_and_no_more_than_was_asked_for(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"static")
    assert "run/system-image/probe" not in guest.files(busybox)
    probed = guest.files(busybox, guest.Probe((("true", 30), ("false", None)), 9, 20))
    assert probed["run/system-image/commands/000.seconds"].read() == b"30\n"
    assert probed["run/system-image/commands/001"].read() == b"false\n"
    assert "run/system-image/commands/001.seconds" not in probed
    assert probed["run/system-image/ready_timeout"].read() == b"20\n"
    drop_in = "run/systemd/system/orchestrator.service.d/50-host.conf"
    assert b"Action=none" not in probed[drop_in].read()
    assert b"FailureAction=none" in guest.files(busybox, debug=True)[drop_in].read()
    assert (
        b"RequiresMountsFor=/var/lib/orchestrator/bundle" in guest.files(busybox, share=True)[drop_in].read()
    )


def test_a_guest_without_a_shell_could_not_report(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"static")
    tree = guest.files(busybox, guest.Probe((), 9), share=True)
    assert (tree["run/system-image/bin/busybox"].mode, tree["run/system-image/bin/busybox"].read()) == (
        0o755,
        b"static",
    )
    lines = [
        line
        for path in tree.paths()
        if "/systemd/" in path and tree[path].kind is Kind.FILE
        for line in tree[path].read().decode().splitlines()
        if line.startswith("Exec")
    ]
    assert len(lines) == 2
    assert all(
        line.partition("=")[2].lstrip("+").startswith("/run/system-image/bin/busybox sh ") for line in lines
    )


def test_a_login_would_take_the_console_from_the_shell_or_the_shell_need_the_images(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"static")
    units = "run/systemd/system"
    tree = guest.files(busybox, debug=True)
    assert f"{units}/sysinit.target.wants/shell.service" in tree
    assert b"ExecStart=/run/system-image/bin/busybox sh " in tree[f"{units}/shell.service"].read()
    assert {"run/system-image/shell", "run/system-image/applets"} <= set(tree.paths())
    for name in ("console-getty.service", "getty@.service", "serial-getty@.service"):
        assert tree[f"{units}/{name}"].target == "/dev/null"
    assert f"{units}/shell.service" not in guest.files(busybox, guest.Probe((), 9), share=True)


def ran(folder: Path, commands: list[str | tuple[str, int]], seconds: int) -> list[guest.ReportSection]:
    """What the guest's script `run` says of commands, for which it has some seconds."""
    script = Path(guest.__file__).parent / "guest/run"
    (folder / "commands").mkdir()
    (folder / "run").write_text(script.read_text())
    for number, command in enumerate(commands):
        path = folder / f"commands/{number:03}"
        if isinstance(command, str):
            path.write_text(f"{command}\n")
        else:
            path.write_text(f"{command[0]}\n")
            path.with_suffix(".seconds").write_text(f"{command[1]}\n")
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    busybox = str(Path(os.environ["BUSYBOX"]).absolute())
    words = [busybox, "sh", str(folder / "run"), str(int(uptime) + seconds)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return guest.sections(done.stdout)


def test_a_command_that_succeeds_a_little_later_would_fail_the_test(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    late = f"echo x >>{flag}; [ $(cat {flag} | wc -l) -lt 3 ] || {{ echo there; exit; }}; echo no; exit 7"
    [first, second] = ran(tmp_path, [(late, 20), 'echo "a\nb"; exit 3'], 60)
    assert first.value.split()[:2] == ["000", "0"]
    assert first.value.split()[3] == "3"
    assert first.lines == ("there",)
    assert second.value.split()[:2] == ["001", "3"]
    assert second.value.split()[3] == "1"
    assert second.lines == ("a", "b")


def test_a_command_that_never_succeeds_would_hide_its_last_words_and_what_follows_would_be_blamed(
    tmp_path: Path,
) -> None:
    [only] = ran(tmp_path, [("echo $$; echo refused >&2; exit 7", 2), "exit 1"], 60)
    number, status, seconds, tries = only.value.split()
    assert (number, status) == ("000", "7")
    assert 2 <= int(seconds) <= 4
    assert int(tries) > 2
    assert only.lines[-1] == "refused"


@pytest.mark.parametrize("command", [("sleep 60", 2), ("sleep 60", 600)])
def test_a_try_that_hangs_would_outlast_its_time_and_the_tests(
    tmp_path: Path, command: tuple[str, int]
) -> None:
    start = time.monotonic()
    [only] = ran(tmp_path, [command], 4)
    assert time.monotonic() - start < 20
    assert only.value.split()[1] == "143"
    assert only.value.split()[3] == "1"


def probed(folder: Path, systemctl: str | None, ready_timeout: int, seconds: int) -> Boot:
    """What the guest's script `probe` reports, with a systemctl of ours, or none."""
    busybox = Path(os.environ["BUSYBOX"]).absolute()
    uptime = int(float(Path("/proc/uptime").read_text().split()[0]))
    probe = guest.Probe((("echo asked", None),), uptime + seconds, ready_timeout)
    for path, inode in guest.files(busybox, probe).walk():
        if path.startswith("run/system-image/") and inode.kind is Kind.FILE:
            file = folder / path.removeprefix("run/system-image/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(inode.read())
            file.chmod(0o755)
    if systemctl is not None:
        (folder / "image").mkdir()
        (folder / "image/systemctl").write_text(f"#!/bin/sh\n{systemctl}\n")
        (folder / "image/systemctl").chmod(0o755)
    words = [str(folder / "bin/busybox"), "sh", str(folder / "probe")]
    said = subprocess.check_output(words, env={"PATH": str(folder / "image")}, text=True, timeout=60)
    return Boot((), tuple(guest.sections(said)), None, None, 10.0)


def verdict(seen: Boot, wanted: Expectations) -> list[str]:
    """What is wrong with a boot."""
    return list(check.problems(seen, wanted, 100))


def hanging(started: float) -> str:
    """A systemctl of a system whose orchestrator was started at a time, and never says that it is ready."""
    return f"""PATH=/usr/bin:/bin
        case $* in
        *--wait*) exec sleep 25 ;;
        *is-system-running*) echo starting ;;
        *ActiveEnterTimestampMonotonic*) echo 0 ;;
        *InactiveExitTimestampMonotonic*) echo {int(started * 1e6)} ;;
        *list-jobs*) echo 7 orchestrator.service start running ;;
        esac"""


def test_an_orchestrator_that_hangs_would_be_waited_for_until_the_tests_end(tmp_path: Path) -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    start = time.monotonic()
    seen = probed(tmp_path, hanging(uptime), ready_timeout=2, seconds=40)
    assert time.monotonic() - start < 20
    first, second = verdict(seen, Expectations(commands=("echo asked",), ready_timeout=2))
    assert first.startswith("the orchestrator never said that it is ready in the 2 s of ready_timeout (")
    assert re.fullmatch(r"systemd says 'starting' .* s, it waits for: orchestrator\.service", second)
    assert list(seen.lines()) == ["asked"]
    assert seen.has("end")


def test_time_before_the_orchestrators_start_would_count_as_its_own(tmp_path: Path) -> None:
    seen = probed(tmp_path, hanging(0), ready_timeout=1, seconds=3)
    [first, _] = verdict(seen, Expectations(commands=("echo asked",), ready_timeout=1))
    assert "the orchestrator was not started in " in first


def test_an_image_without_systemctl_would_be_one_that_went_off(tmp_path: Path) -> None:
    [only] = verdict(probed(tmp_path, None, ready_timeout=0, seconds=9), Expectations())
    assert only.endswith("; keep usr/bin/systemctl")


def test_a_unit_that_a_link_enables_would_not_be_asked_for(tmp_path: Path) -> None:
    links = {
        "a.target.wants/x.service": "/usr/lib/systemd/system/x.service",
        "b.target.requires/y\\x2dz.mount": "../y",
        "c.service.upholds/t@i.timer": "/usr/lib/systemd/system/t@.timer",
        "alias.service": "/usr/lib/systemd/system/x.service",
        # No units, or none that is enabled.
        "masked.service": "/dev/null",
        "w@.target.wants/t@.service": "/x",
        "a.target.wants/README": "/x",
        "a.service.d/x.service": "/x",
    }
    for path, target in links.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).symlink_to(target)
    (tmp_path / "file.service").write_text("[Unit]\n")
    script = Path(guest.__file__).parent / "guest/enabled"
    done = subprocess.run(["sh", script, tmp_path], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == ["alias.service", "t@i.timer", "x.service", "y\\x2dz.mount"]


@pytest.mark.parametrize(
    ("text", "status"),
    [("", None), ("success exited 0\n", 0), ("exit-code exited 42\n", 42), ("signal killed KILL\n", 137)],
)
def test_a_status_is_what_a_shell_would_say(text: str, status: int | None) -> None:
    assert guest.exit_status(text) == status


def test_a_status_that_is_none_is_an_error() -> None:
    with pytest.raises(ToolError, match="which is no status"):
        guest.exit_status("what is this")
