"""The program that tells what stands for the scripts of a set."""

import hashlib
import json
import tomllib
from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.testing import locks
from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import download
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.rootfs import ledger_report

DEBS = (
    Deb("idle", control={"postinst": "#!/bin/sh\nexit 0\n"}),
    Deb("made", control={"postinst": "#!/bin/sh\nset -e\necho /made >/made\n"}),
    Deb("mine", control={"postinst": "#!/bin/sh\nfrob /x\n", "preinst": "#!/bin/sh\n:\n"}),
    Deb(
        "other",
        control={
            "postinst": "#!/bin/perl\n# Automatically added by dh_x\ngo\n# End automatically added section\n"
        },
    ),
)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock with the set `s`, and its packages on a mirror in a folder."""
    packages = []
    (tmp_path / "mirror").mkdir()
    for deb in DEBS:
        path = deb.write(tmp_path / "mirror")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        packages.append(LockedPackage(path, deb.name, deb.version, sha256))
    locks.write(tmp_path / "lock.json", packages)
    monkeypatch.setenv("DEBIAN_MIRRORS", f"debian=file://{tmp_path}/mirror")
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    return tmp_path


def run(archive: Path, *more: str) -> int:
    return ledger_report.main(["--lock=lock.json", "--set=s", f"--cache={archive}/cache", *more])


def test_coverage_and_a_draft_of_what_is_missing(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(archive) == 1
    output = capsys.readouterr().out
    for line in (
        "# set s, amd64: 4 packages",
        "# idle postinst: interpreted: 0 changes",
        "# made postinst: interpreted: 1 changes",
        "# mine postinst: MISSING",
        "# mine preinst: interpreted: 0 changes",
        "# other postinst: MISSING",
        "# 5 scripts, of which 2 can't be interpreted",
    ):
        assert f"{line}\n" in output
    draft = tomllib.loads(output)
    assert draft["command"][0] == {"package": "mine", "command": "frob /x", "reason": ANY}
    assert draft["script"][0]["package"] == "other"


def test_trace_shows_what_a_command_changes(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(archive, "--trace=made")
    printed = capsys.readouterr().err
    assert "/var/lib/dpkg/info/made.postinst:3: echo /made" in printed
    assert "    /made: made\n" in printed
    assert "frob" not in printed


def test_draft_does_not_pass_before_somebody_has_completed_it(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(archive)
    draft = capsys.readouterr().out
    book = archive / "book.toml"
    book.write_text(draft)
    with pytest.raises(ToolError, match=r"book.toml: other postinst: ignore is still the draft's"):
        run(archive, "--ledger=book.toml")
    draft = draft.replace('"…why', '"a good reason, that')
    book.write_text(draft)
    with pytest.raises(ToolError, match=r"book.toml: command 'frob /x': reason is still the draft's"):
        run(archive, "--ledger=book.toml")
    book.write_text(draft.replace('"…what it', '"what it'))
    assert run(archive, "--ledger=book.toml") == 0
    assert "# other postinst: told: a good reason, that" in capsys.readouterr().out


def test_unknown_set_says_which_there_are(archive: Path) -> None:
    with pytest.raises(ToolError, match=r"no set t for amd64; it has s \(amd64\)"):
        run(archive, "--set=t", "--architecture=amd64")
    with pytest.raises(ToolError, match=r"no set t for ; it has s \(amd64\)"):
        run(archive, "--set=t")


def test_package_that_is_not_the_locked_one_is_not_taken(archive: Path) -> None:
    lock = json.loads((archive / "lock.json").read_text())
    lock["packages"]["amd64"]["idle"]["sha256"] = "0" * 64
    (archive / "lock.json").write_text(json.dumps(lock))
    with pytest.raises(ToolError, match=r"idle_1.0-1_amd64.deb: its SHA-256 is .*, but the lock names 000"):
        run(archive)
    assert not list((archive / "cache").iterdir())


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("{}")
    with pytest.raises(ToolError, match="its version is None"):
        download.read_lock(tmp_path / "lock")


def test_lock_of_another_version_is_refused(archive: Path) -> None:
    lock = json.loads((archive / "lock.json").read_text())
    (archive / "lock.json").write_text(json.dumps({**lock, "version": 1}))
    with pytest.raises(ToolError, match="its version is 1, and this tool knows 2"):
        run(archive)


def test_package_that_no_mirror_has_leaves_nothing_behind(archive: Path) -> None:
    (archive / "mirror/idle_1.0-1_amd64.deb").unlink()
    with pytest.raises(ToolError, match=r"no such file; name a mirror that has it in DEBIAN_MIRRORS"):
        run(archive)
    assert not list((archive / "cache").iterdir())
