"""Policies: what an image leaves out of its packages, and what stays nevertheless."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.testing import filesystems
from tests.testing.debs import Deb, File, Folder, Link
from tests.testing.elfs import linked
from tests.testing.small import BASE, INIT, content, names, run
from tools.sysimage.core.errors import ToolError
from tools.sysimage.rootfs import policy

_LIB = "usr/lib/x86_64-linux-gnu"
SHELL = Deb(
    "shell",
    {
        "usr/bin/shell": File(linked(needed=["libread.so.8", "libc.so.6"]), 0o755),
        "usr/bin/su": File("#!", 0o4755),
        "usr/share/shell": Folder(),
        "etc/shell.conf": "x",
    },
    {"Essential": "yes"},
    control={"postinst": "#!/bin/sh\necho made >/etc/made\n"},
)
LIBRARIES = Deb(
    "libraries",
    {
        f"{_LIB}/libread.so.8": Link("libread.so.8.2"),
        f"{_LIB}/libread.so.8.2": linked("libread.so.8", needed=["libdeep.so.1"]),
        f"{_LIB}/libdeep.so.1": linked("libdeep.so.1"),
        f"{_LIB}/libidle.so.1": linked("libidle.so.1"),
    },
)
LINK = Deb("link", {"usr/bin/sh": Link("shell")})
TOOL = Deb(
    "tool", {"usr/bin/tool": File(linked(needed=["libread.so.8"]), 0o2755), "usr/share/shell": Folder()}
)


def _run(folder: Path, debs: list[Deb], text: str, **more: Any) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return run(folder, debs, exclude_from=[str(path)], **more)


def test_a_packages_files_go_after_its_scripts_have_run_and_dpkg_forgets_it(tmp_path: Path) -> None:
    text = '[[exclude]]\npackages = ["shell", "none"]\nreason = "no shell"\n'
    output = _run(tmp_path, [BASE, INIT, SHELL, LINK], text)
    entries = names(output)
    # Another package's link leads nowhere now; what the script made stays.
    assert not {"usr/bin/shell", "usr/bin/sh", "usr/bin/su", "usr/share/shell", "etc/shell.conf"} & set(
        entries
    )
    assert content(output, "etc/made") == "made\n"
    status = content(output, "var/lib/dpkg/status")
    assert "Package: shell\n" not in status
    assert status.count("Package: ") == 3
    assert status.endswith("\n\n")
    assert not [name for name in entries if name.startswith("var/lib/dpkg/info/shell.")]


def test_what_stays_keeps_the_libraries_that_it_is_linked_with(tmp_path: Path) -> None:
    text = '[[exclude]]\npackages = ["libraries", "shell"]\nreason = "no shell"\n'
    output = _run(tmp_path, [BASE, INIT, SHELL, LIBRARIES, TOOL], text)
    entries = set(names(output))
    assert {f"{_LIB}/libread.so.8", f"{_LIB}/libread.so.8.2", f"{_LIB}/libdeep.so.1"} <= entries
    assert f"{_LIB}/libidle.so.1" not in entries
    # A scanner has to know what is there.
    assert "Package: libraries\n" in content(output, "var/lib/dpkg/status")
    # Another package's directory.
    assert "usr/share/shell" in entries
    without = set(names(_run(tmp_path, [BASE, INIT, SHELL, LIBRARIES], text)))
    assert not [path for path in without if path.startswith(_LIB)]


def test_paths_go_but_for_what_is_kept_or_included(tmp_path: Path) -> None:
    text = """
[[exclude]]
paths = ["usr/share/**", "usr/none/**"]
keep = ["usr/share/doc/*/copyright"]
bytes = 5
reason = "words"
"""
    entries = names(_run(tmp_path, [BASE, INIT], text))
    assert "usr/share/doc/init/copyright" in entries
    assert "usr/share/doc/init/README" not in entries
    assert "usr/share/doc/init/README" in names(
        _run(tmp_path, [BASE, INIT], text, include=["usr/share/doc/init/R*"])
    )


def test_package_of_which_something_is_kept_is_known_to_dpkg(tmp_path: Path) -> None:
    text = '[[exclude]]\npackages = ["shell", "libraries"]\nreason = "no shell"\n'
    output = _run(tmp_path, [BASE, INIT, SHELL, LIBRARIES], text, include=["usr/bin/shell"])
    entries = set(names(output))
    assert {"usr/bin/shell", f"{_LIB}/libread.so.8.2", f"{_LIB}/libdeep.so.1"} <= entries
    assert "usr/bin/su" not in entries
    assert "Package: shell\n" in content(output, "var/lib/dpkg/status")


def test_bits_are_taken_from_files_that_stay(tmp_path: Path) -> None:
    text = '[[exclude]]\nbits = "6000"\npaths = ["usr/**"]\nkeep = ["usr/bin/tool"]\nreason = "nobody"\n'
    entries = names(_run(tmp_path, [BASE, INIT, SHELL, TOOL], text))
    assert (entries["usr/bin/su"].mode, entries["usr/bin/tool"].mode) == (0o755, 0o2755)
    assert entries["tmp"].mode == 0o1777


def test_report_says_what_each_entry_has_brought(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        '[[exclude]]\npaths = ["usr/share/doc/**"]\nreason = "words"\n'
        '[[exclude]]\npaths = ["usr/share/**"]\nreason = "more words"\n'
        '[[exclude]]\npaths = ["usr/none"]\nreason = "nothing"\n'
    )
    run(tmp_path, [BASE, INIT])
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "exclude_from": [str(path)]}))
    out, effects = tmp_path / "o.tar", tmp_path / "e.json"
    filesystems.main(
        ["--manifest", str(tmp_path / "manifest.json"), "--output", str(out), "--effects", str(effects)]
    )
    said = [
        (item["reason"], item["paths"], item["bytes"]) for item in json.loads(effects.read_text())["excluded"]
    ]
    assert said == [("words", 3, 8), ("more words", 1, 0), ("nothing", 0, 0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[exclude]", "is no TOML"),
        ("[exclude]", "is no policy"),
        ("x = 1", "is no policy"),
        ("exclude = [1]", "entry 1 of [[exclude]]: is no table"),
        ('[[exclude]]\npath = ["x"]', "'path' is unknown; there are paths, keep"),
        ('[[exclude]]\npaths = "x"', "'paths' has to be a list of texts"),
        ("[[exclude]]\npaths = [1]", "'paths' has to be a list of texts"),
        ('[[exclude]]\nbytes = true\npaths = ["x"]', "'bytes' has to be a whole number"),
        ('[[exclude]]\npaths = ["x"]', "has no reason"),
        ('[[exclude]]\nreason = "x"', "names neither paths nor packages"),
        ('[[exclude]]\nreason = "x"\npaths = ["x"]\nbits = "9"', "is not octal"),
        (
            '[[exclude]]\nreason = "x"\npaths = ["x"]\nbits = "0"',
            "bits have to be an octal mode such as 6000",
        ),
        ('[[exclude]]\nreason = "x"\npaths = ["/"]', "names the root itself"),
        ('[[exclude]]\nreason = "x"\npaths = ["[b-a]"]', "the range b-a holds nothing"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ToolError) as caught:
        _run(tmp_path, [BASE, INIT], text)
    assert message in str(caught.value)
    assert str(tmp_path / "policy.toml") in str(caught.value)


@pytest.mark.parametrize("name", ["guest", "lean"])
def test_our_policies_are_policies(name: str) -> None:
    path = Path(__file__).parents[2] / f"system_image/{name}.toml"
    assert policy.Policy([path], []).excludes("usr/share/locale/de") == (name == "guest")
    entries = tomllib.loads(path.read_text())["exclude"]
    assert all("bytes" in entry for entry in entries)
