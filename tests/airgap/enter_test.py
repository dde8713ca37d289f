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
    monkeypatch.setattr(enter.shutil, "which", lambda _: None)
    monkeypatch.setattr(enter.os, "getuid", lambda: 1000)
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
    monkeypatch.setattr(enter.shutil, "which", lambda _: host)
    assert enter.find_bwrap(toolbox) == [host]


def test_a_host_that_lets_nobody_mount_is_told_what_to_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = _toolbox(tmp_path / "toolbox")
    own = _bwrap(tmp_path, "echo 'No permissions to create new namespace' >&2; exit 1")
    monkeypatch.setattr(Toolbox, "command", lambda *_: own)
    monkeypatch.setattr(enter.shutil, "which", lambda _: own[0])
    with pytest.raises(ToolError, match=r"No permissions to create.*CAP_SYS_ADMIN\), or install bazelisk$"):
        enter.find_bwrap(toolbox)
