"""compile_commands: the compilation database."""

import json
from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.toolchain import compile_commands

COMPILE = {
    "mnemonic": "CppCompile",
    "arguments": ["bin/gcc", "-O2", "-c", "a b.cc", "-o", "bazel-out/a.o"],
}
LINK = {"mnemonic": "CppLink", "arguments": ["bin/gcc", "-o", "bazel-out/a"]}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "root/bazel-out").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/bazel-out").symlink_to(tmp_path / "root/bazel-out")
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path / "home"))
    return tmp_path / "home"


def test_each_compilation_is_an_entry_in_the_execution_root(workspace: Path) -> None:
    """Without it clangd does not find the headers, whose paths are relative to there."""
    (workspace / "actions.json").write_text(json.dumps({"actions": [LINK, COMPILE]}))
    assert compile_commands.main(["actions.json"]) == 0
    assert json.loads((workspace / "compile_commands.json").read_text()) == [
        {
            "directory": str(workspace.parent / "root"),
            "arguments": COMPILE["arguments"],
            "file": "a b.cc",
            "output": "bazel-out/a.o",
        }
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is not what aquery says"),
        ('{"actions": []}', "no action compiles C or C++"),
        (json.dumps({"actions": [LINK]}), "no action compiles C or C++"),
        ('{"actions": [{"mnemonic": "CppCompile", "arguments": ["x", "-c"]}]}', "no action compiles"),
    ],
)
def test_what_is_no_answer_of_aquery_is_refused(workspace: Path, text: str, message: str) -> None:
    """Without it an empty database takes the place of one that works."""
    (workspace / "actions.json").write_text(text)
    with pytest.raises(ToolError, match=message):
        compile_commands.main(["actions.json"])
    assert not (workspace / "compile_commands.json").exists()


def test_what_was_not_built_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the database names folders that are not there."""
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    with pytest.raises(ToolError, match="build something first"):
        compile_commands.main(["actions.json"])
