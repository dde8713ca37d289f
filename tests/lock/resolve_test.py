"""Stage lock: every rule by which apt chooses packages; each case was compared with trixie's apt."""

from dataclasses import dataclass, field

import pytest

from tests.lock.archives import index
from tests.lock.cases import CASES, Case, wanted
from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.manifest import PackageSet
from tools.sysimage.lock.resolve import Closure, resolve


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_selects(case: Case) -> None:
    closure = resolve(index(*case.suites, architecture=case.architecture), wanted(case.asked))
    assert " ".join(sorted(closure.packages)) == case.selected


@dataclass(frozen=True)
class Refusal:
    name: str
    suite: str
    message: str
    asked: str = "a"
    exclude: dict[str, str] = field(default_factory=dict)


REFUSALS = [
    Refusal(
        "unknown package",
        "systemd\nsystemd-sysv\ndbus",
        r"^set t \(amd64\): no package sytemd in any suite \(did you mean systemd\?\)$",
        "sytemd",
    ),
    Refusal(
        "virtual package",
        "p Provides: v\nq Provides: v",
        r"^set t \(amd64\): v is a virtual package; name a provider: p, q$",
        "v",
    ),
    Refusal(
        "missing dependency",
        "a Depends: b\nb Depends: c (>= 2) | d",
        r"^set t \(amd64\): a → b needs c \(>= 2\) \| d: no package c in any suite; no package d",
    ),
    Refusal(
        "dependency too old",
        "a Depends: b\nb Pre-Depends: c (>= 2)\nc=1",
        r"^set t \(amd64\): a → b needs c \(>= 2\): there is only c 1 in s0/main$",
    ),
    Refusal(
        "provided without a version",
        "a Depends: v (>= 2)\np Provides: v",
        r"a needs v \(>= 2\): v is only provided by p 1 \(Provides: v\)$",
    ),
    Refusal("not allowed", "a Depends: p:any\np", r"a needs p:any: there is only p 1 .*\(Multi-Arch: no\)$"),
    Refusal(
        "conflict",
        "a Depends: b, c\nb=2 Conflicts: c (<< 3)\nc=2",
        r"^set t \(amd64\): b and c can't be installed together: b 2 conflicts with c \(<< 3\), which c 2 is",
    ),
    Refusal(
        "breaks what is provided",
        "a Depends: p; Breaks: v\np Provides: v",
        r"a and p can't be installed together: a 1 breaks v, which p 1 is or provides",
    ),
    Refusal(
        "conflict in every alternative",
        "a Depends: c, x | y\nx Conflicts: c\ny Conflicts: c\nc",
        r"x and c can't be installed together",
    ),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refuses_in_one_line(refusal: Refusal) -> None:
    with pytest.raises(ToolError, match=refusal.message) as caught:
        resolve(index(refusal.suite), wanted(refusal.asked, exclude=refusal.exclude))
    assert "\n" not in str(caught.value)


def names(closure: Closure) -> str:
    return " ".join(sorted(closure.packages))


def test_essential_packages_come_only_where_the_set_asks() -> None:
    suite = "a\nb Essential: yes; Depends: c\nc"
    assert names(resolve(index(suite), wanted("a"))) == "a"
    assert names(resolve(index(suite), wanted("a", essential=True))) == "a b c"


def test_required_packages_come_only_where_the_set_asks() -> None:
    suite = "a\nb Priority: required; Depends: c\nc Priority: important\nd Essential: yes"
    assert names(resolve(index(suite), wanted("a"))) == "a"
    required = PackageSet("t", ("a",), False, None, {}, required=True)
    assert names(resolve(index(suite), required)) == "a b c"


def test_a_required_package_counts_by_its_candidate() -> None:
    required = PackageSet("t", ("a",), False, None, {}, required=True)
    assert names(resolve(index("a\nb=1 Priority: required", "b=2 Priority: optional"), required)) == "a"


def test_a_set_stands_on_the_one_it_extends() -> None:
    made = index("a Depends: x | y\nx\ny\nb Depends: y | x")
    base = resolve(made, wanted("a"))
    # Alone, b would bring y.
    assert names(resolve(made, wanted("b"))) == "b y"
    assert names(resolve(made, wanted("b", name="more"), base)) == "a b x"


def test_what_the_base_selected_is_never_exchanged() -> None:
    made = index("a Depends: x | y\nx\ny\nb Conflicts: x")
    with pytest.raises(ToolError, match="b and x can't be installed together"):
        resolve(made, wanted("b"), resolve(made, wanted("a")))


def test_an_excluded_package_brings_nothing_in() -> None:
    made = index("a Depends: b (>= 9), c | b, v\nb Depends: d; Provides: v\nc\nd\nq Provides: v")
    closure = resolve(made, wanted("a", exclude={"b": "built by us"}))
    assert names(closure) == "a"
    assert closure.exclude == {"b": "built by us"}
    assert closure.unused == ()


def test_an_essential_package_can_be_excluded() -> None:
    made = index("a\nb Essential: yes")
    assert names(resolve(made, wanted("a", essential=True, exclude={"b": "why"}))) == "a"


def test_an_exclusion_that_does_nothing_is_told() -> None:
    assert resolve(index("a\nb"), wanted("a", exclude={"b": "why"})).unused == ("b",)


def test_the_bases_exclusions_hold_and_are_not_told_as_unused() -> None:
    made = index("a Depends: b\nb\nc Depends: b")
    base = resolve(made, wanted("a", exclude={"b": "why"}))
    closure = resolve(made, wanted("c"), base)
    assert names(closure) == "a c"
    assert closure.unused == ()


def test_depends_are_what_fulfils_each_dependency_in_the_end() -> None:
    made = index("a Depends: x | y, v, a\ny Depends: a\nx\np Provides: v\nc")
    closure = resolve(made, wanted("a y"))
    assert dict(closure.depends) == {"a": ("p", "y"), "y": ("a",), "p": ()}


def test_a_package_tells_for_which_it_was_selected() -> None:
    closure = resolve(index("a Depends: b\nb Depends: c\nc Depends: a"), wanted("a"))
    assert dict(closure.needed_by) == {"a": None, "b": "a", "c": "b"}


def test_an_alternative_that_failed_leaves_nothing_behind() -> None:
    made = index("a Depends: x | y, v | z\nx Depends: p, q\np Provides: v\ny\nz")
    closure = resolve(made, wanted("a"))
    # p came and went with x; it may come again for v, as what is not there may not fulfil anything.
    assert names(closure) == "a p y"
    assert dict(closure.needed_by) == {"a": None, "y": "a", "p": "a"}


def test_a_chain_longer_than_pythons_stack_is_followed() -> None:
    length = 3000
    made = index("\n".join(f"p{number} Depends: p{number + 1}" for number in range(length)) + f"\np{length}")
    assert len(resolve(made, wanted("p0")).packages) == length + 1
