"""Stage lock: every rule by which apt chooses packages; each case was compared with trixie's apt."""

from dataclasses import dataclass, field

import pytest

from tests.lock.archives import index
from tools.sysimage.errors import ToolError
from tools.sysimage.lock.manifest import PackageSet
from tools.sysimage.lock.resolve import Closure, resolve


def wanted(
    names: str, essential: bool = False, exclude: dict[str, str] | None = None, name: str = "t"
) -> PackageSet:
    """A set of the packages in `names`."""
    return PackageSet(name, tuple(names.split()), essential, None, exclude or {})


@dataclass(frozen=True)
class Case:
    rule: str
    suites: tuple[str, ...]
    selected: str
    asked: str = "a"
    architecture: str = "amd64"


CASES = [
    Case("what is needed by what is needed", ("a Depends: b\nb Pre-Depends: c\nc\nd",), "a b c"),
    Case("Recommends and Suggests are not needs", ("a Recommends: b; Suggests: c\nb\nc",), "a"),
    Case("a cycle ends", ("a Depends: b\nb Depends: a",), "a b"),
    # Alternatives.
    Case("the first alternative", ("a Depends: x | y\nx\ny",), "a x"),
    Case("one that the set names comes before the first", ("a Depends: x | y\nx\ny",), "a y", "a y"),
    Case(
        "one already selected comes before the first", ("a Depends: b, x | y\nb Depends: y\nx\ny",), "a b y"
    ),
    Case("one selected later does not", ("a Depends: x | y, y\nx\ny",), "a x y"),
    Case(
        "depth first",
        ("a Depends: b, y\nb Depends: c\nc Depends: x | y\nx\ny",),
        "a b c x y",
    ),
    Case("Pre-Depends before Depends", ("a Depends: x | y; Pre-Depends: b\nb Depends: y\nx\ny",), "a b y"),
    Case("not one that does not exist", ("a Depends: x | y\ny",), "a y"),
    Case("not one that is too old", ("a Depends: x (>= 2) | y\nx\ny",), "a y"),
    Case("not one whose own needs can't be met", ("a Depends: x | y\nx Depends: q\ny",), "a y"),
    Case("nor deeper down", ("a Depends: x | y\nx Depends: p\np Depends: q\ny",), "a y"),
    # Versions and suites.
    Case("the highest version of all suites", ("a Depends: b (>= 2)\nb=1", "b=2"), "a b"),
    Case("never an older version", ("a Depends: b (= 1) | c\nb=1\nc", "b=2"), "a c"),
    Case("an epoch is higher than any version without", ("a Depends: b (>= 9) | c\nb=1:1\nc",), "a b"),
    Case("a tilde is lower than nothing", ("a Depends: b (>= 2) | c\nb=2~rc1\nc",), "a c"),
    # Virtual packages.
    Case("a provider where there is no real package", ("a Depends: v\np Provides: v",), "a p"),
    Case(
        "the real package before a provider", ("p Provides: v; Priority: required\nv\na Depends: v",), "a v"
    ),
    Case("a selected provider before the real package", ("a Depends: v\nv\np Provides: v",), "a p", "a p"),
    Case(
        "the provider where the real package is too old",
        ("a Depends: v (>= 2)\nv\np Provides: v (= 2)",),
        "a p",
    ),
    Case("an alternative before a provider of the next", ("a Depends: x | v\np Provides: v\nx",), "a x"),
    Case("a versioned Provides meets a version", ("a Depends: v (>= 2) | x\np Provides: v (= 2)\nx",), "a p"),
    Case("an unversioned one does not", ("a Depends: v (>= 2) | x\np Provides: v\nx",), "a x"),
    Case("a versioned one of several", ("a Depends: v (= 2) | x\np Provides: v (= 1), v (= 2)\nx",), "a p"),
    Case("a stale provider provides nothing", ("a Depends: v | x\np=1 Provides: v\nx", "p=2"), "a x"),
    Case("what a package provides itself it needs not", ("a Depends: v | x; Provides: v\nx",), "a"),
    # Among providers.
    Case(
        "an essential provider first",
        ("p Provides: v; Priority: required\nq Provides: v; Essential: yes; Priority: extra\na Depends: v",),
        "a q",
    ),
    Case(
        "then an important one",
        ("p Provides: v; Priority: required\nq Provides: v; Protected: yes; Priority: extra\na Depends: v",),
        "a q",
    ),
    Case(
        "then by Priority",
        ("p Provides: v; Priority: standard\nq Provides: v; Priority: optional\na Depends: v",),
        "a p",
    ),
    Case("of equals the one mentioned last", ("p Provides: v\nq Provides: v\na Depends: v",), "a q"),
    Case("in any field", ("m Suggests: q\np Provides: v\nq Provides: v\na Depends: v",), "a p"),
    Case(
        "Suggests after Breaks",
        ("m Suggests: p; Breaks: q\np Provides: v\nq Provides: v\na Depends: v",),
        "a p",
    ),
    Case("but not with :any", ("m Depends: q:any\np Provides: v\nq Provides: v\na Depends: v",), "a q"),
    Case("nor within another name", ("m Depends: libq\np Provides: v\nq Provides: v\na Depends: v",), "a q"),
    Case(
        "no Priority is the highest",
        ("p Provides: v; Priority: required\nq Provides: v\na Depends: v",),
        "a q",
    ),
    # Architectures.
    Case(":any wants Multi-Arch: allowed", ("a Depends: p:any | x\np Multi-Arch: foreign\nx",), "a x"),
    Case(":any with it", ("a Depends: p:any (>= 1) | x\np Multi-Arch: allowed\nx",), "a p"),
    Case(
        ":any of a provider that is allowed",
        ("a Depends: v:any | x\np Multi-Arch: allowed; Provides: v\nx",),
        "a p",
    ),
    Case(":any of one that is not", ("a Depends: v:any | x\np Multi-Arch: same; Provides: v\nx",), "a x"),
    Case(":any that is provided as such", ("a Depends: v:any | x\np Provides: v:any\nx",), "a p"),
    Case("which provides nothing without it", ("a Depends: v | x\np Provides: v:any\nx",), "a x"),
    Case(":native", ("a Depends: p:native | x\np\nx",), "a p"),
    Case("the architecture by name", ("a Depends: p:arm64 | x\np\nx",), "a p", architecture="arm64"),
    Case("another architecture", ("a Depends: p:i386 | x\np\nx",), "a x"),
    Case("all is every architecture", ("a Depends: p:amd64 | x\np Architecture: all\nx",), "a p"),
    # Conflicts and Breaks that can be avoided.
    Case(
        "not what conflicts with what the set names",
        ("a Depends: x | y\nx Conflicts: c\ny\nc",),
        "a c y",
        "a c",
    ),
    Case(
        "not what conflicts with what was selected", ("a Depends: c, x | y\nx Conflicts: c\ny\nc",), "a c y"
    ),
    Case("nor with what is selected later", ("a Depends: x | y, c\nx Breaks: c\ny\nc",), "a c y"),
    Case("nor what that conflicts with", ("a Depends: x | y, c\nc Conflicts: x\ny\nx",), "a c y"),
    Case(
        "nor what needs what conflicts", ("a Depends: x | y, c\nx Depends: z\nz Conflicts: c\ny\nc",), "a c y"
    ),
    Case(
        "the other side, where only it has an alternative",
        ("a Depends: b, c\nb Depends: n | k\nc Depends: k\nk Conflicts: n\nn Conflicts: k",),
        "a b c k",
    ),
    Case("the later of two choices", ("a Depends: x | y, p | q\nx Conflicts: p\ny\np\nq",), "a q x"),
    Case("another provider", ("a Depends: c, v\nc\np Provides: v\nq Provides: v; Conflicts: c",), "a c p"),
    # Conflicts and Breaks that are none.
    Case("a version that is not meant", ("a Breaks: b (<< 2); Depends: b\nb=2",), "a b"),
    Case("what a package provides itself", ("a Conflicts: v; Provides: v",), "a"),
    Case(
        "a version against an unversioned Provides", ("a Breaks: v (<< 2); Depends: p\np Provides: v",), "a p"
    ),
]


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
