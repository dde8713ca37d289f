"""Compares dpkg's comparisons and checks, and dpkg-realpath, with dpkg's own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands.judge import judge
from tests.commands.rooted import ours, real
from tests.commands.world import interpret

_OPERATORS = (
    *("le", "lt", "eq", "ne", "ge", "gt", "le-nl", "lt-nl", "ge-nl", "gt-nl"),
    *("<", "<=", "<<", "=", ">", ">=", ">>"),
)
_VERSIONS = ["", "<unknown>", "0", "1.0", "1.0~rc1", "1:0", "0:1.0", "1.0-1", "2.41-12", "1.0+b1"]
_BROKEN = [
    " 1 ",
    "1 2",
    "x",
    "1-",
    "-1",
    ":1",
    "a:1",
    "1:",
    "-1:1",
    "99999999999:1",
    "1_0",
    "1-a_b",
    "1:1:1",
    "é",
]


def _compare(lines: list[str]) -> None:
    script = "".join(f"{line}; echo $?\n" for line in lines).encode()
    assert interpret(script) == judge(script)


@pytest.mark.parametrize("operator", _OPERATORS)
def test_a_relation_of_versions_would_hold_otherwise(operator: str) -> None:
    _compare([f"dpkg --compare-versions '{a}' '{operator}' '{b}'" for a in _VERSIONS for b in _VERSIONS])


def test_a_broken_version_would_be_taken_otherwise() -> None:
    # After "--", as dpkg-maintscript-helper has it: some begin with a hyphen.
    lines = [f"dpkg --compare-versions -- '{version}' lt 1 2>&1" for version in _BROKEN]
    lines += [f"dpkg --validate-version -- '{version}' 2>&1" for version in _BROKEN]
    lines += ["dpkg --compare-versions 1 2 2>&1", "dpkg --compare-versions 1 is 2 2>&1"]
    _compare(lines)


@pytest.mark.parametrize("kind", ["pkgname", "trigname", "archname"])
def test_a_name_would_be_valid_otherwise(kind: str) -> None:
    names = ["a", "", "-a", "a_b", "a/b", "/usr/lib", "a b", "é", "A+.-1", "1"]
    _compare([f"dpkg --validate-{kind} -- '{name}' 2>&1" for name in names])


def test_an_assertion_would_be_answered_otherwise() -> None:
    _compare(
        ["dpkg --assert-multi-arch", "dpkg --assert-versioned-provides", "dpkg --print-foreign-architectures"]
    )


_version = st.text(st.sampled_from("0129aZ.~+-:"), min_size=1, max_size=7)


@given(st.lists(st.tuples(_version, st.sampled_from(_OPERATORS[:10]), _version), min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_generated_versions_would_compare_otherwise(cases: list[tuple[str, str, str]]) -> None:
    _compare([f"dpkg --compare-versions -- '{a}' {operator} '{b}' 2>&1" for a, operator, b in cases])


_TREE: dict[str, str | None] = {
    "usr/bin": None,
    "bin": "-> usr/bin",
    "a": "-> /bin/../b",
    "b": "-> c/d",
    "loop": "-> loop",
    "rel": "-> ../../usr/bin/x",
}


@pytest.mark.parametrize(
    "path", ["/bin/sh", "/a", "/a/e", "/loop", "/rel", "/", "/no/../x", "/../bin", "//b//c"]
)
def test_a_path_would_be_resolved_otherwise(path: str) -> None:
    script = f"dpkg-realpath {path}; echo $?; dpkg-realpath -z {path}"
    assert ours(script, _TREE) == real(script, _TREE, ["dpkg-realpath"])
