"""Compares the commands of `basic` with those of the lock."""

import pytest

from tests.commands.judge import judge
from tests.commands.world import interpret

_CASES = """
basename /usr/lib/
basename //
basename a.service .service
basename .service .service
basename -s .c a.c b/c.c
basename -a x/y z
basename -z a
basename ''
basename
dirname /usr/lib/ a / // '' a//b x/y
dirname -z a/b
""".strip().splitlines()


@pytest.mark.parametrize("case", _CASES)
def test_a_command_would_answer_something_else_than_the_program(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script) == judge(script)
