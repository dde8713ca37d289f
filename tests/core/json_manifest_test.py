"""The manifests of rules: without a strict reader, a field that is misspelt would do nothing at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.core import errors, json_manifest
from tools.sysimage.core.errors import ToolError


@dataclass(frozen=True, slots=True)
class Part:
    path: Path
    count: int = 1


@dataclass(frozen=True, slots=True)
class Whole:
    name: str
    yes: bool
    parts: tuple[Part, ...]
    texts: dict[str, str]
    one: Part | None = None
    by_name: Mapping[str, Part] | None = None
    empty: tuple[str, ...] = ()


GOOD: dict[str, Any] = {
    "name": "n",
    "yes": True,
    "parts": [{"path": "a/b", "count": 2}, {"path": "c"}],
    "texts": {"k": "v"},
}


def read(folder: Path, text: str) -> Whole:
    path = folder / "whole.json"
    path.write_text(text)
    return json_manifest.read(Whole, path)


def test_every_type_of_a_field_is_read(tmp_path: Path) -> None:
    parts = (Part(Path("a/b"), 2), Part(Path("c")))
    assert read(tmp_path, json.dumps(GOOD)) == Whole("n", True, parts, {"k": "v"})
    more = {**GOOD, "one": {"path": "d"}, "by_name": {"e": {"path": "f"}}, "empty": ["x"]}
    whole = read(tmp_path, json.dumps(more))
    assert (whole.one, whole.by_name, whole.empty) == (Part(Path("d")), {"e": Part(Path("f"))}, ("x",))
    assert read(tmp_path, json.dumps({**GOOD, "one": None})).one is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "whole.json: the field 'colour' is unknown; there are by_name, empty, name, one"),
        ({"parts": [{"path": "a", "size": 1}]}, r"whole.json: parts\[0\]: the field 'size' is unknown"),
        ({"parts": [{"path": "a"}, {}]}, r"whole.json: parts\[1\]: the field 'path' is missing"),
        ({"name": 1}, "whole.json: name: has to be a text"),
        ({"name": None}, "whole.json: name: has to be a text"),
        ({"yes": 1}, "whole.json: yes: has to be true or false"),
        ({"parts": [{"path": "a", "count": True}]}, r"parts\[0\].count: has to be a whole number"),
        ({"parts": [{"path": "a", "count": 1.0}]}, r"parts\[0\].count: has to be a whole number"),
        ({"parts": [{"path": ""}]}, r"parts\[0\].path: has to be a path"),
        ({"parts": [{"path": "a\0"}]}, r"parts\[0\].path: has to be a path"),
        ({"parts": {}}, "parts: has to be a list"),
        ({"parts": ["a"]}, r"parts\[0\]: has to be an object"),
        ({"texts": ["a"]}, "texts: has to be an object"),
        ({"texts": {"k": 1}}, "whole.json: texts.k: has to be a text"),
        ({"by_name": {"e": {"path": 1}}}, "whole.json: by_name.e.path: has to be a path"),
        ({"empty": "words"}, "empty: has to be a list"),
    ],
)
def test_what_a_field_can_not_be_is_refused_by_its_name(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError, match=message) as caught:
        read(tmp_path, json.dumps({**GOOD, **change}))
    assert "\n" not in str(caught.value)


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"whole.json: the field 'name' is missing"):
        read(tmp_path, json.dumps({name: value for name, value in GOOD.items() if name != "name"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "whole.json: is no JSON"),
        ('{"name": ', "whole.json: is no JSON"),
        ("\xff", "whole.json: "),
        ("[" * 100_000, "whole.json: is no JSON"),
        ('{"name": "a", "name": "b"}', "the field 'name' is given twice"),
        ("[]", "whole.json: has to be an object"),
    ],
)
def test_what_is_no_object_of_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        read(tmp_path, text)


def test_message_would_name_a_file_of_bazels_instead_of_the_target(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "_subject", [])

    def main(argv: Sequence[str]) -> int:
        del argv
        read(tmp_path, json.dumps({**GOOD, "target": "//app:guest", "yes": 1}))
        return 0

    with pytest.raises(SystemExit):
        errors.run(main)
    assert (
        capfd.readouterr().err
        == "error: //app:guest: yes: has to be true or false; write the manifest anew\n"
    )
