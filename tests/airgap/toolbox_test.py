import errno
import fcntl
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.airgap import apt, making, recipe, toolbox, unpack
from tools.airgap.errors import ToolError

_REAL_APT = apt.PrivateApt


class _FakeApt:
    """Downloads nothing."""

    def __init__(self, folder: Path, *_: object) -> None:
        (folder / "cache").mkdir(parents=True)

    def update(self) -> None:
        pass

    def choose(self, *_: object) -> dict[str, str]:
        return {"bazel-bootstrap": "7.7.1+ds-8+b1"}

    def download(self) -> list[Path]:
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
    monkeypatch.setattr(making, "_SPACE_NEEDED", 0)
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
    monkeypatch.setattr(making, "_SPACE_NEEDED", 1 << 40)
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


# apt-get as far as it matters here: fetches its suites' lists and packages from its one source.
_APT_GET = """\
#!{python}
import pathlib, re, sys, urllib.error, urllib.request

folder = pathlib.Path(sys.argv[sys.argv.index("-c") + 1]).parent
source = (folder / "host.sources").read_text()
uri, suite = (re.search(name + r": (\\S+)", source)[1] for name in ("URIs", "Suites"))

def get(name):
    try:
        return urllib.request.urlopen(f"{{uri}}/{{name}}").read().decode()
    except urllib.error.HTTPError as error:
        sys.exit(f"E: Failed to fetch {{uri}}/{{name}}  {{error}}")

if "update" in sys.argv:
    get(f"dists/{{suite}}/InRelease")
elif "--simulate" in sys.argv:
    version = get("bazel-version").strip()
    if not version:
        sys.exit("E: Package 'bazel-bootstrap' has no installation candidate")
    print(f"Inst bazel-bootstrap ({{version}} Debian:testing [amd64])")
else:
    (folder / "cache/archives/bazel-bootstrap_1_amd64.deb").write_text(get("pool"))
"""


@pytest.fixture
def archives(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mirror in `debian`, a snapshot in `snapshots/DATE`, served on loopback, and an apt-get for them."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "apt-get").write_text(_APT_GET.format(python=sys.executable))
    (programs / "dpkg-deb").write_text("#!/bin/sh\nexit 1\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    served = tmp_path / "served"
    for name, version in (("debian", ""), (f"snapshots/{recipe.SNAPSHOT}", "7.7.1+ds-8+b1")):
        (served / name / "dists/forky").mkdir(parents=True)
        (served / name / "dists/forky/InRelease").touch()
        (served / name / "bazel-version").write_text(version)
        (served / name / "pool").write_text(name)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        where = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(apt, "_SNAPSHOTS", f"{where}/snapshots")
        monkeypatch.setattr(apt, "read_sources", lambda _: [apt.Source(f"{where}/debian", (), None)])
        yield served
        server.shutdown()


@pytest.fixture
def unpacked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the packages of the toolbox hold; apt is the one on PATH."""
    found: list[str] = []

    def unpack_into(debs: list[Path], root: Path) -> None:
        root.mkdir()
        found.extend(deb.read_text() for deb in debs)

    monkeypatch.setattr(unpack, "unpack", unpack_into)
    monkeypatch.setattr(apt, "PrivateApt", _REAL_APT)
    return found


def test_a_mirror_that_has_all_is_the_only_source(archives: Path, unpacked: list[str]) -> None:
    (archives / "debian/bazel-version").write_text("7.9.0+ds-1")
    toolbox.find_or_make()
    assert unpacked == ["debian"]


@pytest.mark.parametrize("version", ["", "10.0.0+ds-1", "7.6.9+ds-1", "no number"])
def test_a_bazel_that_debian_dropped_or_that_does_not_fit_comes_from_a_snapshot(
    archives: Path, unpacked: list[str], version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (archives / "debian/bazel-version").write_text(version)
    toolbox.find_or_make()
    assert unpacked == [f"snapshots/{recipe.SNAPSHOT}"]
    assert f"/snapshots/{recipe.SNAPSHOT}, where it all was" in capsys.readouterr().err


def test_a_mirror_without_the_suites_is_no_end_either(archives: Path, unpacked: list[str]) -> None:
    shutil.rmtree(archives / "debian/dists")
    toolbox.find_or_make()
    assert unpacked == [f"snapshots/{recipe.SNAPSHOT}"]


def test_what_neither_source_has_is_said_of_both_in_one_line(archives: Path, unpacked: list[str]) -> None:
    shutil.rmtree(archives / "snapshots")
    with pytest.raises(ToolError) as caught:
        toolbox.find_or_make()
    said = str(caught.value)
    assert "no installation candidate" in said
    assert "404" in said
    assert "\n" not in said
    assert not unpacked


def test_the_snapshot_is_debians_on_the_day_of_the_recipe() -> None:
    source = apt.snapshot_of(apt.Source("http://m.example/debian", ("trixie",), "/k.gpg"), recipe.SNAPSHOT)
    assert source.uri.startswith("https://snapshot.debian.org/archive/debian/2026")
    assert source.signed_by == "/k.gpg"


def test_each_command_would_load_what_only_the_making_needs() -> None:
    program = "import sys, tools.airgap.enter, tools.airgap.handover, tools.airgap.host; print(*sys.modules)"
    environment = {"PYTHONPATH": str(Path(toolbox.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=environment)
    loaded = set(done.stdout.decode().split())
    assert not loaded & {"tools.airgap.apt", "tools.airgap.making", "concurrent.futures", "dataclasses"}
    assert "tools.airgap.toolbox" in loaded
