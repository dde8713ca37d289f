"""/etc/mailcap of made-up packages, and what update-mime of mailcap 3.74 made of them in a chroot."""

import json
from pathlib import Path

import pytest

from tests.commands.rooted import rooted
from tests.commands.world import run
from tools.sysimage.core.errors import ToolError

_REAL = json.loads(Path(__file__).with_name("mailcap.json").read_text())


def test_the_mailcap_would_have_other_entries_or_another_order() -> None:
    made = rooted(_REAL["files"])
    assert run(made, b"update-mime --triggered; umask 0")[0] == 0
    assert made.root.tree["etc/mailcap"].read().decode().splitlines() == _REAL["mailcap"]
    assert made.root.tree["etc/mailcap"].mode == 0o644
    assert run(made, b"update-mime --triggered")[0] == 0
    assert made.root.tree["etc/mailcap"].read().decode().splitlines() == _REAL["mailcap"]


def test_a_call_of_another_packages_script_would_make_a_mailcap() -> None:
    made = rooted(_REAL["files"])
    assert run(made, b"DPKG_RUNNING_VERSION=1.22.22 update-mime --anything")[0] == 0
    assert "etc/mailcap" not in made.root.tree


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        ("etc/mailcap.order", "# none\nless:text/*\n", "an order in /etc/mailcap.order"),
        ("etc/update-mime.conf", "", "/etc/update-mime.conf"),
    ],
)
def test_what_an_administrator_says_would_be_passed_over(path: str, text: str, what: str) -> None:
    with pytest.raises(ToolError, match=f"{what} is not modelled"):
        run(rooted({**_REAL["files"], path: text}), b"update-mime --triggered")


def test_a_mailcap_without_its_marks_would_be_written_anew() -> None:
    made = rooted({**_REAL["files"], "etc/mailcap": "mine\n"})
    assert run(made, b"update-mime --triggered")[0] == 0
    assert made.root.tree["etc/mailcap"].read() == b"mine\n"
