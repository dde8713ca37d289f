"""Every rule by which apt chooses packages, as a few packages and what is chosen of them."""

from dataclasses import dataclass

from tools.sysimage.lock.manifest import PackageSet


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
