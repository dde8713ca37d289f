"""Patterns: bracket expressions without an end, of which each would be read to the end of the pattern."""

import time

import pytest

from tools.sysimage.scripts import patterns

_SIZE = 20_000


@pytest.mark.parametrize(
    "part",
    ["[", "[[:", "[a-", "*[", "[!", "[[:alpha:", "\\[[", "[\\]", "[[=", "[[:digit:]"],
)
def test_brackets_without_an_end_would_take_the_square_of_their_number(part: str) -> None:
    start = time.process_time()
    for glob in (part * _SIZE, f"{part * _SIZE}]", f"{part * _SIZE}\\]"):
        patterns.matches(glob, "[a" * 100)
        patterns.has_meta(glob)
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("glob", "text", "good"),
    [
        ("[", "[", True),
        ("[[", "[[", True),
        ("[[[]", "[[[", False),
        ("[[[]", "[", True),
        ("[a[b]", "[", True),
        ("[]", "[]", True),
        ("[[]", "[", True),
        ("[][]", "]", True),
        ("[[:alpha:]", "[a", True),
        ("[[:alpha:]", "[b", False),
        ("[a-", "[a-", True),
        ("[a-[", "[a-[", True),
        ("[!", "[!", True),
        ("[\\]", "[]", True),
        ("[\\][x]", "x", True),
        ("[/[a]", "a", True),
    ],
)
def test_bracket_without_an_end_would_hide_one_that_has_an_end(glob: str, text: str, good: bool) -> None:
    assert patterns.matches(glob, text) is good
