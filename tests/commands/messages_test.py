"""Messages of shell programs, and what gettext-base 0.21 printed."""

import pytest

from tests.commands.world import run, world


@pytest.mark.parametrize(
    ("call", "output"),
    [
        ("gettext 'a $b'", "a $b"),
        ("gettext domain 'a b'", "a b"),
        ("gettext -d x -s a b", "a b\n"),
        ("gettext -s -n a b", "a b"),
        ("ngettext file files 1; ngettext file files 0; ngettext d file files 2", "filefilesfiles"),
        ("export A=1 B=2; echo '$A ${B} $C ${A $AB $1 $$A' | envsubst", "1 2  ${A  $1 $1\n"),
        ("export A=1 B=2; echo '$A ${B} $C' | envsubst '$B ${C}'", "$A 2 \n"),
        ("envsubst --variables 'x $A ${B} $A'", "A\nB\nA\n"),
    ],
)
def test_a_message_would_be_another(call: str, output: str) -> None:
    assert run(world(), call.encode())[:2] == (0, output.encode())
