"""Stage lock: with the wrong mirrors nothing can be locked, or from somewhere that nobody chose."""

import ast
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.mirrors import (
    AptSource,
    host_mirrors,
    parse_deb822,
    parse_one_line,
    parse_variable,
    serve,
)

ARCHIVES = ("debian", "debian-security")
STAMP = "20261122T083014Z"


def test_the_variable_may_name_several_mirrors_of_an_archive() -> None:
    value = "debian=http://a.example/debian/ debian-security=https://a.example/s\n debian=file:///srv/debian"
    assert parse_variable(value) == {
        "debian": ["http://a.example/debian", "file:///srv/debian"],
        "debian-security": ["https://a.example/s"],
    }


@pytest.mark.parametrize(
    "word", ["http://a.example/debian", "debian", "debian=", "=http://x", "debian=ftp://x"]
)
def test_a_word_of_the_variable_that_is_no_mirror_is_refused(word: str) -> None:
    with pytest.raises(ToolError, match=f"DEBIAN_MIRRORS: '{word}' is not archive=URL, as in debian=http"):
        parse_variable(word)


def shared_cases() -> dict[str, Any]:
    """The table that the rules' own reader is tested with, too."""
    module = ast.parse(Path(__file__).with_name("mirrors_cases.bzl").read_text("utf-8"))
    assignment = next(node for node in module.body if isinstance(node, ast.Assign))
    cases = ast.literal_eval(assignment.value)
    assert isinstance(cases, dict)
    return cases


@pytest.mark.parametrize("case", shared_cases())
def test_both_readers_of_sources_say_the_same(case: str) -> None:
    kind, text, expected = shared_cases()[case]
    parse = {"deb822": parse_deb822, "one_line": parse_one_line}[kind]
    assert serve(parse(text), ARCHIVES) == {name: mirrors for name, mirrors in expected.items() if mirrors}


def test_an_archive_is_the_last_segment_of_the_path_or_known_by_its_suites() -> None:
    sources = [
        AptSource(("http://a.example/debian/", "http://a.example/mirrors/debian"), ("trixie",)),
        AptSource(("http://a.example/debian-security",), ("trixie-security",)),
        AptSource(("http://b.example/",), ("trixie-security",)),
        AptSource(("http://c.example",), ("bullseye/updates",)),
        AptSource(("http://d.example/other",), ("trixie",)),
        AptSource(("http://a.example/debian",), ("trixie-updates",)),
        AptSource(("cdrom:[Debian]/debian", "tor+http://e.example/debian"), ("trixie",)),
        AptSource(("http://f.example/debian",), ("trixie-security",)),
    ]
    assert serve(sources, ARCHIVES) == {
        "debian": ["http://a.example/debian", "http://a.example/mirrors/debian", "http://f.example/debian"],
        "debian-security": ["http://a.example/debian-security", "http://b.example", "http://c.example"],
    }


def test_each_archive_has_its_mirrors_from_the_first_that_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text("deb http://list.example/debian trixie main\n")
    (folder / "b.list").write_text("deb http://b.example/debian trixie main\n")
    (folder / "a.sources").write_text("Types: deb\nURIs: http://a.example/debian\nSuites: trixie\n")
    (folder / "c.list.save").write_text("deb http://old.example/debian trixie main\n")
    assert host_mirrors([*ARCHIVES, "debian-ports"], STAMP, {}, tmp_path) == {
        "debian": ["http://list.example/debian", "http://a.example/debian", "http://b.example/debian"],
        "debian-security": [f"https://snapshot.debian.org/archive/debian-security/{STAMP}"],
        "debian-ports": [f"https://snapshot.debian.org/archive/debian-ports/{STAMP}"],
    }
    environ = {"DEBIAN_MIRRORS": "debian-security=http://v.example/s debian=http://v.example/d"}
    assert host_mirrors(ARCHIVES, STAMP, environ, tmp_path) == {
        "debian": ["http://v.example/d"],
        "debian-security": ["http://v.example/s"],
    }


def test_a_host_without_apt_has_snapshots(tmp_path: Path) -> None:
    mirrors = host_mirrors(["debian"], STAMP, {}, tmp_path / "none")
    assert mirrors == {"debian": [f"https://snapshot.debian.org/archive/debian/{STAMP}"]}


def test_the_list_of_a_mirror_file_stands_for_it(tmp_path: Path) -> None:
    (tmp_path / "debian.list").write_text(
        "# near\nhttp://a.example/debian\tpriority:1\n\nhttp://b.example/debian\n"
    )
    (tmp_path / "sources.list").write_text(f"deb mirror+file:{tmp_path}/debian.list trixie main\n")
    mirrors = host_mirrors(["debian"], STAMP, {}, tmp_path)
    assert mirrors == {"debian": ["http://a.example/debian", "http://b.example/debian"]}
