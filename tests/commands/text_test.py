"""Compares commands that edit and search text with those of the lock."""

from pathlib import Path

import pytest

from tests.commands.judge import judge
from tests.commands.world import interpret

_FILES = {"a": b"1\n", "b": b"two\n", "d/x": b"x\n", "d/e/y": b"y\n"}


def _cases(name: str) -> list[str]:
    # A line that begins with text and ends within quotation marks goes on.
    found: list[str] = []
    for line in Path(__file__).with_name(f"{name}.txt").read_text().splitlines():
        if found and found[-1].count("'") % 2:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


@pytest.mark.parametrize("case", _cases("sed"))
def test_sed_would_write_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)


@pytest.mark.parametrize("case", _cases("grep"))
def test_grep_would_find_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)


@pytest.mark.parametrize("case", _cases("lines"))
def test_a_command_of_lines_would_write_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)


@pytest.mark.parametrize("case", _cases("awk"))
def test_awk_would_compute_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)
