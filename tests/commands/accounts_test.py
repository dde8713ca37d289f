"""Compares commands on accounts with what trixie's programs did in a chroot (accounts_record.py)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.accounts_record import FILES, FOLDERS, SKELETON
from tests.commands.world import run, world
from tools.sysimage.commands.world import World
from tools.sysimage.core.tree import directory

_RECORDED = json.loads(Path(__file__).with_name("accounts.json").read_text())


def _world() -> World:
    files = {f"etc/{name}": text.encode() for name, text in _RECORDED["base"].items()}
    made = world(files | {f"etc/skel/{name}": b"" for name in SKELETON})
    for folder in FOLDERS:
        if folder not in made.root.tree:
            made.root.tree.add(folder, directory())
    return made


@pytest.mark.parametrize("case", _RECORDED["cases"], ids=lambda case: case["script"][:40])
def test_accounts_would_not_be_those_of_the_real_programs(case: dict[str, Any]) -> None:
    made = _world()
    _, stdout, _ = run(made, case["script"].encode())
    tree = made.root.tree
    assert {name: made.root.text(f"etc/{name}") for name in FILES[:6]} == case["files"]
    folders = [
        f"{path} {inode.mode:o} {inode.uid}:{inode.gid}"
        for folder in FOLDERS
        for path, inode in tree.walk(folder)
        if path != folder and (inode.uid or path.startswith("home/"))
    ]
    assert folders == case["folders"]
    assert stdout.decode() == case["stdout"]


def test_a_level_of_messages_that_is_the_default_would_end_the_build() -> None:
    made, other = _world(), _world()
    assert run(made, b"adduser --system --stdoutmsglevel=warn a")[:2] == (0, b"")
    run(other, b"adduser --system a")
    assert made.root.text("etc/passwd") == other.root.text("etc/passwd") != _RECORDED["base"]["passwd"]
