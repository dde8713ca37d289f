"""The ledger: no script goes uncovered, and an entry covers its own script alone."""

import hashlib
from pathlib import Path

import pytest

from tests.testing.debs import Deb
from tools.sysimage.effects.ledger import Call, Ledger, Uncovered
from tools.sysimage.errors import ToolError

ADDED = "# Automatically added by dh_greet\ngreet\n# End automatically added section\n"
GREET = f"""[[section]]
tool = "dh_greet"
sha256 = ["{hashlib.sha256(b"greet").hexdigest()}"]
effect = "catalog"
"""


def calls(folder: Path, text: str, extra: str = "", script: str = "postinst") -> list[Call] | Uncovered:
    more = folder / "extra.toml"
    more.write_text(extra)
    return Ledger([more]).calls(Deb("pkg", control={script: text}).load(folder), script)


@pytest.mark.parametrize("text", ["#!/bin/sh\nset -e\n\nexit 0\n", "#!/bin/sh\n# only words\n:\n", ""])
def test_script_that_does_nothing_needs_no_entry(tmp_path: Path, text: str) -> None:
    assert calls(tmp_path, text) == []


def test_unknown_script_says_package_text_and_the_lines_to_add(tmp_path: Path) -> None:
    found = calls(tmp_path, "#!/bin/sh\nuseradd evil\n")
    assert isinstance(found, Uncovered)
    message = found.message()
    for part in ("pkg: postinst", "    useradd evil\n", "[[script]]", 'package = "pkg"', found.sha256):
        assert part in message


def test_entry_covers_the_script_and_no_other(tmp_path: Path) -> None:
    text = "#!/bin/sh\nmkdir /x\n"
    found = calls(tmp_path, text)
    assert isinstance(found, Uncovered)
    entry = f'[[script]]\npackage = "pkg"\nscript = "postinst"\nsha256 = ["{found.sha256}"]\n'
    effects = 'effects = [{ do = "mkdir", path = "x" }]\n'
    assert calls(tmp_path, text, entry + effects) == [Call("mkdir", {"path": "x"})]
    assert calls(tmp_path, text, entry + 'ignore = "a reason"\n') == []
    assert isinstance(calls(tmp_path, text + "rm /y\n", entry + effects), Uncovered)
    assert isinstance(calls(tmp_path, text, entry + effects, script="preinst"), Uncovered)
    # What debhelper adds does not change the rest, whose effects come first.
    for whole in (text + ADDED, text.replace("mkdir", f"{ADDED}mkdir")):
        assert calls(tmp_path, whole, GREET + entry + effects) == [
            Call("mkdir", {"path": "x"}),
            Call("catalog"),
        ]


@pytest.mark.parametrize(
    "entry",
    [
        'sha256 = ["x"]',
        'sha256 = ["x"]\nignore = "y"\neffects = []',
        'ignore = "y"',
        'sha256 = ["x"]\nignore = "y"\nwhy = "z"',
        'sha256 = ["x"]\neffects = [{ do = "nosuch" }]',
        "sha256 = [",
    ],
)
def test_entry_that_says_too_little_or_too_much_is_refused(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ToolError, match=r"extra.toml"):
        calls(tmp_path, "", f'[[script]]\npackage = "p"\nscript = "postinst"\n{entry}\n')
