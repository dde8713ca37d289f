"""Stage lock as a user runs it: what is written, what is said, and that a failure leaves the old lock."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lock.archives import KEY, MANIFEST, OTHER_KEY, Workspace
from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock import lockfile
from tools.sysimage.lock.main import main
from tools.sysimage.lock.summary import summary


def test_the_lock_says_what_was_locked_from_what(workspace: Workspace) -> None:
    workspace.security.publish(
        "b=1+deb13u1",
        "trixie-security",
        architectures=("amd64", "arm64"),
        date="Sun, 22 Nov 2026 08:30:14 UTC",
    )
    assert workspace.run() == 0
    lock = workspace.read()
    assert (lock["version"], lock["snapshot"]) == (2, "20261122T083014Z")
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
        "control": {},
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
            "unmet": {"amd64": {"c": ["x"]}, "arm64": {"c": ["x"]}},
        },
    }


def test_no_mirror_is_in_the_lock(workspace: Workspace) -> None:
    workspace.run()
    assert "://" not in workspace.lock.read_text()


@pytest.mark.parametrize(
    ("flags", "said"), [((), "nothing to do\n"), (("--update",), "no change of any package\n")]
)
def test_a_second_run_changes_no_byte(
    workspace: Workspace, flags: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.run()
    before = workspace.lock.read_bytes()
    capsys.readouterr()
    workspace.run(*flags)
    assert workspace.lock.read_bytes() == before
    out, err = capsys.readouterr()
    assert out.endswith(said)
    assert "fetching" not in err


def test_paths_are_those_of_the_workspace_that_bazel_run_was_called_in(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    monkeypatch.chdir("/")
    assert main(["--manifest=debian.toml", "--lock=debian.lock.json"]) == 0
    assert workspace.read()["version"] == 2


def test_the_summary_tells_what_changed(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.run()
    assert capsys.readouterr().out.splitlines()[:5] == [
        "3 added",
        "",
        "- added a 1 (trixie), named by set base [amd64, arm64]",
        "- added b 1+deb13u1 (trixie-security), needed by a [amd64, arm64]",
        "- added c 1 (trixie), named by set more [amd64, arm64]",
    ]
    both = ("amd64", "arm64")
    workspace.debian.publish(
        "a=1:0 Depends: d; Installed-Size: 2000\nb=1\nc=1~ Depends: x, d\nd", architectures=both
    )
    workspace.run("--update")
    assert capsys.readouterr().out.splitlines() == [
        "1 added, 1 downgraded, 1 removed, 1 upgraded",
        "",
        "- upgraded a 1 → 1:0 (trixie) [amd64, arm64]",
        "- removed b 1+deb13u1 [amd64, arm64]",
        "- downgraded c 1 → 1~ (trixie) [amd64, arm64]",
        "- added d 1 (trixie), needed by a [amd64, arm64]",
        "- set base [amd64]: 2 packages (+0), 0.0 MB (+0.0) to fetch, 2.0 MB (+2.0) installed",
        "- set base [arm64]: 2 packages (+0), 0.0 MB (+0.0) to fetch, 2.0 MB (+2.0) installed",
        "- set more [amd64]: 3 packages (+0), 0.0 MB (+0.0) to fetch, 2.0 MB (+2.0) installed",
        "- set more [arm64]: 3 packages (+0), 0.0 MB (+0.0) to fetch, 2.0 MB (+2.0) installed",
    ]


def test_the_summary_marks_security_updates(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.run()
    capsys.readouterr()
    both = ("amd64", "arm64")
    workspace.security.publish("b=2\na=1.1 Depends: b", "trixie-security", architectures=both)
    # As after a point release, trixie may list the same version, and comes first.
    workspace.debian.publish("a=1.1 Depends: b\nb=1\nc=1 Depends: x, b", architectures=both)
    workspace.run("--update")
    assert capsys.readouterr().out.splitlines()[:4] == [
        "2 upgraded; security updates: 2",
        "",
        "- upgraded a 1 → 1.1 (trixie), **security update** [amd64, arm64]",
        "- upgraded b 1+deb13u1 → 2 (trixie-security), **security update** [amd64, arm64]",
    ]


def test_the_summary_tells_of_other_content_under_the_same_version() -> None:
    def lock(sha256: str) -> dict[str, Any]:
        return {"packages": {"amd64": {"a": {"version": "1", "suite": "s", "sha256": sha256}}}, "sets": {}}

    def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
        return summary(old, new, lambda *_: False, lambda *_: "")

    assert changes(lock("0"), lock("1")) == [
        "1 changed",
        "",
        "- changed a 1: the same version has other content now (s) [amd64]",
    ]
    assert changes(lock("0"), lock("0")) == []


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
        (break_keyring, r"keys/archive\.asc: there is no such keyring"),
    ],
    ids=lambda value: getattr(value, "__name__", "said"),
)
def test_a_failure_leaves_the_old_lock(workspace: Workspace, damage: Any, message: str) -> None:
    workspace.run()
    before = workspace.lock.read_bytes(), sorted(path.name for path in workspace.lock.parent.iterdir())
    damage(workspace)
    with pytest.raises(ToolError, match=message) as caught:
        workspace.run("--update")
    assert "\n" not in str(caught.value)
    after = workspace.lock.read_bytes(), sorted(path.name for path in workspace.lock.parent.iterdir())
    assert after == before


def test_a_manifest_without_a_keyring_is_locked_with_the_one_of_the_tool(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.manifest.write_text(MANIFEST.replace('keyring = "keys/archive.asc"\n', ""))
    with pytest.raises(ToolError, match=r"no good signature by a key of debian-archive\.asc; it claims"):
        workspace.run()
    monkeypatch.setattr("tools.sysimage.lock.make.SHIPPED", workspace.manifest.parent / "keys/archive.asc")
    assert workspace.run() == 0


def test_a_shipped_certificate_is_not_trusted_unless_it_is_pinned(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = workspace.manifest.parent / "shipped.asc"
    shipped.write_text("\n".join(str(key.extract_certificate()) for key in (KEY, OTHER_KEY)))
    monkeypatch.setattr("tools.sysimage.lock.make.SHIPPED", shipped)
    workspace.manifest.write_text(MANIFEST.replace('keyring = "keys/archive.asc"\n', ""))
    break_key(workspace)
    with pytest.raises(ToolError, match="none of which is pinned in signed_by"):
        workspace.run()


def test_a_failure_before_there_is_a_lock_leaves_none(workspace: Workspace) -> None:
    break_dependency(workspace)
    with pytest.raises(ToolError):
        workspace.run()
    assert not workspace.lock.exists()


def test_a_suite_never_goes_back_unless_that_is_allowed(workspace: Workspace) -> None:
    workspace.debian.publish("a\nc", date="Sun, 22 Nov 2026 08:30:14 UTC", architectures=("amd64", "arm64"))
    workspace.run()
    before = workspace.lock.read_bytes()
    workspace.debian.publish("a\nc", date="Sun, 22 Nov 2026 08:30:13 UTC", architectures=("amd64", "arm64"))
    with pytest.raises(ToolError, match=r"2026-11-22T08:30:13Z is older than that of 2026-11-22T08:30:14Z"):
        workspace.run()
    assert workspace.lock.read_bytes() == before
    assert workspace.run("--update", "--allow-rollback") == 0
    (trixie,) = workspace.read()["archives"]["debian"]["releases"].values()
    assert trixie["date"] == "2026-11-22T08:30:13Z"


def test_a_suite_that_is_new_in_the_manifest_may_have_any_date(workspace: Workspace) -> None:
    workspace.run()
    both = ("amd64", "arm64")
    workspace.debian.publish("d", "sid", date="Sat, 21 Nov 2020 02:10:46 UTC", architectures=both)
    workspace.manifest.write_text(MANIFEST.replace('["trixie"]', '["trixie", "sid"]'))
    assert workspace.run() == 0


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
        ('{"version": 1}', "its version is 1, and this tool knows 2"),
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
