"""image_diff: everything that differs is named, nothing else, in each of its forms."""

import io
import json
import lzma
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.debs import File, Link
from tests.testing.layouts import layout
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import diff, difference, shown
from tools.sysimage.evidence.facts import Facts
from tools.sysimage.formats import tar

FIXES = (
    {"version": "5.2-2", "suite": "trixie-security", "cves": ["CVE-2026-9999"]},
    {"version": "5.2-1", "suite": "unstable", "cves": ["CVE-2026-1234"]},
)


def changed() -> Facts:
    """The small image after one change of each kind."""
    made = small_image.tree(
        **{
            "var/lib/dpkg/status": small_image.STATUS.replace("5.2-1+b1", "5.2-2").replace(
                "(5.2-1)", "(5.2-2)"
            )
            + "\nPackage: new\nStatus: install ok installed\nVersion: 3\nArchitecture: all\n",
            "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nother:x:101:100::/:/bin/sh\n",
            "etc/group": "root:*:0:\napp:*:100:root,other\n",
            "etc/made": None,
            "etc/new": "new",
            "usr/bin/su": File("su", 0o755),
            "usr/bin/bash": File("#!!", 0o2755),
            "usr/lib/libstdc++.so": Link("libstdc++.so.7"),
            "usr/bin/orchestrator": File("orchestrator 2", 0o755),
            f"{small_image.UNITS}/app.socket": "[Socket]\nListenStream=23\n[Install]\nWantedBy=x.target\n",
            "etc/systemd/system/sockets.target.wants/app.socket": None,
            "etc/systemd/system/app.service": Link("/dev/null"),
        }
    )
    made["usr/bin/orchestrator"].xattrs = {"security.capability": b"\1"}
    found = small_image.make(made)
    packages = [
        replace(package, security=FIXES) if package.name == "bash" else package for package in found.packages
    ]
    return replace(found, packages=tuple(packages))


def test_the_same_image_differs_in_nothing() -> None:
    assert not difference.compare(small_image.make(), small_image.make())


def test_one_change_of_each_kind_is_named_and_nothing_else() -> None:
    found = difference.compare(small_image.make(), changed())
    assert found.packages == difference.Section({"new": "3"}, {}, {"bash": "5.2-1+b1 → 5.2-2"})
    assert [(fix.package, fix.version, fix.cves) for fix in found.security] == [
        ("bash", "5.2-2", ("CVE-2026-9999",))
    ]
    assert found.units.changed == {"app.service": "disabled → masked", "app.socket": "enabled → disabled"}
    assert found.sockets.changed == {"app.socket": "ListenStream=22 → ListenStream=23"}
    assert list(found.users.added) == ["other"]
    assert list(found.users.removed) == ["app"]
    assert found.users.changed == {"root": "0:0 /root /bin/bash → 0:0 /root /bin/sh"}
    assert found.groups.changed == {"app": "100 root → 100 root other"}
    assert found.setuid == difference.Section({"usr/bin/bash": "2755 0:0"}, {"usr/bin/su": "4755 0:0"}, {})
    assert found.capabilities.added == {"usr/bin/orchestrator": "01"}
    assert found.files["bash"].changed == {
        "usr/bin/bash": "mode 0755 → 2755, content (+1 bytes)",
        "usr/bin/su": "mode 4755 → 0755",
    }
    assert found.files["libstdc++6"].changed == {
        "usr/lib/libstdc++.so": "link libstdc++.so.6 → libstdc++.so.7"
    }
    assert list(found.files["base"].removed) == [
        "etc/made",
        "etc/systemd/system/sockets.target.wants",
        "etc/systemd/system/sockets.target.wants/app.socket",
    ]
    assert (found.sizes["bash"], found.sizes["//app:orchestrator"]) == (1, 2)
    assert list(found.measurements.changed) == ["image SHA-256"]
    assert {"bash", "new", "//app:orchestrator"} <= set(found.inputs)


def fixed(old: Mapping[str, object], *fixes: Mapping[str, object]) -> list[str]:
    """The versions that are told as fixes, from a bash with these fields to one with these fixes."""
    before, after = small_image.make(), small_image.make()
    [bash, *rest] = before.packages
    old_bash = replace(bash, version="5.2-2", source_version="5.2-2", **old)  # type: ignore[arg-type]
    new_bash = replace(bash, version="5.2-4", source_version="5.2-4", security=fixes)
    found = difference.compare(
        replace(before, packages=(old_bash, *rest)), replace(after, packages=(new_bash, *rest))
    )
    return [fix.version for fix in found.security]


def test_fixes_are_those_since_the_old_version_even_if_nothing_else_is_known_of_it() -> None:
    fixes = [{"version": f"5.2-{number}", "suite": "trixie", "cves": []} for number in (4, 3, 2, 1)]
    assert fixed({"security": ()}, *fixes) == ["5.2-4", "5.2-3"]


def test_a_fix_that_the_old_changelog_has_is_not_told_again_if_its_version_is_another_branch_s() -> None:
    fixes = [{"version": f"5.2-{number}", "suite": "trixie", "cves": []} for number in (4, 3, 1)]
    assert fixed({"security": tuple(fixes[1:])}, *fixes) == ["5.2-4"]


def test_what_an_older_list_of_fixes_has_been_cut_off_is_no_fix_that_came() -> None:
    # As after going back by a version: each list has the newest three.
    fixes = [{"version": f"5.2-{number}", "suite": "trixie", "cves": []} for number in (9, 8, 7, 6)]
    assert fixed({"security": tuple(fixes[:3])}, *fixes[1:]) == []


def test_content_of_the_same_size_differs_too() -> None:
    new = small_image.make(small_image.tree(**{"etc/made": "by a SCRIPT"}))
    found = difference.compare(small_image.make(), new)
    assert found.files["base"].changed == {"etc/made": "content (+0 bytes)"}


def test_every_path_that_differs_is_in_exactly_one_owner_s_files() -> None:
    old, new = small_image.make(), changed()
    found = difference.compare(old, new)
    named = [path for one in found.files.values() for path in (*one.added, *one.removed, *one.changed)]
    wanted = {path for path in {*old.paths, *new.paths} if old.paths.get(path) != new.paths.get(path)}
    assert sorted(named) == sorted(wanted)


def test_a_tarball_without_facts_does_not_differ_from_the_same_image_with_them(tmp_path: Path) -> None:
    out = io.BytesIO()
    tar.write(small_image.tree(), out)
    (tmp_path / "app.tar.xz").write_bytes(lzma.compress(out.getvalue()))
    found = difference.compare(small_image.make(), diff.load(tmp_path / "app.tar.xz"))
    assert not found.files
    assert not found.sizes


def test_an_oci_layout_is_an_image_too(tmp_path: Path) -> None:
    out = io.BytesIO()
    tar.write(small_image.tree(), out)
    found = diff.load(layout(tmp_path / "layout", out.getvalue()))
    assert not difference.compare(small_image.make(), found).files


def test_facts_beside_a_tarball_are_taken_only_if_they_are_of_its_bytes(tmp_path: Path) -> None:
    out = io.BytesIO()
    tar.write(small_image.tree(), out)
    path = tmp_path / "app.tar"
    path.write_bytes(out.getvalue())
    small_image.write(tmp_path, small_image.make(), "app_facts.json")
    assert diff.load(path).image.target == "//:app"
    path.write_bytes(out.getvalue() + bytes(512))
    later = path.stat().st_mtime + 10
    os.utime(tmp_path / "app_facts.json", (later, later))
    assert diff.load(path).image.target == ""


@pytest.mark.parametrize("name", ["etc/\x1b[31m", "etc/`|<b>"])
def test_names_of_an_archive_command_neither_a_terminal_nor_markdown(name: str) -> None:
    new = small_image.make(small_image.tree(**{name: "x"}))
    found = difference.compare(small_image.make(), new)
    text = "\n".join(shown.as_text(found, colour=False))
    assert "\x1b" not in text
    markdown = "\n".join(shown.as_markdown(found))
    assert "\x1b" not in markdown
    assert "<b>" not in markdown


def test_each_form_names_the_package_the_fix_and_the_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    old = small_image.write(tmp_path, small_image.make(), "old.json")
    new = small_image.write(tmp_path, changed(), "new.json")
    for form in ("text", "markdown", "json"):
        assert diff.main([str(old), str(new), "--format", form]) == 0
        said = capsys.readouterr().out
        assert all(word in said for word in ("5.2-2", "CVE-2026-9999", "app.socket", "image SHA-256")), form
    assert json.loads(said)["packages"]["added"] == {"new": "3"}


def test_measurements_that_moved_name_the_input_that_moved_them(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    facts = small_image.write(tmp_path, small_image.make())
    for name, kernel in (("old", "1"), ("new", "2")):
        content = {
            "format": "rules_system_image measurements 1",
            "inputs": {"kernel": {"sha256": kernel * 64}, "firmware:tdx": {"sha256": "f" * 64}},
            "tdx": {
                "mrtd": {"value": "a" * 96, "of": ["firmware:tdx"]},
                "rtmr": [{"sha384": kernel * 96, "of": ["kernel"]}],
            },
        }
        (tmp_path / f"{name}.measured").write_text(json.dumps(content))
    measured = [str(tmp_path / "old.measured"), str(tmp_path / "new.measured")]
    assert diff.main([str(facts), str(facts), "--measurements", *measured, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["measurements"]["changed"]) == ["input kernel", "tdx rtmr 0 sha384"]
    assert found["inputs"] == ["input kernel"]
    assert found["measurements"]["changed"]["tdx rtmr 0 sha384"].endswith(", by kernel")
    with pytest.raises(ToolError, match="has no measurements"):
        diff.main([str(facts), str(facts), "--measurements", str(facts), str(facts)])


def golden(folder: Path, text: str, *more: str) -> int:
    facts = small_image.write(folder, small_image.make())
    (folder / "golden.json").write_text(text)
    options = ["--facts", str(facts), "--golden", str(folder / "golden.json"), "--golden-path", "golden.json"]
    return diff.main([*options, *more])


def test_a_golden_file_that_was_written_passes_and_a_new_orchestrator_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    assert golden(tmp_path, "", "--update") == 0
    text = (tmp_path / "golden.json").read_text()
    assert golden(tmp_path, text) == 0
    new = small_image.make(small_image.tree(**{"usr/bin/orchestrator": File("another", 0o755)}))
    assert not difference.compare(difference.reduced(small_image.make()), difference.reduced(new))


def test_a_golden_file_of_another_image_fails_with_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = small_image.write(tmp_path, difference.reduced(changed()), "other.json")
    assert golden(tmp_path, path.read_text(), "--target", "//:t") == 1
    said = capsys.readouterr()
    assert "~ bash 5.2-2 → 5.2-1+b1" in said.out
    assert "bazel run //:t -- --update" in said.err


def test_an_empty_golden_file_fails_and_does_not_pass_for_anything(tmp_path: Path) -> None:
    assert golden(tmp_path, "") == 1


@pytest.mark.parametrize(
    "name, registry",
    [
        ("registry.example/app:v1", True),
        ("localhost/app:v1", True),
        ("127.0.0.1:5000/team/app:v1", True),
        (f"registry.example/app@sha256:{'0' * 64}", True),
        ("out/app.tar.xz", False),
        ("app.tar:v1", False),
        ("/srv/x.y/app:v1", False),
        ("../app/vanilla:v1", False),
    ],
)
def test_a_name_is_a_registry_s_if_it_begins_with_a_host(name: str, registry: bool, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is in a registry" if registry else "is not there"):
        diff.main([name, name])


def test_what_is_no_image_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "disk.raw").write_bytes(bytes(512) + b"EFI PART" + bytes(512))
    with pytest.raises(ToolError, match=r"disk.raw: is a disk; start this with `bazel run`"):
        diff.load(tmp_path / "disk.raw")
    with pytest.raises(ToolError, match=r"disk.raw: has no partition table as a disk_image has it"):
        diff.load(tmp_path / "disk.raw", fsck=("false",))
    with pytest.raises(ToolError, match="is not there"):
        diff.load(tmp_path / "none.tar")
