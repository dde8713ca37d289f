"""Compares the commands that change files with those of the lock."""

from pathlib import Path

import pytest

from tests.commands.judge import judge
from tests.commands.world import interpret

_FILES = {"a": b"1\n", "b": b"two\n", "d/x": b"x\n", "d/e/y": b"y\n"}
_CASES = Path(__file__).with_name("coreutils.txt").read_text().strip().splitlines()


@pytest.mark.parametrize("case", _CASES)
def test_a_script_would_leave_other_files_than_with_coreutils(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)
