"""boot_test's verdict: a boot that is not as it has to be passes, or fails without the cause, or hangs."""

import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.boot import check, guest, machine
from tools.sysimage.boot.check import Boot
from tools.sysimage.boot.machine import Eventually, Expectations
from tools.sysimage.core.errors import ToolError

GOOD = "@state running\n@ready 1234\n@unit\n ActiveState=deactivating\n@jobs\n@journal\n x\n@memory\n@end\n"
SERVER = Expectations(ready_timeout=20, eventually=(Eventually("ask", 30),))
NOT_READY = GOOD.replace("running", "starting").replace("@ready 1234", "@ready 0")


def boot(report: str = GOOD, *console: str, status: int | None = 0, ended: int | None = 0) -> Boot:
    """What a boot has shown."""
    return Boot(console, tuple(guest.sections(report)), status, ended, 10.0)


def verdict(seen: Boot, wanted: Expectations | None = None) -> list[str]:
    """What is wrong with it."""
    return list(check.problems(seen, wanted or Expectations(), 100))


def test_a_good_boot_has_no_problem_with_and_without_an_end() -> None:
    assert verdict(boot(), Expectations(status=0)) == []
    assert verdict(boot(status=None, ended=None)) == []


@pytest.mark.parametrize(
    ("seen", "wanted", "message"),
    [
        (boot("", "stage1: refused: no disk", ended=0), Expectations(), "^stage1: refused: no disk$"),
        (
            boot("", "[ 1.0] Kernel panic - not syncing: x", ended=0),
            Expectations(),
            "Kernel panic - not syncing: x",
        ),
        (
            boot("", "Could not access KVM", ended=1),
            Expectations(),
            "QEMU ended with status 1: Could not access KVM",
        ),
        (boot("", status=None, ended=None), Expectations(), "systemd had not started up after 100 s"),
        (boot("", status=None, ended=0), Expectations(), "the machine went off while it booted"),
        (
            boot("@state running\n@ready 1\n@jobs\n"),
            Expectations(),
            "the report on the boot breaks off after 10 s, behind 'jobs'",
        ),
        (
            boot(
                GOOD.replace("running", "degraded").replace(
                    "@jobs", "@failed a.service\n x\n@failed b.mount\n@jobs"
                )
            ),
            Expectations(),
            "systemd says 'degraded' instead of 'running', failed units: a.service, b.mount",
        ),
        (
            boot(GOOD.replace("@jobs", "@unloaded a.timer masked\n@jobs")),
            Expectations(),
            "^a.timer is enabled, and masked; mend, unmask or disable it$",
        ),
        (
            boot(
                GOOD.replace(
                    "@jobs",
                    "@unloaded a.service bad-setting\n 1 systemd[1]: a.service: It has no ExecStart=.\n@jobs",
                )
            ),
            Expectations(),
            "^a.service is enabled, and bad-setting .It has no ExecStart=..; mend",
        ),
        (
            boot(NOT_READY, "/usr/bin/orchestrator: error while loading libx.so", status=127, ended=None),
            Expectations(),
            "never said that it is ready, and ended with status 127 .*libx.so",
        ),
        (
            boot(NOT_READY, status=None),
            Expectations(),
            "never said that it is ready in 0 s .ActiveState=deactivating",
        ),
        (
            boot(GOOD.replace("@journal", "@command 001 3 7 1\n out\n no\n@journal")),
            Expectations(commands=("true", "what\nmore")),
            "^the command 'what' ended with status 3 after 7 s: no$",
        ),
        (
            boot(GOOD.replace("@journal", "@command 000 22 31 58\n out\n 503\n@journal"), status=None),
            SERVER,
            "^the command 'ask' was tried 58 times in 31 of its 30 s, the last time .* status 22: 503$",
        ),
        (
            boot(GOOD.replace("@journal", "@command 000 7 12 3\n@journal"), status=1),
            SERVER,
            "3 times in 12 of its 30 s, when the test's time was over, the last time it ended with status 7: "
            "it said nothing; the orchestrator has ended with status 1$",
        ),
        (
            boot(GOOD.replace("@ready 1234", "@uptime 40\n@started 5000000\n@ready 25500000")),
            SERVER,
            "^the orchestrator took 20.5 s until it was ready, and ready_timeout is 20$",
        ),
        (
            boot(NOT_READY.replace("@ready", "@uptime 26\n@started 5000000\n@ready"), status=None),
            SERVER,
            r"^the orchestrator never said that it is ready in the 20 s of ready_timeout \(Active",
        ),
        (
            boot(NOT_READY.replace("@ready", "@uptime 90\n@started 5000000\n@ready"), status=None),
            Expectations(),
            r"^the orchestrator never said that it is ready in 85 s \(Active",
        ),
        (
            boot(NOT_READY.replace("@ready", "@uptime 90\n@started 0\n@ready"), status=None),
            Expectations(),
            "^the orchestrator was not started in 90 s, so it never said that it is ready ",
        ),
        (
            boot(
                NOT_READY.replace("@ready", "@uptime 90\n@ready").replace(
                    "@jobs", "@jobs\n 5 a.device start running\n 6 b.service start waiting"
                )
            ),
            Expectations(),
            "^systemd says 'starting' instead of 'running' after 90 s, it waits for: a.device$",
        ),
        (
            boot("@unable the image has no systemctl; keep it\n@end\n", status=None),
            Expectations(),
            "^the image has no systemctl; keep it$",
        ),
        (
            boot(GOOD, "hello"),
            Expectations(expect=("hel+o$", "w.rld")),
            "^no line of the console .*'w.rld' after 10 s$",
        ),
        (
            boot(status=3),
            Expectations(status=0),
            "the orchestrator ended with status 3, and it has to with 0",
        ),
        (boot(status=None), Expectations(status=0), "the orchestrator has not ended after 10 s, .* runs on"),
        (boot(ended=None), Expectations(status=0), "the machine did not go off"),
    ],
)
def test_each_problem_is_one_line_with_its_cause(seen: Boot, wanted: Expectations, message: str) -> None:
    found = verdict(seen, wanted)
    assert len([line for line in found if re.search(message, line)]) == 1, found


def test_a_cause_hides_what_follows_from_it() -> None:
    seen = boot("", "stage1: refused: no disk", status=None, ended=0)
    assert verdict(seen, Expectations(("x",), (), 0)) == ["stage1: refused: no disk"]


def test_expectations_look_at_what_commands_say_but_not_at_the_journal() -> None:
    report = GOOD.replace("@journal\n x", "@command 000 0 1 1\n from a command\n@journal\n from the journal")
    assert verdict(boot(report), Expectations(commands=("x",), expect=("from a command",))) == []
    assert verdict(boot(report), Expectations(commands=("x",), expect=("from the journal",))) != []


def test_details_have_failed_units_jobs_journal_and_the_end_of_the_console() -> None:
    report = GOOD.replace("@jobs", "@failed a.service\n why\n@jobs\n 7 b.device start waiting")
    text = check.details(boot(report, *(f"line {number}" for number in range(100))))
    for part in ("line 99", "--- failed a.service\nwhy", "b.device start waiting", "--- journal\nx"):
        assert part in text
    assert "line 1\n" not in text


NO_KVM = 'case "$*" in *"-accel kvm"*) exit 1 ;; esac'


def vm(folder: Path, script: str, kvm: str = NO_KVM) -> machine.VirtualMachine:
    """A machine whose QEMU is a shell script."""
    folder.mkdir(exist_ok=True)
    for name in ("kernel", "initramfs", "image", "busybox"):
        (folder / name).write_bytes(b"")
    loader = folder / "qemu/lib/ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.write_text(f"#!/bin/sh\n{kvm}\n{script}\n")
    loader.chmod(0o755)
    parts: dict[str, Any] = {
        name: folder / name for name in ("qemu", "kernel", "initramfs", "image", "busybox")
    }
    return machine.VirtualMachine("vm", "amd64", host="amd64", digest="0" * 64, memory=64, cpus=1, **parts)


# Where QEMU is told to write the report.
REPORT = r'report=$(echo "$*" | sed "s/.*id=system-image-report,path=\([^ ]*\).*/\1/")'


def test_a_machine_that_hangs_is_ended_when_its_time_is_up_and_its_console_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    with pytest.raises(ToolError, match=r"^vm: systemd had not started up after 2 s$"):
        check.check(vm(tmp_path, "echo still booting; exec sleep 60"), Expectations(), 2)
    assert time.monotonic() - start < 20
    assert "still booting" in capsys.readouterr().out


def test_a_failure_is_not_waited_for(tmp_path: Path) -> None:
    report = GOOD.replace("running", "degraded").replace("\n", "\\n")
    start = time.monotonic()
    with pytest.raises(ToolError, match="systemd says 'degraded'"):
        check.check(
            vm(tmp_path, f"{REPORT}; printf '{report}' >$report; exec sleep 60"), Expectations(status=0), 50
        )
    assert time.monotonic() - start < 30


def test_an_orchestrator_that_runs_on_passes_as_soon_as_all_expectations_are_met(tmp_path: Path) -> None:
    report = GOOD.replace("\n", "\\n")
    coloured = r"printf '\033]104\033\\\033[1mlate\033[0m\r\n'"
    script = f"{REPORT}; printf '{report}' >$report; sleep 1; {coloured}; exec sleep 60"
    seen = check.check(vm(tmp_path, script), Expectations(("^late$",)), 50)
    assert seen.ended is None
    assert 1 < seen.seconds < 30


def test_an_abort_of_qemu_itself_would_fail_a_test_of_the_guest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = GOOD.replace("\n", "\\n")
    abort = "echo 'msix.c: Assertion failed.'; kill -ABRT $$"
    first = f"[ -e {tmp_path}/again ] || {{ : >{tmp_path}/again; {abort}; }}"
    script = f"{first}; {REPORT}; printf '{report}' >$report; exec sleep 60"
    assert check.check(vm(tmp_path, script), Expectations(), 50).ended is None
    said = "vm: QEMU aborted itself after 0 s, so the machine starts once more: msix.c: Assertion failed."
    assert said in capsys.readouterr().out
    with pytest.raises(ToolError, match=r"^vm: QEMU ended with status -6: msix\.c: Assertion failed\.$"):
        check.check(vm(tmp_path / "twice", abort), Expectations(), 50)


def test_bazels_own_limit_is_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TIMEOUT", "12")
    with pytest.raises(ToolError, match="had not started up after 2 s"):
        check.check(vm(tmp_path, "exec sleep 60"), Expectations())


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            Expectations(ready_timeout=300),
            "^vm: ready_timeout is 300 s, and the test has 260 s for it",
        ),
        (
            Expectations(eventually=(Eventually("x", 261),)),
            "^vm: eventually: 'x' is 261 s, and",
        ),
    ],
)
def test_a_wait_would_be_cut_off_by_the_test_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Expectations, message: str
) -> None:
    monkeypatch.setenv("TEST_TIMEOUT", "300")
    with pytest.raises(ToolError, match=message):
        check.check(vm(tmp_path, "exit 1"), wanted)


def test_hardware_virtualisation_is_used_only_where_a_kernel_starts_with_it(tmp_path: Path) -> None:
    works = vm(tmp_path / "works", "", "echo Linux version 6")
    fails = vm(tmp_path / "fails", "", "echo Linux version 6; exit 134")
    silent = vm(tmp_path / "silent", "", "exit 0")
    assert machine.kvm_works(works) == Path("/dev/kvm").exists()
    assert not machine.kvm_works(fails)
    assert not machine.kvm_works(silent)


def test_the_command_line_of_the_kernel_says_what_stage1_needs(tmp_path: Path) -> None:
    plain = dataclasses.replace(vm(tmp_path, ""), plain=True, cmdline=("more=1",), architecture="arm64")
    words = machine.command(plain, [], kvm=False)
    assert words[words.index("-append") + 1].split() == [
        *("console=ttyAMA0", "panic=-1", "quiet", "stage1.size=0", f"stage1.sha256={'0' * 64}"),
        *("stage1.unpack=plain", "more=1"),
    ]
    assert words[words.index("-accel") + 1] == "tcg,thread=multi"


def test_a_comma_in_a_path_does_not_end_it(tmp_path: Path) -> None:
    image = tmp_path / "a,b"
    image.write_bytes(b"")
    words = machine.command(dataclasses.replace(vm(tmp_path, ""), image=image), [], kvm=False)
    assert any(word.startswith(f"file={tmp_path}/a,,b,") for word in words)


def manifest(folder: Path, bundle: bytes | None = None, **more: Any) -> Path:
    names = ("eventually", "expect", "ready_timeout", "status")
    wanted = {name: more.pop(name) for name in names if name in more}
    path, tar = folder / "machine.json", folder / "bundle.tar"
    if bundle is not None:
        tar.write_bytes(bundle)
    files = dict.fromkeys(("busybox", "digest", "image", "initramfs", "kernel", "qemu"), "x")
    rest = {"architecture": "amd64", "cmdline": [], "cpus": 1, "host": "amd64", "memory": 64, "name": "//:t"}
    rest |= {"bundle": str(tar) if bundle is not None else None, "plain": False, "virtiofsd": None}
    path.write_text(json.dumps(files | rest | {"wanted": wanted} | more))
    return path


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"expect": ["a", "(b"]}, r"//:t: expect: '\(b' is no regular expression .*; correct it"),
        ({"expect": [""]}, "//:t: expect: an empty regular expression fits every line"),
        ({"status": 256}, "//:t: status is 256; a program's is 0 to 255"),
        ({"ready_timeout": -1}, "//:t: ready_timeout is -1; give seconds, or 0"),
        ({"eventually": [{"command": "x", "seconds": 0}]}, "//:t: eventually: 'x' has 0 s; give at least 1"),
        ({"cpus": 0}, "//:t: cpus is 0; give at least 1"),
        ({"memory": -1}, "//:t: memory is -1; give at least 1"),
        ({"bundle": b"PK\3\4" + b"x" * 2000}, r"bundle: .*bundle\.tar is no tar \(.*; give an app_bundle"),
        ({"bundle": b""}, r"bundle: .*bundle\.tar is (no tar|a tar without files)"),
        ({"bundle": bytes(1024)}, r"bundle: .*bundle\.tar is a tar without files"),
    ],
)
def test_slip_would_be_found_after_the_boot(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        machine.read(manifest(tmp_path, **more))
    assert machine.read(manifest(tmp_path, expect=["a"], status=3)).wanted.status == 3
