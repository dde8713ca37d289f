"""Compares answers about the system with those of the lock's programs, as far as they are not fixed."""

from pathlib import Path

import pytest

from tests.commands.judge import judge
from tests.commands.world import interpret, run, world


@pytest.mark.parametrize("case", Path(__file__).with_name("system.txt").read_text().splitlines())
def test_a_command_would_answer_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script) == judge(script)


def test_an_answer_would_be_the_hosts() -> None:
    made = world(
        {"etc/passwd": b"root:x:0:0::/:\nme:x:7:8::/:\n", "etc/group": b"root:x:0:\nus:x:8:\nat:x:9:x,me\n"}
    )
    script = b"id -u; id -un; id me; id -Gn me; id -g me; id you 2>/dev/null || echo $?\n"
    script += b"uname -srm; hostname; date; tty"
    status, stdout, _ = run(made, script)
    assert (status, stdout.decode().split("\n")) == (
        1,
        [
            "0",
            "root",
            "uid=7(me) gid=8(us) groups=8(us),9(at)",
            "us at",
            "8",
            "1",
            "Linux 6.12.0 x86_64",
            "localhost",
            "Thu Jan  1 00:00:00 UTC 1970",
            "not a tty",
            "",
        ],
    )


@pytest.mark.parametrize("case", Path(__file__).with_name("expression.txt").read_text().splitlines())
def test_a_value_or_an_encoding_would_be_another(case: str) -> None:
    files = {"a": b"1\n", "b": b"two\n", "d/x": b"x\n"}
    script = case.encode() + b"\n"
    assert interpret(script, files) == judge(script, files)
