"""Stage lock: a version compared wrongly, or a relation read wrongly, locks other packages than apt's."""

from itertools import pairwise

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.relations import Relation, parse_relations, parse_version

# Debian policy 5.6.12, smallest first.
ORDER = [
    "0~~",
    "0~",
    "0",
    "1.0~rc1",
    "1.0",
    "1.0-1~bpo13+1",
    "1.0-1",
    "1.0-1+b1",
    "1.0a",
    "1.0.1",
    "1.10",
    "1:0.1",
]


@pytest.mark.parametrize(("smaller", "greater"), list(pairwise(ORDER)))
def test_versions_are_in_debians_order(smaller: str, greater: str) -> None:
    assert parse_version(smaller) < parse_version(greater)


@pytest.mark.parametrize(
    ("relation", "version", "admitted"),
    [
        ("a", "1", True),
        ("a", None, True),
        ("a (<< 2)", "2~", True),
        ("a (<< 2)", "2", False),
        ("a (<= 2)", "2", True),
        ("a (<= 2)", "2+b1", False),
        ("a (= 1:2)", "2", False),
        ("a (= 0:2)", "2", True),
        ("a (>= 2)", "1:0", True),
        ("a (>= 2)", "2~", False),
        ("a (>> 2)", "2", False),
        ("a (>> 2)", "2+b1", True),
        ("a (< 2)", "2", True),  # obsolete, and "or equal"
        ("a (> 2)", "2", True),
        ("a (>= 2)", None, False),  # what is provided without a version meets no version
    ],
)
def test_a_relation_admits_the_versions_that_policy_says(
    relation: str, version: str | None, admitted: bool
) -> None:
    ((parsed,),) = parse_relations(relation, "test")
    assert parsed.admits(version) is admitted


def test_relations_are_read_whatever_the_white_space() -> None:
    parsed = parse_relations("a ( >=2 )|b:any(<<3),\n c , d:amd64,", "test")
    assert parsed == (
        (Relation("a", None, ">=", "2"), Relation("b", "any", "<<", "3")),
        (Relation("c", None, None, None),),
        (Relation("d", "amd64", None, None),),
    )


def test_no_field_is_no_relation() -> None:
    assert parse_relations("", "test") == ()


@pytest.mark.parametrize("text", ["a b", "a (= a)", "a (>= )", "(>= 2)", "a (>= 2", "a |"])
def test_a_damaged_relation_is_named_with_its_package(text: str) -> None:
    with pytest.raises(ToolError, match=r"^libfoo in trixie: '.*' is not a relation"):
        parse_relations(text, "libfoo in trixie")


def test_a_damaged_version_is_named() -> None:
    with pytest.raises(ToolError, match="'not a version'"):
        parse_version("not a version")
