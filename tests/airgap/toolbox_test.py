import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from tools.airgap import apt, recipe, toolbox, unpack
from tools.airgap.errors import ToolError


class _FakeApt:
    """Downloads nothing."""

    def __init__(self, folder: Path, *_: object) -> None:
        (folder / "cache").mkdir(parents=True)

    def update(self) -> None:
        pass

    def download(self, *_: object) -> list[Path]:
        return []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a host whose mirror and packages need no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(apt, "read_sources", lambda _: [apt.Source("http://m.example/debian", (), None)])
    monkeypatch.setattr(apt, "PrivateApt", _FakeApt)
    monkeypatch.setattr(unpack, "unpack", lambda _, root: root.mkdir())
    monkeypatch.setattr(unpack, "finish", lambda root, _: (root / "toolbox.json").write_text("{}"))
    monkeypatch.setattr(unpack, "compile_library", lambda *_: None)
    monkeypatch.setattr(toolbox, "_SPACE_NEEDED", 0)
    return tmp_path / "rules_system_image"


def _names(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != "toolbox.lock")


def test_the_toolbox_is_made_once(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = toolbox.find_or_make()
    said = capsys.readouterr().err
    assert _names(cache) == [found.root.name]
    assert [line.split()[1] for line in said.splitlines()[1:-1]] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    made = found.made
    assert toolbox.find_or_make().made == made
    assert capsys.readouterr().err == ""


def test_the_users_umask_holds_for_bazel_and_not_for_the_toolbox(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o077)
    try:
        found = toolbox.find_or_make()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert found.root.stat().st_mode & 0o777 == 0o755


def test_another_recipe_is_another_toolbox(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = toolbox.find_or_make()
    monkeypatch.setattr(recipe, "digest", lambda _: "changed")
    assert toolbox.find_or_make().root == cache / "toolbox-changed" != first.root


@pytest.mark.parametrize(
    "trouble", [KeyboardInterrupt(), SystemExit(143), ToolError("no"), ValueError("bug")]
)
def test_an_interrupted_build_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    def break_off(_: list[Path], root: Path) -> None:
        (root / "usr").mkdir(parents=True)
        raise trouble

    monkeypatch.setattr(unpack, "unpack", break_off)
    with pytest.raises(type(trouble)):
        toolbox.find_or_make()
    assert _names(cache) == []


def test_what_a_killed_build_left_is_removed_and_not_taken_for_a_toolbox(cache: Path) -> None:
    (cache / "making-abc/toolbox/usr").mkdir(parents=True)
    found = toolbox.find_or_make()
    assert _names(cache) == [found.root.name]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_with_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fill(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(unpack, "unpack", fill)
    with pytest.raises(ToolError, match=r"^no space for the toolbox in .*: make room, or set XDG_CACHE_HOME"):
        toolbox.find_or_make()
    assert _names(cache) == []


def test_too_little_space_is_seen_before_anything_is_downloaded(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolbox, "_SPACE_NEEDED", 1 << 40)
    with pytest.raises(ToolError, match=r"^no space for the toolbox"):
        toolbox.find_or_make()
    assert _names(cache) == []


def test_a_second_start_waits_and_says_so(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    making, go_on = threading.Event(), threading.Event()
    builds = []

    def unpack_slowly(_: list[Path], root: Path) -> None:
        builds.append(root)
        root.mkdir()
        making.set()
        go_on.wait(30)

    monkeypatch.setattr(unpack, "unpack", unpack_slowly)
    starts = [threading.Thread(target=toolbox.find_or_make) for _ in range(2)]
    starts[0].start()
    assert making.wait(30)
    starts[1].start()
    said = ""
    for _ in range(300):
        said += capsys.readouterr().err
        if "waiting for another start" in said:
            break
        time.sleep(0.1)
    go_on.set()
    for start in starts:
        start.join(30)
    assert "waiting for another start" in said
    assert len(builds) == 1


def _old(cache: Path, name: str, age: float) -> Path:
    mark = cache / name / "host/in-use"
    mark.parent.mkdir(parents=True)
    mark.touch()
    os.utime(mark, (time.time() - age, time.time() - age))
    return mark


def test_only_toolboxes_that_nothing_uses_are_removed(cache: Path) -> None:
    day = 24 * 3600
    _old(cache, "toolbox-old", 2 * day)
    _old(cache, "toolbox-recent", day / 2)
    with _old(cache, "toolbox-running", 2 * day).open("r") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        found = toolbox.find_or_make()
    assert _names(cache) == sorted([found.root.name, "toolbox-recent", "toolbox-running"])


def test_a_process_that_holds_a_toolbox_keeps_it(cache: Path) -> None:
    found = toolbox.find_or_make()
    child = os.fork()
    if child == 0:
        os.set_inheritable(found.hold(), True)
        os.execv("/bin/sleep", ["sleep", "60"])
    try:
        with (found.state / "in-use").open("a") as mark:
            for _ in range(100):
                try:
                    fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    break
                fcntl.flock(mark, fcntl.LOCK_UN)
                time.sleep(0.1)
            else:
                pytest.fail("the lock did not outlive exec")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_machine_without_a_toolbox_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "h", "6", "1", "riscv64")))
    with pytest.raises(ToolError, match="no toolbox for riscv64 machines: install bazelisk"):
        toolbox.host_architecture()


def test_a_relative_cache_folder_is_ignored_as_the_specification_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert toolbox.cache_folder() == Path("/home/someone/.cache/rules_system_image")
