"""Fixed scripts: without one of these rules, a script would mean something else here than to dash."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.judge import compare


def cases() -> Iterator[tuple[str, bytes]]:
    """File and number of each case, and its script."""
    for file in sorted((Path(__file__).parent / "cases").glob("*.txt")):
        for number, script in enumerate(file.read_bytes().split(b"\n%%\n")):
            yield f"{file.stem}-{number}", script + b"\n"


CASES = dict(cases())


def test_there_are_cases() -> None:
    assert len(CASES) > 400


@pytest.mark.parametrize("name", CASES)
def test_output_status_and_files_are_those_of_dash(name: str) -> None:
    expected, found = compare(CASES[name])
    assert found == expected
