"""update-inetd on a file, and what the program of update-inetd 4.53 made of it in a chroot."""

import difflib
import json
from pathlib import Path

import pytest

from tests.commands.world import run, world
from tools.sysimage.core.errors import ToolError

_REAL = json.loads(Path(__file__).with_name("inetd.json").read_text())
_BEFORE = "".join(f"{line}\n" for line in _REAL["before"])


def _after(arguments: str, before: str = _BEFORE) -> tuple[int, str]:
    made = world({"etc/inetd.conf": before.encode()})
    status, _, _ = run(made, f"update-inetd {arguments}".encode())
    inode = made.root.tree["etc/inetd.conf"]
    assert inode.mode == 0o644
    return status, inode.read().decode()


@pytest.mark.parametrize(("arguments", "changes"), _REAL["calls"])
def test_a_service_would_be_told_to_inetd_otherwise(arguments: str, changes: list[str]) -> None:
    status, after = _after(arguments)
    differ = difflib.ndiff(_REAL["before"], after.splitlines())
    assert (status, [line for line in differ if line[0] in "+-"]) == (0, changes)


def test_a_line_would_be_added_to_the_end_of_one_without_its_newline() -> None:
    entry = "b stream tcp nowait root /x y"
    assert _after(f"--group MAIL --add '{entry}'", "a stream tcp nowait root /x y")[1].endswith(
        f"x y\n{entry}\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        "--disable smtp",
        "--remove smtp",
        "--add 'ftp dgram udp wait root /x y'",
        "--remove '(?i)ftp'",
        "--enable",
        "--enable 'a b'",
        "--sideways ftp",
    ],
)
def test_a_question_or_a_pattern_that_nothing_here_knows_would_pass(arguments: str) -> None:
    with pytest.raises(ToolError, match="not modelled"):
        _after(arguments)


def test_a_file_that_is_not_there_would_be_made_or_stop_a_package() -> None:
    made = world()
    add = b"update-inetd --add 'b stream tcp nowait root /x y'"
    assert run(made, add + b" && update-inetd --disable b && update-inetd --enable b")[0] == 0
    assert "etc/inetd.conf" not in made.root.tree
