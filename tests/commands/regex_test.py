"""Compares patterns with those of the lock's grep, on generated expressions and texts."""

import os
import re
import subprocess

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.commands.judge import argv
from tools.sysimage.commands.regex import PatternError, UnmodelledPatternError, compile_pattern

_EXAMPLES = int(os.environ.get("REGEX_EXAMPLES", "300"))
_PIECES = [
    "a",
    "b",
    "c",
    ".",
    "x",
    "[ab]",
    "[^a]",
    "[[:alpha:]]",
    "[]b]",
    "[a-c]",
    "^",
    "$",
    "*",
    "\\.",
    "-",
    "_",
    "1",
]
_BASIC = [
    *_PIECES,
    r"\(",
    r"\)",
    r"\|",
    r"\+",
    r"\?",
    r"\{1,2\}",
    r"\{2\}",
    r"\{,2\}",
    r"\<",
    r"\>",
    r"\b",
    r"\w",
    "+",
    "?",
    "{",
    "|",
    "(",
]
_EXTENDED = [
    *_PIECES,
    "(",
    ")",
    "|",
    "+",
    "?",
    "{1,2}",
    "{2}",
    "{,2}",
    r"\<",
    r"\>",
    r"\b",
    r"\w",
    r"\(",
    r"\+",
    "{",
    "{x",
]


def _matches(pattern: str, extended: bool, text: str) -> tuple[int, list[str]]:
    """What `grep -o` finds, and its status."""
    try:
        compiled = compile_pattern(pattern, extended=extended)
    except PatternError:
        return 2, []
    except UnmodelledPatternError:
        reject()
    found = []
    hit = False
    for line in text.split("\n")[:-1]:
        at = 0
        while at <= len(line) and (match := compiled.search(line, at)):
            hit = True
            if match.end() > match.start():
                found.append(match[0])
                at = match.end()
            else:
                at = match.end() + 1
    return (0 if hit else 1), found


def _judge(pattern: str, extended: bool, text: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [*argv("usr/bin/grep"), "-o", "-E" if extended else "-G", "-e", pattern],
        input=text.encode(),
        capture_output=True,
        env={"LC_ALL": "C.UTF-8"},
        check=False,
    )
    return done.returncode, done.stdout.decode().split("\n")[:-1]


@settings(max_examples=_EXAMPLES, deadline=None, derandomize="REGEX_EXAMPLES" not in os.environ)
@given(
    pieces=st.lists(st.sampled_from(_BASIC), min_size=1, max_size=7),
    lines=st.lists(st.text("abcx-_1.", max_size=8), min_size=1, max_size=3),
)
def test_a_basic_expression_would_match_something_else_than_in_grep(
    pieces: list[str], lines: list[str]
) -> None:
    pattern, text = "".join(pieces), "".join(f"{line}\n" for line in lines)
    assert _matches(pattern, False, text) == _judge(pattern, False, text)


@settings(max_examples=_EXAMPLES, deadline=None, derandomize="REGEX_EXAMPLES" not in os.environ)
@given(
    pieces=st.lists(st.sampled_from(_EXTENDED), min_size=1, max_size=7),
    lines=st.lists(st.text("abcx-_1.", max_size=8), min_size=1, max_size=3),
)
def test_an_extended_expression_would_match_something_else_than_in_grep(
    pieces: list[str], lines: list[str]
) -> None:
    pattern, text = "".join(pieces), "".join(f"{line}\n" for line in lines)
    assert _matches(pattern, True, text) == _judge(pattern, True, text)


def test_a_match_would_be_the_first_and_not_the_longest() -> None:
    for pattern, text, wanted in (
        ("a|ab|abc", "xabcd", "abc"),
        ("(a|ab)(c|bcd)", "abcd", "abcd"),
        ("x*(xy)?", "xxy", "xxy"),
        ("(a*)(ab)*b*", "aabb", "aabb"),
    ):
        match = compile_pattern(pattern, extended=True).search(text)
        assert match and match[0] == wanted, pattern


def test_python_would_read_a_set_as_its_own() -> None:
    assert re.sub("x", "", "x") == ""
    for pattern, text in (
        (r"[\d]", "d"),
        (r"[\]", "\\"),
        ("[[-]", "["),
        ("[a&&b]", "&"),
        ("[^[:alpha:]1]", "_"),
    ):
        assert compile_pattern(pattern).search(text), pattern


def test_subexpressions_would_be_others_than_sed_has() -> None:
    # As trixie's sed 4.9 had them.
    for pattern, text, wanted in (
        ("((a|)*)", "abbb", ("a", "a")),
        ("((a|){0,2})", "abbb", ("a", "")),
        ("((ab|)*)|c", "abbb", ("ab", "ab")),
        ("(b|a*)*()", "abbb", ("b", "")),
        ("(a|ab)(c|bcd)(d*)", "abcd", ("a", "bcd")),
        ("(|a)+()", "aab", ("a", "")),
    ):
        match = compile_pattern(pattern, extended=True).search(text)
        assert match and (match[1], match[2]) == wanted, pattern


def test_a_repetition_within_another_would_take_for_ever() -> None:
    assert not compile_pattern("^(a*)*(a|aa)*b$", extended=True).matches("a" * 60)


def test_a_back_reference_would_be_to_another_alternative() -> None:
    for pattern in (r"(a)|\1", r"\1(a)", r"(a\1)"):
        with pytest.raises(PatternError):
            compile_pattern(pattern, extended=True)


@pytest.mark.parametrize("sed", [False, True])
def test_an_operator_with_nothing_to_repeat_would_be_read_as_the_other_program_does(sed: bool) -> None:
    if sed:
        for pattern, extended in (("*a", True), ("a|*b", True), ("a**", False), (r"\{1\}", False)):
            with pytest.raises(PatternError):
                compile_pattern(pattern, extended=extended, sed=True)
    else:
        match = compile_pattern("*a", extended=True).search("b*a")
        assert match and match[0] == "a"
