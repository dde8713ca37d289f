"""Each rule of the shell (XCU chapter 2), compared with dash. The cases are in cases/, with `%%` between."""

from pathlib import Path

import pytest

from tests.scripts.judge import compare

_FOLDER = Path(__file__).parent / "cases"


def _cases() -> list[object]:
    result: list[object] = []
    for file in sorted(_FOLDER.glob("*.txt")):
        cases = file.read_text(encoding="utf-8").removesuffix("\n").split("\n%%\n")
        result += [pytest.param(case, id=f"{file.stem}-{index}") for index, case in enumerate(cases)]
    return result


@pytest.mark.parametrize("case", _cases())
def test_a_script_would_do_something_else_than_in_dash(case: str) -> None:
    expected, found = compare(case.encode() + b"\n")
    assert found == expected


def test_most_rules_would_go_unchecked() -> None:
    assert len(_cases()) >= 500
