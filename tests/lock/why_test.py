"""Stage lock: who can't say why a package is in the image can't keep it small."""

import pytest

from tests.lock.archives import MANIFEST, Workspace
from tools.sysimage.core.errors import ToolError

BOTH = ("amd64", "arm64")


def why(workspace: Workspace, name: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert workspace.run("--why", name) == 0
    return capsys.readouterr().out.splitlines()


def test_the_shortest_chain_is_told_with_its_relations(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.debian.publish(
        "a Depends: long | other\nlong Depends: longer\nlonger Depends: lib\n"
        "b\nc Pre-Depends: lib (>= 1)\nlib\nx",
        architectures=BOTH,
    )
    workspace.run()
    monkeypatch.setenv("DEBIAN_MIRRORS", "debian=http://mirror.example/debian")
    assert why(workspace, "lib", capsys) == [
        "lib in base [amd64], base [arm64]:",
        "  lib 1 from trixie/main",
        "  a: named by set base",
        "  a Depends: long | other",
        "  long Depends: longer",
        "  longer Depends: lib",
        "lib in more [amd64], more [arm64]:",
        "  lib 1 from trixie/main",
        "  c: named by set more",
        "  c Pre-Depends: lib (>= 1)",
        "  needed by longer, too",
    ]
    assert why(workspace, "x", capsys) == [
        "x in more [amd64], more [arm64]:",
        "  excluded: built by us",
    ]


def test_essential_and_required_are_reasons(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.debian.publish("a\nc\ne Essential: yes\nr Priority: required\nb\nx", architectures=BOTH)
    workspace.manifest.write_text(MANIFEST.replace('["a"]', '["a"]\nessential = true\nrequired = true'))
    workspace.run()
    assert why(workspace, "e", capsys)[2] == "  e: essential, and set base asks for these"
    assert why(workspace, "r", capsys)[2] == "  r: Priority: required, and set base asks for these"


def test_a_package_in_no_set_is_told_with_the_nearest(workspace: Workspace) -> None:
    workspace.debian.publish("a Depends: libfoo1\nlibfoo1\nc", architectures=BOTH)
    workspace.run()
    with pytest.raises(ToolError, match=r"^libfo1 is in no set of the lock \(did you mean libfoo1\?\)$"):
        workspace.run("--why", "libfo1")
