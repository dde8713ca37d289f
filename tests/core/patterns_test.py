"""Patterns of what an image leaves out."""

import time

import pytest

from tests.testing.debs import Folder
from tests.testing.roots import make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import PathSelection, Pattern, Patterns


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("usr/share/doc/**", "usr/share/doc/a/b", True),
        ("usr/share/doc/**", "usr/share/doc", False),
        ("/usr/share/doc", "usr/share/doc", True),
        ("usr/*/doc", "usr/share/doc", True),
        ("usr/*", "usr/share/doc", False),
        ("**/*.md", "a/b/c.md", True),
        ("**/*.md", "c.md", True),
        ("etc/**/x", "etc/x", True),
        ("etc/**/x", "etc/a/b/x", True),
        ("a?c", "a/c", False),
        ("lib[!x]", "liba", True),
        ("a.b", "axb", False),
    ],
)
def test_pattern(pattern: str, path: str, matches: bool) -> None:
    assert Pattern(pattern).matches(path) is matches


def test_patterns_together_name_what_each_names() -> None:
    texts = ["usr/*/doc", "**/*.md", "a?c", "lib[!x]", "*a*b*c*d*", "x|y", "usr/**"]
    together = Patterns(map(Pattern, texts))
    for path in ("usr/share/doc", "usr", "c.md", "a/c", "abc", "liba", "libx", "1a2b3c4d", "x", "x|y", "y"):
        assert together.matches(path) is any(Pattern(text).matches(path) for text in texts)
    assert not Patterns([]).matches("usr")


def left(exclude: list[str], include: list[str], *paths: str) -> list[str]:
    root = make({path.rstrip("/"): Folder() if path.endswith("/") else "" for path in paths})
    PathSelection.of(exclude, include).apply(root.tree)
    return [path for path in root.tree.paths() if path.startswith("usr")]


def test_documentation_leaves_no_empty_folders_behind() -> None:
    assert left(["usr/share/doc/**"], [], "usr/share/doc/a/x/y", "usr/share/doc/b/") == [
        "usr",
        "usr/share",
        "usr/share/doc",
    ]


def test_folder_goes_with_all_that_is_in_it() -> None:
    assert left(["usr/share"], [], "usr/share/a/b", "usr/x") == ["usr", "usr/x"]


def test_include_beats_exclude_and_keeps_the_folders_above() -> None:
    paths = ("usr/share/doc/a/copyright", "usr/share/doc/a/x", "usr/share/doc/b/x")
    assert left(["usr/share/doc/**"], ["usr/share/doc/*/copyright"], *paths) == [
        "usr",
        "usr/share",
        "usr/share/doc",
        "usr/share/doc/a",
        "usr/share/doc/a/copyright",
    ]


def test_pattern_that_matches_nothing_is_refused_by_name() -> None:
    with pytest.raises(ToolError, match=r"exclude: the pattern 'usr/shar/\*\*' matches no path"):
        left(["usr/shar/**"], [], "usr/share/x")
    with pytest.raises(ToolError, match="include: the pattern 'usr/y'"):
        left(["usr/share/**"], ["usr/y"], "usr/share/x")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "usr/share/[z-a]*",
            r"exclude: the pattern 'usr/share/\[z-a\]\*': the range z-a holds nothing; write a-z",
        ),
        ("x[!9-0]", "the range 9-0 holds nothing"),
        ("", "exclude: the pattern '' names the root itself"),
        ("/", "exclude: the pattern '/' names the root itself"),
    ],
)
def test_pattern_that_can_match_nothing_would_be_a_traceback(pattern: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        left([pattern], [], "usr/share/x")


@pytest.mark.parametrize("character", list("&~|[^-\\.!"))
def test_character_in_a_set_would_mean_something_else(character: str) -> None:
    assert Pattern(f"a[x{character}]").matches(f"a{character}")
    assert not Pattern(f"a[!{character}x]").matches(f"a{character}")
    assert not Pattern("a[!x]").matches("a/")


def test_pattern_of_many_stars_would_take_for_ever() -> None:
    assert not Pattern("**/" * 40 + "x").matches("a/" * 60 + "y")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 20 + "b", "a" * 250),
        ("**/x/" * 20 + "y", "x/" * 100 + "x"),
        ("**a" * 20 + "b", "a/" * 120 + "a"),
        ("usr/**/*-*-*-*-*.so", "usr/" + "-" * 250),
    ],
)
def test_pattern_of_many_stars_would_be_tried_in_all_ways(pattern: str, path: str) -> None:
    start = time.process_time()
    assert not Pattern(pattern).matches(path)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("pattern", "path", "good"),
    [
        ("usr/**/lib*/*.so.*", "usr/a/b/libx/y.so.1", True),
        ("usr/**/lib*/*.so.*", "usr/libx/y.so.1", True),
        ("usr/**/lib*/*.so.*", "usr/libx/a/y.so.1", False),
        ("**/a*/**/b*", "x/a1/y/z/b", True),
        ("**/a*/**/b*", "a/b/c", False),
        ("*/?/[ab]*/**", "x/y/bc/d/e", True),
        ("*/?/[ab]*/**", "x/y/bc", False),
        ("**x**y**", "a/x/b/y/c", True),
    ],
)
def test_pattern_of_many_stars_would_match_otherwise(pattern: str, path: str, good: bool) -> None:
    assert Pattern(pattern).matches(path) is good
