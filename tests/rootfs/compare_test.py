"""The program that compares a root filesystem with mmdebstrap's."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.testing import locks
from tests.testing.debs import Deb
from tools.sysimage.commands.left import LEFT
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.rootfs import compare
from tools.sysimage.rootfs.comparison import differences, explanations


def _locked(folder: Path) -> LockedPackage:
    path = Deb("mine").write(folder)
    return LockedPackage(path, "mine", "1.0-1", hashlib.sha256(path.read_bytes()).hexdigest())


def test_archive_would_not_say_what_apt_checks(tmp_path: Path) -> None:
    package = _locked(tmp_path)
    compare.archive([package], "amd64", tmp_path / "archive")
    index = tmp_path / "archive/dists/locked/main/binary-amd64/Packages"
    release = (tmp_path / "archive/dists/locked/Release").read_text()
    assert hashlib.sha256(index.read_bytes()).hexdigest() in release
    assert f"SHA256: {package.sha256}\n" in index.read_text()
    assert (tmp_path / "archive/pool" / package.deb.name).resolve() == package.deb


def test_another_host_would_not_know_what_to_install(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    script = compare.prepare([_locked(tmp_path)], "amd64", folder)
    programs = tmp_path / "programs"
    programs.mkdir()
    text = script.read_text().replace("/usr/sbin:/usr/bin:/sbin:/bin", f"{programs}:/usr/bin:/bin")
    (programs / "mmdebstrap").write_text(
        '#!/bin/sh\nprintf "%s\\n" "$TMPDIR" "$@"; cat repository/sources.list; >unfinished.tar\n'
    )
    (programs / "mmdebstrap").chmod(0o755)
    script.write_text(text)
    said = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True, cwd="/").stdout
    assert said.splitlines() == [
        str(folder),
        *("--quiet", "--variant=essential", "--include=mine", "--architectures=amd64"),
        *("locked", "unfinished.tar", "repository/sources.list"),
        f"deb [trusted=yes] copy:{tmp_path}/a%20folder/repository locked main",
    ]
    assert (folder / "real.tar").exists()


def test_without_mmdebstrap_there_would_be_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = _locked(tmp_path)
    locks.write(tmp_path / "lock.json", [package])
    monkeypatch.setenv("DEBIAN_MIRRORS", f"debian=file://{tmp_path}")
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ToolError, match="mmdebstrap is not installed"):
        compare.main(["--lock=lock.json", "--set=s", "--architecture=amd64", f"--cache={tmp_path}/cache"])


def test_a_difference_would_be_explained_by_what_was_not_left() -> None:
    kinds = {entry.left for entry in explanations() if entry.left}
    assert kinds <= set(LEFT)
    real = Tree()
    real.add("etc/bind/rndc.key", file(b"secret"))
    [found] = [one for one in differences(Tree(), real) if one.path.endswith("key")]
    entries = [entry for entry in explanations() if entry.covers(found)]
    assert [entry.left for entry in entries] == ["keys"]
    assert not [entry for entry in explanations("vanilla") if entry.covers(found)]
