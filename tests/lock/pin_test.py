"""Stage lock: a pin that does not hold gives another version than the one that was asked for, silently."""

import io

import pytest

from tests.lock.archives import MANIFEST, Workspace, packages
from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import PackageSet, Pin
from tools.sysimage.lock.packages import Origin
from tools.sysimage.lock.resolve import resolve

SUITES = {
    "trixie": (500, "a=1\nb=1\nc=3\nlib=1 Source: a (1)\nother=1"),
    "trixie-security": (500, "b=2\nc=2"),
    "trixie-backports": (100, "a=5\nlib=5 Source: a (5)\nnew=1"),
    "experimental": (1, "a=9\nnew=9"),
}


def pinned(*pins: Pin) -> Index:
    made = Index("amd64", pins)
    for suite, (priority, text) in SUITES.items():
        made.add(io.BytesIO(packages(text).encode()), Origin("debian", suite, "main", priority))
    return made


def pin(names: str, suite: str | None = None, version: str | None = None) -> Pin:
    return Pin(tuple(names.split()), suite, version)


def candidate(index: Index, name: str) -> str | None:
    package = index.candidate(name)
    return package.version if package else None


@pytest.mark.parametrize(
    ("name", "version"), [("a", "1"), ("b", "2"), ("c", "3"), ("new", "1"), ("nothing", None)]
)
def test_without_pins_the_priority_of_the_suite_comes_before_the_version(name: str, version: str) -> None:
    assert candidate(pinned(), name) == version


@pytest.mark.parametrize(
    ("pins", "name", "version"),
    [
        ([pin("a", "trixie-backports")], "a", "5"),
        ([pin("a", "trixie-backports")], "lib", "1"),
        ([pin("src:a", "trixie-backports")], "lib", "5"),
        ([pin("src:a", "trixie-backports")], "a", "5"),
        ([pin("li*", "trixie-backports")], "lib", "5"),
        ([pin("*", "trixie-security")], "c", "2"),
        ([pin("*", "trixie-security")], "a", "1"),
        ([pin("a", version="9")], "a", "9"),
        ([pin("a", version="5*")], "a", "5"),
        ([pin("a", version="?")], "a", "9"),
        ([pin("a", version="1"), pin("*", "trixie-backports")], "a", "1"),
        ([pin("*", "trixie-backports"), pin("a", version="1")], "a", "5"),
        ([pin("*", "experimental"), pin("lib", "trixie-backports")], "lib", "5"),
    ],
)
def test_the_first_pin_that_fits_counts(pins: list[Pin], name: str, version: str) -> None:
    assert candidate(pinned(*pins), name) == version


def test_a_pinned_version_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        ToolError,
        match=r"^\[\[pin\]\] a: no version 7 for amd64, only 1 \(trixie/main\), 5 \(trixie-backports/main\)",
    ):
        pinned(pin("a", version="7")).check_pins()
    with pytest.raises(ToolError, match=r"^\[\[pin\]\] other: no version from trixie-security for amd64"):
        pinned(pin("other", "trixie-security")).check_pins()
    pinned(pin("src:a o*", "trixie-security")).check_pins()


def test_a_dependency_that_only_another_suite_meets_tells_the_pin() -> None:
    made = pinned()
    made.add(io.BytesIO(packages("top Depends: lib (>= 2)").encode()), Origin("debian", "trixie", "main"))
    with pytest.raises(
        ToolError,
        match=r"top needs lib \(>= 2\): there is only lib 1 in trixie/main; "
        r"5 of trixie-backports/main would do: "
        r'\[\[pin\]\] packages = \["lib"\], suite = "trixie-backports"$',
    ):
        resolve(made, PackageSet("t", ("top",), False, None, {}))


def lock_with(workspace: Workspace, pins: str) -> None:
    workspace.manifest.write_text(MANIFEST.replace("[lock]", f"{pins}\n[lock]"))
    workspace.run()


def test_a_version_held_by_hand_outlives_the_archive(workspace: Workspace) -> None:
    workspace.run()
    lock_with(workspace, '[[pin]]\npackages = ["b"]\nversion = "1+deb13u1"')
    workspace.security.publish("b=2", "trixie-security", architectures=("amd64", "arm64"))
    workspace.run("--update")
    b = workspace.read()["packages"]["amd64"]["b"]
    assert (b["version"], b["snapshot"]) == ("1+deb13u1", "20261121T021046Z")


def test_a_pinned_version_that_is_nowhere_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match=r"^\[\[pin\]\] b: no version 3 for amd64, only "):
        lock_with(workspace, '[[pin]]\npackages = ["b"]\nversion = "3"')


def test_a_pin_comes_before_what_is_locked(workspace: Workspace) -> None:
    workspace.run()
    lock_with(workspace, '[[pin]]\npackages = ["b"]\nsuite = "trixie"')
    assert workspace.read()["packages"]["amd64"]["b"]["version"] == "1"


def test_a_pin_about_no_package_is_refused_with_the_nearest(workspace: Workspace) -> None:
    both = ("amd64", "arm64")
    workspace.debian.publish("a=1 Depends: b\nb=1\nc Depends: x\nlibfoo1", architectures=both)
    for pattern in ("libfo1", "src:libfo1", "libfo1*"):
        with pytest.raises(ToolError, match=r"^\[\[pin\]\] .*libfo1.*: there is no such package"):
            lock_with(workspace, f'[[pin]]\npackages = ["{pattern}"]\nsuite = "trixie"')
    with pytest.raises(ToolError, match=r"did you mean libfoo1"):
        lock_with(workspace, '[[pin]]\npackages = ["libfo1"]\nsuite = "trixie"')


def test_pattern_that_no_version_fits_would_do_nothing(workspace: Workspace) -> None:
    both = ("amd64", "arm64")
    workspace.debian.publish("a=1 Depends: b\nb=1\nc Depends: x\nlibfoo1", architectures=both)
    for pattern, wants in (
        ("libfoo*", 'version = "7*"'),
        ("libfoo?", 'suite = "trixie-security"'),
        ("src:libfoo1", 'version = "7"'),
    ):
        with pytest.raises(
            ToolError, match=r"^\[\[pin\]\] .*libfoo.*: there are such packages, but no version"
        ):
            lock_with(workspace, f'[[pin]]\npackages = ["{pattern}"]\n{wants}')
    lock_with(workspace, '[[pin]]\npackages = ["libfoo*"]\nversion = "1*"')
