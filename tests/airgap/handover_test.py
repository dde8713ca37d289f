import os
from pathlib import Path

import pytest

from tools.airgap import handover
from tools.airgap.errors import ToolError


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, and a PATH on which programs of the test come first."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "workspace/sub").mkdir(parents=True)
    (tmp_path / "workspace/MODULE.bazel").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("RULES_SYSTEM_IMAGE_AIRGAP", raising=False)
    return tmp_path / "workspace"


def _program(workspace: Path, script: str, name: str = "bazel") -> Path:
    path = workspace.parent / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _choose(workspace: Path) -> Path | None:
    script = workspace.parent / "tools-bazel"
    script.touch()
    return handover.choose(script, workspace, workspace.parent / "cache")


def test_a_host_without_bazel_gets_the_toolbox(workspace: Path) -> None:
    assert _choose(workspace) is None


def test_a_bazel_that_resolves_the_modules_is_handed_over_to(workspace: Path) -> None:
    bazel = _program(workspace, '[ "$1 $2 $PWD" = "mod graph ' + str(workspace) + '" ]')
    assert _choose(workspace) == bazel


def test_bazelisk_comes_before_bazel(workspace: Path) -> None:
    _program(workspace, "exit 0")
    bazelisk = _program(workspace, "exit 0", "bazelisk")
    assert _choose(workspace) == bazelisk


def test_this_tool_does_not_take_itself_for_a_bazel(workspace: Path) -> None:
    script = workspace.parent / "tools-bazel"
    script.touch(0o755)
    (workspace.parent / "bin/bazel").symlink_to(script)
    assert _choose(workspace) is None


def test_a_bazel_without_a_registry_is_named_with_the_reason_and_not_asked_again_at_once(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = workspace.parent / "calls"
    _program(workspace, f"echo x >> {calls}; echo 'ERROR: Error accessing registry: no host' >&2; exit 1")
    assert _choose(workspace) is None
    said = capsys.readouterr().err
    assert "can't work here (ERROR: Error accessing registry: no host)" in said
    assert said.count("\n") == 1
    assert _choose(workspace) is None
    assert capsys.readouterr().err == ""
    assert calls.read_text() == "x\n"


def test_an_answer_grows_old(workspace: Path) -> None:
    bazel = _program(workspace, "exit 1")
    assert _choose(workspace) is None
    (answer,) = (workspace.parent / "cache/host-bazel").iterdir()
    when = answer.stat().st_mtime - 2 * 3600
    os.utime(answer, (when, when))
    stat = bazel.stat()
    # The same file as far as its size and time go, which now succeeds.
    bazel.write_text("#!/bin/sh\nexit 0\n")
    os.utime(bazel, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert _choose(workspace) == bazel


def test_another_pinned_version_is_another_question(workspace: Path) -> None:
    _program(workspace, "[ ! -e .bazelversion ]")
    assert _choose(workspace) is not None
    (workspace / ".bazelversion").write_text("99.0.0\n")
    assert _choose(workspace) is None


def test_a_bazel_that_hangs_is_given_up(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_PATIENCE", 0.2)
    _program(workspace, "exec /bin/sleep 100")
    assert _choose(workspace) is None


def test_a_mistake_in_the_workspace_is_not_blamed_on_the_network(workspace: Path) -> None:
    bazel = _program(workspace, f"echo 'ERROR: {workspace}/MODULE.bazel:3:1: syntax error' >&2; exit 2")
    assert _choose(workspace) == bazel


def test_the_variable_overrides_the_choice_both_ways(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RULES_SYSTEM_IMAGE_AIRGAP", "0")
    with pytest.raises(ToolError, match="AIRGAP=0 asks for the host's Bazel, and PATH has no bazelisk"):
        _choose(workspace)
    bazel = _program(workspace, "exit 1")
    assert _choose(workspace) == bazel
    monkeypatch.setenv("RULES_SYSTEM_IMAGE_AIRGAP", "1")
    _program(workspace, "exit 0")
    assert _choose(workspace) is None
    monkeypatch.setenv("RULES_SYSTEM_IMAGE_AIRGAP", "yes")
    with pytest.raises(ToolError, match="AIRGAP is 'yes': 1 asks for the toolbox, 0 for the host's Bazel"):
        _choose(workspace)


def test_the_workspace_is_the_nearest_folder_that_is_one(workspace: Path) -> None:
    assert handover.workspace_of(workspace / "sub") == workspace
    assert handover.workspace_of(workspace.parent / "bin") != workspace
