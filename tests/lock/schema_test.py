"""docs/reference/debian.schema.json, for editors: it takes what the lock tool takes."""

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock import manifest

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/debian.schema.json").read_text())
VALIDATE = fastjsonschema.compile(SCHEMA)

# What a schema can't say: one part of the manifest has to fit another.
ACROSS = re.compile(
    r"extends itself|which is no set|which \[lock\] does not name|which packages asks for|is in no archive"
    r"|packages names \S+ twice"
)

WORDS = (
    *("", " ", "a", "A", "b", "0", "é", "-a", "a_b", "a\n", "x/y", "/x", "base", "lock", "trixie", "main"),
    *("amd64", "arm64", "a [amd64]", "a [amd64 arm64]", "a []", "a  [x]", "src:a", "a*", "1.2*"),
    *("A" * 40, "a" * 40, "F" * 64),
)
A_WORD = st.sampled_from(WORDS)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    A_WORD, st.booleans(), st.integers(-1, 2), st.builds(list), st.builds(dict)
)
LISTS = st.lists(st.one_of(A_WORD, A_WORD, SCALARS), max_size=3)
VALUES = st.one_of(SCALARS, LISTS, st.dictionaries(A_WORD, SCALARS, max_size=2))


def _sound() -> dict[str, Any]:
    return {
        "archive": {"debian": {"suites": ["trixie"], "components": ["main"], "signed_by": ["A" * 40]}},
        "lock": {"architectures": ["amd64", "arm64"], "keyring": "keys.asc"},
        "set": {
            "base": {"packages": ["a", "b [amd64]"], "essential": True, "exclude": {"c": "why"}},
            "more": {"packages": ["d"], "extends": "base", "required": False},
        },
        "pin": [{"packages": ["src:a", "b*"], "suite": "trixie"}, {"packages": ["c"], "version": "1*"}],
    }


def _places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*place, key)
        yield from _places(part, (*place, key))


PLACES = list(_places(_sound()))


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """A sound manifest with up to three changes: a value put in another's place, taken out, or added."""
    made = _sound()
    for _ in range(draw(st.integers(0, 3))):
        *path, last = draw(st.sampled_from(PLACES))
        parent: Any = made
        for key in path:
            try:
                parent = parent[key]
            except KeyError, IndexError, TypeError:
                break
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if isinstance(parent, dict):
            if change == "remove":
                parent.pop(last, None)
            else:
                parent[str(last) if change == "replace" else draw(A_WORD)] = copy.deepcopy(draw(VALUES))
        elif isinstance(parent, list):
            if change == "remove" and parent:
                parent.pop()
            else:
                parent.append(copy.deepcopy(draw(VALUES)))
    return made


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refused(value: dict[str, Any]) -> str:
    text = "".join(f"{json.dumps(key)} = {_toml(part)}\n" for key, part in value.items())
    assert tomllib.loads(text) == value
    try:
        manifest.parse(text, "debian.toml")
    except ToolError as error:
        return str(error)
    return ""


def _valid(value: dict[str, Any]) -> bool:
    try:
        VALIDATE(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@settings(max_examples=3000, deadline=None, derandomize=True)
@given(manifests())
def test_an_editor_would_mark_what_is_right_or_pass_what_is_wrong(value: dict[str, Any]) -> None:
    _agree(value)


def test_a_word_in_some_place_would_be_marked_or_passed() -> None:
    for *path, last in PLACES:
        values: tuple[Any, ...] = (*WORDS, 0, True, [], {}, ["a", "a"])
        for word in values:
            for key in {last, word} if isinstance(word, str) else {last}:
                made = _sound()
                parent: Any = made
                for step in path:
                    parent = parent[step]
                if isinstance(parent, dict):
                    # A value of another kind, or what is there under another name.
                    parent[key] = word if key == last else copy.deepcopy(parent[last])
                elif key == last:
                    parent[key] = word
                _agree(made)


def _agree(value: dict[str, Any]) -> None:
    problem = _refused(value)
    if not problem:
        assert _valid(value), "the tool takes it, and the schema does not"
    elif not ACROSS.search(problem):
        assert not _valid(value), problem


@pytest.mark.parametrize(
    "name", ["system_image/debian", "system_image/firmware", "tests/rootfs/forky", "tests/rootfs/sets"]
)
def test_manifests_of_this_repository_would_be_marked(name: str) -> None:
    VALIDATE(tomllib.loads((ROOT / f"{name}.toml").read_text()))
