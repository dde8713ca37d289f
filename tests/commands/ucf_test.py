"""Compares ucf and ucfr with the trees that ucf 3.0052 left in a chroot, by debconf 1.5.91."""

import json
from pathlib import Path

import pytest

from tests.commands.debconf_world import configure, make
from tests.commands.rooted import rooted
from tests.commands.world import run
from tools.sysimage.core.tree import Inode, Kind, directory, symlink

_CASES = json.loads((Path(__file__).parent / "ucf.json").read_text(encoding="utf-8"))
_TEMPLATES = b"""Template: ucf/changeprompt
Type: select
Choices: install, keep, diff
Choices-C: install_new, keep_current, diff
Default: keep_current
Description: What do you want to do about modified configuration file ${BASENAME}?

Template: ucf/changeprompt_threeway
Type: select
Choices: install, keep, merge
Choices-C: install_new, keep_current, merge_threeway
Default: keep_current
Description: What do you want to do about modified configuration file ${BASENAME}?
"""


def _describe(inode: Inode) -> str:
    if inode.kind is Kind.SYMLINK:
        return f"l {inode.target}"
    if inode.kind is Kind.DIRECTORY:
        return f"d {inode.mode:o}"
    return f"f {inode.mode:o} {inode.read()[:300]!r}"


# ucf reads its options by `getopt -a`: one hyphen is enough.
@pytest.mark.parametrize("hyphens", ["--", "-"])
@pytest.mark.parametrize("number", range(len(_CASES)))
def test_a_configuration_file_would_be_another_than_ucfs(number: int, hyphens: str) -> None:
    case = dict(_CASES[number])
    for option in ("three-way", "debconf-ok", "purge"):
        case["script"] = case["script"].replace(f" --{option} ", f" {hyphens}{option} ")
    made = make(
        {
            "var/lib/dpkg/info/zz.postinst": case["script"].encode(),
            "var/lib/dpkg/info/p.postinst": case["script"].encode(),
        }
    )
    tree = made.root.tree
    texts = {
        "var/lib/dpkg/info/ucf.templates": _TEMPLATES,
        "var/lib/dpkg/diversions": case["diversions"].encode(),
        "var/lib/ucf/hashfile": b"",
        "var/lib/ucf/registry": b"",
        **{f"work/{path}": text.encode() for path, (text, _) in case["files"].items()},
    }
    for path in ("work/etc", "work/etc/sub", "work/src", *_parents(texts)):
        if path not in tree:
            tree.add(path, directory())
    for path, data in texts.items():
        made.files.write(f"/{path}", data)
    for path, (_, mode) in case["files"].items():
        tree[f"work/{path}"].mode = mode
    tree.add("work/etc/link", symlink("b"))
    tree.add("work/etc/dead", symlink("nix/da"))
    status = configure(made, case["script"].encode())[0]
    found = {
        path: _describe(inode)
        for base in ("work", "var/lib/ucf")
        for path, inode in tree.walk(base)
        if path not in (base, "work/stdout")
    }
    assert (status, found) == (case["status"], {k: v for k, v in case["tree"].items() if k != "work/stdout"})


def _parents(paths: dict[str, bytes]) -> list[str]:
    found = {"/".join(path.split("/")[:count]) for path in paths for count in range(1, path.count("/") + 1)}
    return sorted(found)


def test_the_records_would_not_have_the_modes_of_the_callers_mask() -> None:
    made = rooted({"var/lib/ucf": None, "new": "x", "etc": None})
    assert run(made, b"umask 066; ucf /new /etc/x")[0] == 0
    # As in a chroot with nbd-server.
    assert made.root.tree["var/lib/ucf/cache"].mode == 0o711
    assert made.root.tree["var/lib/ucf/hashfile"].mode == 0o600
    assert run(made, b"ucf /new /etc/y")[0] == 0
    assert made.root.tree["var/lib/ucf/hashfile"].mode == 0o644
