"""Stage lock: two branches that change a lock merge without a conflict into one that does not install."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.lock.archives import Workspace
from tools.sysimage.core.errors import ToolError

BOTH = ("amd64", "arm64")


@pytest.fixture
def locked(workspace: Workspace) -> Workspace:
    workspace.debian.publish(
        "a=1 Depends: b (>= 1)\nb=1\nc=1 Depends: x, b, v\np Provides: v\nz", architectures=BOTH
    )
    workspace.run()
    assert workspace.run("--check") == 0
    return workspace


def without_a_root(lock: Any) -> None:
    lock["sets"]["base"]["packages"]["amd64"].remove("a")


def without_a_dependency(lock: Any) -> None:
    lock["sets"]["base"]["packages"]["arm64"].remove("b")


def without_the_provider(lock: Any) -> None:
    lock["sets"]["more"]["packages"]["arm64"].remove("p")


def without_the_cut(lock: Any) -> None:
    del lock["sets"]["more"]["unmet"]


def with_what_nothing_needs(lock: Any) -> None:
    lock["sets"]["base"]["packages"]["amd64"].append("p")


def with_an_older_dependency(lock: Any) -> None:
    lock["packages"]["amd64"]["b"]["version"] = "0.9"


def with_a_conflict(lock: Any) -> None:
    lock["packages"]["amd64"]["p"]["control"]["Breaks"] = "a (<< 2)"


def without_a_package(lock: Any) -> None:
    del lock["packages"]["amd64"]["p"]


def without_a_set(lock: Any) -> None:
    del lock["sets"]["more"]


def without_an_architecture(lock: Any) -> None:
    del lock["packages"]["arm64"]


def without_a_field(lock: Any) -> None:
    del lock["packages"]["amd64"]["a"]["size"]


def with_another_edge(lock: Any) -> None:
    lock["packages"]["amd64"]["a"]["depends"] = []


def with_what_no_set_has(lock: Any) -> None:
    lock["packages"]["amd64"]["z"] = lock["packages"]["amd64"]["p"]


def in_package(field: str, value: object) -> Callable[[Any], None]:
    def damage(lock: Any) -> None:
        lock["packages"]["amd64"]["a"][field] = value

    return damage


def in_set(field: str, value: object) -> Callable[[Any], None]:
    def damage(lock: Any) -> None:
        lock["sets"]["more"][field] = value

    return damage


def in_lock(field: str, value: object) -> Callable[[Any], None]:
    def damage(lock: Any) -> None:
        lock[field] = value

    return damage


def with_a_foreign_set(lock: Any) -> None:
    lock["sets"]["foreign"] = lock["sets"]["base"]


def without_a_suite(lock: Any) -> None:
    releases = lock["archives"]["debian"]["releases"]
    releases.clear()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            in_package("archive", "other"),
            r"packages\.amd64\.a\.archive is 'other', which archives does not have",
        ),
        (in_package("archive", None), r"packages\.amd64\.a\.archive is null, which is no name"),
        (in_package("version", None), r"packages\.amd64\.a\.version is null, which is no version"),
        (in_package("version", ""), r'packages\.amd64\.a\.version is "", which is no version'),
        (in_package("version", 1), r"packages\.amd64\.a\.version is 1, which is no version"),
        (in_package("path", "../x.deb"), r"path is .*, which is no path below an archive"),
        (in_package("path", "/x.deb"), r"path is .*, which is no path below an archive"),
        (in_package("size", "1000"), r'size is "1000", which is no number of bytes'),
        (in_package("size", True), r"size is true, which is no number of bytes"),
        (in_package("sha256", "0"), r'sha256 is "0", which is no SHA-256'),
        (in_package("depends", {}), r"depends is {}, which is no list"),
        (in_package("control", None), r"control is null, which is no object"),
        (in_package("architecture", "arm64"), r"architecture is 'arm64', not amd64 or all"),
        (in_package("colour", 1), r"packages\.amd64\.a\.colour is unknown"),
        (in_set("extends", "nope"), r"sets\.more\.extends is 'nope', which sets does not have"),
        (in_set("extends", ["base"]), r'sets\.more\.extends is \["base"\], which is no name'),
        (in_set("exclude", {"p": "x"}), r"set more: what it excludes is not what the manifest says"),
        (in_set("packages", []), r"sets\.more\.packages is \[\], which is no object"),
        (in_lock("snapshot", 1), r"snapshot is 1, which is no time of a snapshot"),
        (in_lock("archives", {}), r"which archives does not have"),
        (in_lock("packages", None), r"packages is null, which is no object"),
        (with_a_foreign_set, r"it has the set foreign, which the manifest does not have"),
        (without_a_suite, r"its archives and suites are not those of the manifest"),
        (without_a_root, r"set base \(amd64\): it lacks a, which the manifest asks for"),
        (without_a_dependency, r"set base \(arm64\): a needs b \(>= 1\), which nothing in it fulfils"),
        (without_the_provider, r"set more \(arm64\): c needs v, which nothing in it fulfils"),
        (without_the_cut, r"set more \(amd64\): c needs x, which nothing in it fulfils"),
        (
            with_what_nothing_needs,
            r"set base \(amd64\): nothing needs p",
        ),
        (with_an_older_dependency, r"set base \(amd64\): a needs b \(>= 1\), which nothing in it fulfils"),
        (with_a_conflict, r"set more \(amd64\): p 1 breaks a \(<< 2\), which a 1 is or provides"),
        (without_a_package, r"set more \(amd64\): it lists p, which the lock does not describe"),
        (without_a_set, r"it has no 'more', or not all of it"),
        (without_an_architecture, r"it has no 'arm64', or not all of it"),
        (without_a_field, r"it has no 'size', or not all of it"),
        (with_another_edge, r"a \(amd64\): 'depends' is not what its sets say"),
        (with_what_no_set_has, r"z \(amd64\): 'depends' is not what its sets say"),
    ],
    ids=lambda value: getattr(value, "__name__", "said"),
)
def test_an_unsound_lock_is_refused(locked: Workspace, damage: Callable[[Any], None], message: str) -> None:
    lock = locked.read()
    damage(lock)
    locked.lock.write_text(json.dumps(lock))
    with pytest.raises(ToolError, match=message) as caught:
        locked.run("--check")
    assert str(caught.value).endswith("run this tool without --check to write it anew")
    assert "\n" not in str(caught.value)


def test_lock_of_a_set_that_provides_a_second_time_would_be_called_unsound(workspace: Workspace) -> None:
    # m provides what a needs and is selected for base; c, which is before m by its name, for a set on top.
    workspace.debian.publish("a=1 Depends: m, v\nm Provides: v\nc Provides: v\nb=1\nx", architectures=BOTH)
    assert workspace.run() == 0
    assert workspace.run("--check") == 0


def test_extends_of_another_set_would_be_called_sound(locked: Workspace) -> None:
    lock = locked.read()
    lock["sets"]["more"]["extends"] = None if lock["sets"]["more"]["extends"] else "base"
    locked.lock.write_text(json.dumps(lock))
    with pytest.raises(ToolError, match=r"set more extends .*; in the manifest"):
        locked.run("--check")


@pytest.mark.parametrize("options", [("--check",), ()])
def test_merge_would_be_called_no_json(locked: Workspace, options: tuple[str, ...]) -> None:
    locked.lock.write_text("<<<<<<< HEAD\n" + locked.lock.read_text() + "=======\n>>>>>>> other\n")
    with pytest.raises(
        ToolError, match=r"conflict markers of a merge \(line 1\); take one side whole, with `git"
    ):
        locked.run(*options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "not JSON"),
        ('{"version": 2, "version": 2}', "'version' is given twice"),
        ("[]", "version"),
    ],
)
def test_damaged_lock_would_be_a_traceback(locked: Workspace, text: str, message: str) -> None:
    locked.lock.write_text(text)
    with pytest.raises(ToolError, match=message):
        locked.run("--check")


def test_old_lock_would_be_taken_with_a_null_in_it(locked: Workspace) -> None:
    lock = locked.read()
    lock["packages"]["amd64"]["a"]["version"] = None
    locked.lock.write_text(json.dumps(lock))
    with pytest.raises(
        ToolError, match=r"version is null, which is no version; restore it, or remove it to lock"
    ):
        locked.run()
