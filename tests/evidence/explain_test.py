"""explain: each path has its origin, each package its reason, and what is not there has a hint."""

import json
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.debs import Link
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import explain

CHANGES = [
    {
        "package": "bash",
        "script": "postinst",
        "line": 7,
        "command": "cat > /etc/made",
        "path": "etc/made",
        "what": "made",
    }
]


def lines(path: str) -> str:
    return "\n".join(explain.explain_path(small_image.make(), CHANGES, path))


def test_a_package_s_file_names_package_version_and_deb() -> None:
    said = lines("usr/bin/bash")
    assert "from the package bash 5.2-1+b1 amd64" in said
    assert f"bash_5.2-1+b1_amd64.deb, sha256:{'b' * 64}" in said


def test_a_file_that_a_script_made_names_script_line_and_command() -> None:
    assert "made by bash's postinst, line 7: cat > /etc/made" in lines("etc/made")


def test_an_injected_file_names_its_target_and_who_lays_it() -> None:
    said = lines("usr/bin/orchestrator")
    assert "from the target //app:orchestrator, laid over the base" in said
    assert "to change it: change //app:orchestrator" in said


def test_the_link_that_enables_a_unit_says_so() -> None:
    assert "enables app.socket" in lines("etc/systemd/system/sockets.target.wants/app.socket")


def test_links_on_the_way_are_followed() -> None:
    made = small_image.tree(bin=Link("usr/bin"), sbin=Link("/bin"))
    for path in ("bin/bash", "sbin/bash", "bin/../bin/./bash"):
        found = "\n".join(explain.explain_path(small_image.make(made), (), path))
        assert "is /usr/bin/bash, through links" in found


def test_a_loop_of_links_ends() -> None:
    made = small_image.tree(a=Link("b"), b=Link("a"))
    with pytest.raises(ToolError):
        list(explain.explain_path(small_image.make(made), (), "a/x"))


def test_every_path_of_the_image_can_be_explained() -> None:
    found = small_image.make()
    for path in found.paths:
        said = list(explain.explain_path(found, CHANGES, path))
        assert len(said) >= 3
        assert said[-1].startswith("  to change it: ")


def test_a_misspelt_path_gets_the_nearest_ones() -> None:
    with pytest.raises(
        ToolError, match="/usr/bin/orchestrater: is not in the image; there is /usr/bin/orchestrator"
    ):
        lines("usr/bin/orchestrater")


def test_a_package_says_who_needs_it_and_what_it_costs() -> None:
    said = "\n".join(explain.explain_package(small_image.make(), "libstdc++6"))
    assert "in the image because bash needs libstdc++6" in said
    assert "costs 7 bytes in 1 files" in said
    said = "\n".join(explain.explain_package(small_image.make(), "bash"))
    assert "because its set asks for it" in said
    assert "costs 11 bytes with what it alone brings in: libstdc++6" in said


def test_a_package_that_is_not_there_gets_near_names() -> None:
    with pytest.raises(ToolError, match=r"libstdc: is not installed in the image; there is libstdc\+\+6"):
        list(explain.explain_package(small_image.make(), "libstdc"))


def test_the_command_line_takes_effects_of_several_root_filesystems(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    facts = small_image.write(tmp_path, small_image.make())
    (tmp_path / "a.json").write_text(json.dumps({"changes": [], "left": []}))
    (tmp_path / "b.json").write_text(json.dumps({"changes": CHANGES, "left": []}))
    effects = ["--effects", str(tmp_path / "a.json"), "--effects", str(tmp_path / "b.json")]
    assert explain.main(["--facts", str(facts), *effects, "/etc/made", "--package", "bash"]) == 0
    said = capsys.readouterr().out
    assert "made by bash's postinst" in said
    assert "bash 5.2-1+b1 amd64: a shell" in said
