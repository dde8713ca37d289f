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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
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
