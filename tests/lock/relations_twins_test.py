"""Relations are read twice, for the lock and for rootfs: where they differ, what is locked can't be built."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import dpkg
from tools.sysimage.formats import control_file
from tools.sysimage.lock.relations import parse_relations, parse_version

# Few characters, so that many versions are almost the same; all kinds of those that policy 5.6.12 allows.
VERSIONS = st.text("0019aZ~+.-:", max_size=8)
WHOLE = st.builds("".join, st.tuples(st.sampled_from(["0:1", "1", "1:0"]), st.text("01a~+.", max_size=3)))
RELATION = st.builds(
    "{0}{1}{2}{0}{3}".format,
    st.sampled_from(["", " ", "\n ", "\t"]),
    st.sampled_from(["a", "lib+x1.2", "b-c", "A_b", "X"]),
    st.sampled_from(["", ":any", ":native", ":kfreebsd-amd64", ":AnY"]),
    st.just("")
    | st.builds(
        "({0}{1}{0}{2}{0})".format,
        st.sampled_from(["", " ", "\n "]),
        st.sampled_from(["<<", "<=", "=", ">=", ">>", "<", ">", ""]),
        WHOLE,
    ),
)
GROUP = st.builds(" | ".join, st.lists(RELATION, min_size=1, max_size=3))
FIELD = st.builds(",".join, st.lists(GROUP, max_size=3)).map(str.strip)


def order(left: str, right: str) -> tuple[int | None, int | None]:
    """How each compares two versions, None if it refuses one."""
    found: list[int | None] = []
    try:
        one, other = parse_version(left), parse_version(right)
        found.append((one > other) - (one < other))
    except ToolError:
        found.append(None)
    try:
        sign = dpkg.compare(left, right)
        found.append((sign > 0) - (sign < 0))
    except ToolError:
        found.append(None)
    return found[0], found[1]


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(VERSIONS, VERSIONS)
@example("1-", "1")
@example("-1", "1")
@example("0:-1", "1")
@example("1--2", "1-2")
@example("1:", "1")
@example("1a:2", "1")
@example("1-2:3", "1")
def test_versions_are_in_one_order_and_refused_by_both(left: str, right: str) -> None:
    lock, rootfs = order(left, right)
    assert lock == rootfs


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(FIELD, WHOLE)
@example("a:kfreebsd-amd64 (>= 1)", "0")
@example("a(<1),b|c ( >> 2 )", "1")
@example("a_b, b (1) | b:AnY, C", "1")
def test_relations_say_the_same_to_both(text: str, version: str) -> None:
    lock = parse_relations(text, "test")
    rootfs = control_file.relations(text, "test")
    assert [[one.name for one in group] for group in lock] == [
        [one.name for one in group] for group in rootfs
    ]
    assert [[one.admits(version) for one in group] for group in lock] == [
        [dpkg.accepts(one, version) for one in group] for group in rootfs
    ]


@pytest.mark.parametrize(
    "text", ["a b", "a (== 1)", "a (>= )", "a |", "(>= 1)", "a (= a)", "-a", "a:", "a (>= 1) x"]
)
def test_what_is_no_relation_is_refused_by_both(text: str) -> None:
    with pytest.raises(ToolError, match="not a relation"):
        parse_relations(text, "test")
    with pytest.raises(ToolError, match="dpkg refuses its relations"):
        control_file.relations(text, "test")
