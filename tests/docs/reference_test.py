import os
from pathlib import Path

import pytest

from tests.docs import reference

_WRITTEN = reference.pages(os.environ["REFERENCE"].split())
_FOLDER = Path("docs/reference")


@pytest.mark.parametrize("name", sorted(_WRITTEN))
def test_a_page_of_the_reference_says_what_the_docstrings_say(name: str) -> None:
    path = _FOLDER / name
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    assert there == _WRITTEN[name], "run: tools/bazel run //tests/docs:update_reference"


def test_there_is_no_page_of_something_that_is_gone() -> None:
    assert {path.name for path in _FOLDER.glob("*.md")} == set(_WRITTEN)


def test_a_public_symbol_without_a_word_is_named() -> None:
    with pytest.raises(ValueError, match=r"//x:y\.bzl: Bazel says nothing of lost"):
        reference.page("//x:y.bzl", "lost = _lost\n", "")


def test_characters_beyond_ascii_survive() -> None:
    said = (
        r"rule_info {"
        "\n"
        r'  rule_name: "r"'
        "\n"
        r'  doc_string: "a \303\242\302\200\302\246\n\"b\""'
        "\n}"
    )
    assert 'a …\n"b"' in reference.page("//x:y.bzl", "r = _r\n", said)
