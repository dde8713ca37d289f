"""Stage lock: an update that takes more than was asked for is one that nobody reviewed."""

from typing import Any

import pytest

from tests.lock.archives import MANIFEST, Workspace, index, packages
from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import PackageSet
from tools.sysimage.lock.packages import Origin
from tools.sysimage.lock.resolve import resolve

BOTH = ("amd64", "arm64")


def versions(workspace: Workspace, architecture: str = "amd64") -> str:
    """What is locked, as `a=1 b=2`."""
    locked = workspace.read()["packages"][architecture]
    return " ".join(f"{name}={entry['version']}" for name, entry in sorted(locked.items()))


@pytest.fixture
def newer(workspace: Workspace) -> Workspace:
    """a, b and c are locked, and the archive has a newer version of each."""
    workspace.run()
    assert versions(workspace) == "a=1 b=1+deb13u1 c=1"
    workspace.debian.publish("a=2 Depends: b\nb=1\nc=2 Depends: x, b", architectures=BOTH)
    workspace.security.publish("b=2", "trixie-security", architectures=BOTH)
    return workspace


def test_what_is_locked_stays_at_its_version(newer: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    before = newer.lock.read_bytes()
    capsys.readouterr()
    newer.run()
    assert newer.lock.read_bytes() == before
    assert [line for line in capsys.readouterr().err.splitlines() if not line.startswith("resolved")][
        -4:
    ] == [
        "left: a 1 → 2 (trixie) [amd64, arm64]",
        "left: b 1+deb13u1 → 2 (trixie-security, security update) [amd64, arm64]",
        "left: c 1 → 2 (trixie) [amd64, arm64]",
        "--update takes them, --update PACKAGE only some",
    ]


def test_update_takes_all(newer: Workspace) -> None:
    newer.run("--update")
    assert versions(newer) == versions(newer, "arm64") == "a=2 b=2 c=2"


def test_update_of_one_package_leaves_the_others(newer: Workspace) -> None:
    newer.run("--update", "c")
    assert versions(newer) == "a=1 b=1+deb13u1 c=2"


def test_update_of_one_package_takes_what_it_then_needs(newer: Workspace) -> None:
    newer.debian.publish("a=2 Depends: b\nb=1\nc=2 Depends: x, b (>= 2)", architectures=BOTH)
    newer.run("--update", "c")
    assert versions(newer) == "a=1 b=2 c=2"


def test_an_added_package_leaves_the_others(newer: Workspace) -> None:
    newer.debian.publish("a=2 Depends: b\nb=1\nc=2 Depends: x, b\nd Depends: b", architectures=BOTH)
    newer.manifest.write_text(MANIFEST.replace('["a"]', '["a", "d"]'))
    newer.run()
    assert versions(newer) == "a=1 b=1+deb13u1 c=1 d=1"


def test_a_removed_package_goes(newer: Workspace) -> None:
    newer.manifest.write_text(MANIFEST.partition("[set.more]")[0])
    newer.run()
    assert versions(newer) == "a=1 b=1+deb13u1"


def test_what_the_archive_dropped_names_the_snapshot_that_has_it(newer: Workspace) -> None:
    snapshot = newer.read()["snapshot"]
    newer.debian.publish(
        "a=2 Depends: b\nc=2 Depends: x, b", date="Sun, 22 Nov 2026 10:00:00 UTC", architectures=BOTH
    )
    newer.run("--update", "c")
    lock = newer.read()
    assert lock["snapshot"] == "20261122T100000Z" != snapshot
    assert lock["packages"]["amd64"]["a"]["snapshot"] == snapshot
    assert "snapshot" not in lock["packages"]["amd64"]["c"]
    # Which stays so, however often it is locked.
    newer.debian.publish(
        "a=2 Depends: b\nc=3 Depends: x, b", date="Sun, 22 Nov 2026 11:00:00 UTC", architectures=BOTH
    )
    newer.run("--update", "c")
    assert newer.read()["packages"]["amd64"]["a"]["snapshot"] == snapshot


def test_an_update_of_what_is_not_locked_names_the_nearest(newer: Workspace) -> None:
    newer.debian.publish("libfoo1\na Depends: libfoo1\nc", architectures=BOTH)
    newer.run("--update")
    with pytest.raises(ToolError, match=r"--update libfo1: it is not in the lock \(did you mean libfoo1\?\)"):
        newer.run("--update", "libfo1")


def held(old: str, new: str, release: str = "") -> Index:
    """An index of `new` in which all packages of `old`, but those in `release`, are held."""
    made = index(new)
    for text in packages(old).split("\n\n"):
        name = text.partition("\n")[0].removeprefix("Package: ")
        made.remember(text.encode(), Origin("debian", "s0", "main"), hold=name not in release.split())
    return made


# What is locked, what the archive has now, which package is updated, and what is selected then.
CASES = {
    "what it names by its exact version": (
        "a Depends: l (= 1)\nl",
        "a=2 Depends: l (= 2)\nl=2",
        "a",
        "a=2 l=2",
    ),
    "what names it by its exact version": (
        "a Depends: l (= 1)\nl",
        "a=2 Depends: l (= 2)\nl=2",
        "l",
        "a=2 l=2",
    ),
    "what it breaks in the old version": (
        "a Depends: b, l\nb\nl",
        "a=2 Depends: b, l\nb=2\nl=2 Breaks: b (<< 2)",
        "l",
        "a=1 b=2 l=2",
    ),
    "the alternative that apt would take": (
        "a Depends: b, c\nb\nc",
        "a=2 Depends: b, c\nb=2\nc=2 Depends: b (>= 2) | d\nd",
        "c",
        "a=1 b=2 c=2",
    ),
    "a provider": (
        "a Depends: c, p\nc\np Provides: v (= 1)",
        "a=2 Depends: c, p\nc=2 Depends: v (>= 2)\np=2 Provides: v (= 2)",
        "c",
        "a=1 c=2 p=2",
    ),
    "nothing for what the archive dropped": (
        "a Depends: b, c\nb Provides: v\nc",
        "a=2 Depends: b, c\nc=2 Depends: v",
        "c",
        "a=1 b=1 c=2",
    ),
    "what is there for a package that conflicts": (
        "a Depends: c\nc Depends: d\nd",
        "a=2 Depends: c\nc=2 Depends: e\ne Conflicts: d\nd=1",
        "c",
        "a=1 c=2 e=1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_update_brings(case: str) -> None:
    old, new, update, selected = CASES[case]
    closure = resolve(held(old, new, update), PackageSet("t", ("a",), False, None, {}))
    assert " ".join(f"{name}={each.version}" for name, each in sorted(closure.packages.items())) == selected


def test_a_held_package_gives_way_where_all_that_needs_it_does() -> None:
    made = held("a Depends: b\nb Depends: c (= 1)\nc", "a=2 Depends: b\nb=2\nc=2 Conflicts: b (<< 2)", "c")
    closure = resolve(made, PackageSet("t", ("a", "c"), False, None, {}))
    assert {name: each.version for name, each in closure.packages.items()} == {"a": "1", "b": "2", "c": "2"}


def test_a_conflict_lets_go_of_what_brings_it_in() -> None:
    # a=2 no longer needs b, which has no other version.
    made = held("a Depends: b\nb", "a=2\nb=1\nc=2 Conflicts: b", "c")
    closure = resolve(made, PackageSet("t", ("a", "c"), False, None, {}))
    assert {name: each.version for name, each in closure.packages.items()} == {"a": "2", "c": "2"}


def test_the_same_file_in_several_suites_stays_with_the_one_it_was_locked_from() -> None:
    made = index("a", "a")
    made.remember(packages("a").encode(), Origin("debian", "s1", "main"), hold=True)
    assert str(made.candidate("a").origin) == "s1/main"  # type: ignore[union-attr]


def test_what_can_not_be_met_at_any_version_is_told_as_without_a_lock() -> None:
    made = held("a Depends: b\nb", "a=2 Depends: b\nb=2\nc Depends: b (>= 3)")
    with pytest.raises(ToolError, match=r"c needs b \(>= 3\): there is only b 2 in s0/main$"):
        resolve(made, PackageSet("t", ("a", "c"), False, None, {}))


def test_the_same_version_with_other_content_is_left_too(newer: Workspace) -> None:
    lock: dict[str, Any] = newer.read()
    newer.debian.publish(
        "a=1 Size: 7; SHA256: " + "0" * 64 + "; Depends: b\nb=1\nc=1 Depends: x, b", architectures=BOTH
    )
    newer.run()
    assert newer.read() == lock
