"""Stage lock as a user runs it: what is written, what is said, and that a failure leaves the old lock."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lock.archives import KEY, OTHER_KEY, Mirror, fingerprint
from tools.sysimage.errors import ToolError
from tools.sysimage.lock import lockfile
from tools.sysimage.lock.main import main
from tools.sysimage.lock.summary import summary

MANIFEST = f"""\
[archive.debian]
suites = ["trixie"]
components = ["main"]
signed_by = ["{fingerprint(KEY)}"]
[archive.debian-security]
suites = ["trixie-security"]
components = ["main"]
signed_by = ["{fingerprint(KEY)}"]
[lock]
architectures = ["amd64", "arm64"]
keyring = "keys/archive.asc"
[set.base]
packages = ["a"]
[set.more]
packages = ["c"]
extends = "base"
exclude = {{ x = "built by us" }}
"""


class Workspace:
    """A manifest, its keyring and the mirrors that it is locked from."""

    def __init__(self, folder: Path) -> None:
        self.manifest = folder / "debian.toml"
        self.lock = folder / "debian.lock.json"
        self.debian = Mirror(folder / "debian")
        self.security = Mirror(folder / "debian-security")
        (folder / "keys").mkdir()
        (folder / "keys/archive.asc").write_text(str(KEY.extract_certificate()))
        self.manifest.write_text(MANIFEST)
        both = ("amd64", "arm64")
        self.debian.publish("a=1 Depends: b\nb=1\nc=1 Depends: x, b", architectures=both)
        self.security.publish("b=1+deb13u1", "trixie-security", architectures=both)

    def run(self, *flags: str) -> int:
        return main(["--manifest", str(self.manifest), "--lock", str(self.lock), *flags])

    def read(self) -> dict[str, Any]:
        return dict(json.loads(self.lock.read_bytes()))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace(tmp_path)
    monkeypatch.setenv("DEBIAN_MIRRORS", f"debian={made.debian.url} debian-security={made.security.url}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BUILD_WORKSPACE_DIRECTORY", raising=False)
    return made


def test_the_lock_says_what_was_locked_from_what(workspace: Workspace) -> None:
    workspace.security.publish(
        "b=1+deb13u1",
        "trixie-security",
        architectures=("amd64", "arm64"),
        date="Sun, 22 Nov 2026 08:30:14 UTC",
    )
    assert workspace.run() == 0
    lock = workspace.read()
    assert (lock["version"], lock["snapshot"]) == (1, "20261122T083014Z")
    (trixie,) = lock["archives"]["debian"]["releases"].items()
    assert trixie[0] == "trixie"
    assert trixie[1].keys() == {"components", "date", "sha256", "signed_by", "valid_until"}
    assert (trixie[1]["date"], trixie[1]["valid_until"]) == ("2026-11-21T02:10:46Z", None)
    assert lock["packages"]["arm64"].keys() == {"a", "b", "c"}
    b = lock["packages"]["arm64"]["b"]
    assert b.pop("sha256")
    assert b == {
        "architecture": "arm64",
        "archive": "debian-security",
        "component": "main",
        "depends": [],
        "path": "pool/main/b/b/b_1+deb13u1_arm64.deb",
        "size": 1000,
        "suite": "trixie-security",
        "version": "1+deb13u1",
    }
    assert lock["packages"]["amd64"]["a"]["depends"] == ["b"]
    assert lock["sets"] == {
        "base": {"extends": None, "packages": {"amd64": ["a", "b"], "arm64": ["a", "b"]}},
        "more": {
            "extends": "base",
            "exclude": {"x": "built by us"},
            "packages": {"amd64": ["a", "b", "c"], "arm64": ["a", "b", "c"]},
        },
    }


def test_no_mirror_is_in_the_lock(workspace: Workspace) -> None:
    workspace.run()
    assert "://" not in workspace.lock.read_text()


def test_a_second_run_changes_no_byte(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.run()
    before = workspace.lock.read_bytes()
    capsys.readouterr()
    workspace.run()
    assert workspace.lock.read_bytes() == before
    said = capsys.readouterr()
    assert said.out == "no change of any package\n"
    assert "fetching" not in said.err


def test_paths_are_those_of_the_workspace_that_bazel_run_was_called_in(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    monkeypatch.chdir("/")
    assert main(["--manifest=debian.toml", "--lock=debian.lock.json"]) == 0
    assert workspace.read()["version"] == 1


def test_the_summary_tells_what_changed(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.run()
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "added a 1 (trixie) [amd64, arm64]",
        "added b 1+deb13u1 (trixie-security) [amd64, arm64]",
    ]
    workspace.debian.publish("a=1:0 Depends: b\nb=1\nc=1~ Depends: x, d\nd", architectures=("amd64", "arm64"))
    workspace.run()
    assert capsys.readouterr().out.splitlines() == [
        "upgraded a 1 → 1:0 (trixie) [amd64, arm64]",
        "downgraded c 1 → 1~ (trixie) [amd64, arm64]",
        "added d 1 (trixie) [amd64, arm64]",
        "set more [amd64]: 4 packages, 0.0 MB (+0.0 MB)",
        "set more [arm64]: 4 packages, 0.0 MB (+0.0 MB)",
    ]


def test_the_summary_tells_of_other_content_under_the_same_version() -> None:
    def lock(sha256: str) -> dict[str, Any]:
        return {"packages": {"amd64": {"a": {"version": "1", "suite": "s", "sha256": sha256}}}, "sets": {}}

    assert summary(lock("0"), lock("1")) == [
        "changed a 1: the same version has other content now (s) [amd64]"
    ]
    assert summary(lock("0"), lock("0")) == []


def break_signature(workspace: Workspace) -> None:
    path = workspace.debian.suite() / "InRelease"
    path.write_bytes(path.read_bytes().replace(b"Components: main", b"Components: mein"))


def break_key(workspace: Workspace) -> None:
    workspace.debian.publish("a", key=OTHER_KEY, architectures=("amd64", "arm64"))


def break_index(workspace: Workspace) -> None:
    # Another index than the cached one, which would do for the lock.
    workspace.debian.publish("a=2\nc", architectures=("amd64", "arm64"))
    for path in workspace.debian.index(architecture="arm64").parent.rglob("*"):
        if path.is_file():
            path.write_bytes(b"junk")


def break_dependency(workspace: Workspace) -> None:
    workspace.debian.publish("a Depends: gone\nc", architectures=("amd64", "arm64"))


def break_manifest(workspace: Workspace) -> None:
    workspace.manifest.write_text(MANIFEST + "[set")


def break_set(workspace: Workspace) -> None:
    workspace.manifest.write_text(MANIFEST.replace('["c"]', '["cc"]'))


def break_keyring(workspace: Workspace) -> None:
    (workspace.manifest.parent / "keys/archive.asc").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_signature, "no good signature by a key of archive.asc"),
        (break_key, "claims to be signed by"),
        (break_index, "it ends after 4 of the"),
        (break_dependency, r"set base \(amd64\): a needs gone: no package gone in any suite"),
        (break_manifest, r"debian\.toml:\d+:\d+: "),
        (break_set, r"set more \(amd64\): no package cc in any suite"),
        (break_keyring, r"keys/archive\.asc: no such keyring"),
    ],
    ids=lambda value: getattr(value, "__name__", "said"),
)
def test_a_failure_leaves_the_old_lock(workspace: Workspace, damage: Any, message: str) -> None:
    workspace.run()
    before = workspace.lock.read_bytes(), sorted(path.name for path in workspace.lock.parent.iterdir())
    damage(workspace)
    with pytest.raises(ToolError, match=message) as caught:
        workspace.run()
    assert "\n" not in str(caught.value)
    after = workspace.lock.read_bytes(), sorted(path.name for path in workspace.lock.parent.iterdir())
    assert after == before


def test_a_failure_before_there_is_a_lock_leaves_none(workspace: Workspace) -> None:
    break_dependency(workspace)
    with pytest.raises(ToolError):
        workspace.run()
    assert not workspace.lock.exists()


@pytest.mark.parametrize("moment", ["chmod", "replace"])
def test_a_lock_that_is_killed_while_it_writes_leaves_the_old_one(workspace: Workspace, moment: str) -> None:
    workspace.run()
    before = workspace.lock.read_bytes()
    lock = workspace.read() | {"snapshot": "another"}
    child = os.fork()
    if child == 0:
        setattr(Path, moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        lockfile.save(lock, workspace.lock)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert workspace.lock.read_bytes() == before
    # And what it left behind is in nobody's way.
    workspace.run()
    assert workspace.lock.read_bytes() == before


def test_check_needs_no_network(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.run()
    monkeypatch.setenv("DEBIAN_MIRRORS", "debian=http://mirror.example/debian")
    assert workspace.run("--check") == 0


def test_check_refuses_a_lock_that_does_not_fit_its_manifest(workspace: Workspace) -> None:
    workspace.run()
    workspace.manifest.write_text("# only a comment\n" + MANIFEST)
    assert workspace.run("--check") == 0
    workspace.manifest.write_text(MANIFEST.replace('["a"]', '["a", "b"]'))
    with pytest.raises(
        ToolError, match=r"debian\.lock\.json does not fit .*debian\.toml, which has changed since"
    ):
        workspace.run("--check")


def test_check_refuses_a_lock_that_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match=r"debian\.lock\.json: there is no lock yet"):
        workspace.run("--check")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "its version is None"),
        ('{"version": 2}', "its version is 2, and this tool writes 1"),
    ],
)
def test_a_damaged_lock_is_refused_with_the_remedy(workspace: Workspace, text: str, message: str) -> None:
    workspace.lock.write_text(text)
    with pytest.raises(ToolError, match=rf"debian\.lock\.json: {message}.* to lock anew$"):
        workspace.run("--check")


def test_an_exclusion_that_does_nothing_is_a_warning(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.debian.publish("a\nc\nx", architectures=("amd64", "arm64"))
    workspace.run()
    assert "warning: [set.more] exclude: nothing needs x for arm64" in capsys.readouterr().err.splitlines()


def test_depends_hold_what_any_set_needs(workspace: Workspace) -> None:
    workspace.debian.publish("a Depends: x1 | x2\nx1\nx2\nc", architectures=("amd64", "arm64"))
    workspace.manifest.write_text(MANIFEST.replace('["c"]\nextends = "base"', '["x2", "a"]'))
    workspace.run()
    lock = workspace.read()
    assert lock["packages"]["amd64"]["a"]["depends"] == ["x1", "x2"]
    assert lock["sets"]["base"]["packages"]["amd64"] == ["a", "x1"]
    assert lock["sets"]["more"]["packages"]["amd64"] == ["a", "x2"]
