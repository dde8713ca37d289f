"""A root filesystem that extends another one: the layer over the base's is the whole."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.testing.debs import Deb, File, Folder, Link
from tests.testing.roots import inode
from tests.testing.small import BASE, INIT, UNIT, content, names, run
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import order
from tools.sysimage.formats import layer, mtree, tar

ACCOUNTS = Deb(
    "accounts",
    {"etc/passwd": "root:*:0:0::/:/bin/sh\n", "etc/group": "root:*:0:\n", "usr/bin/old": File("old", 0o755)},
)
EXTRA = Deb(
    "aaa",
    {
        "usr/bin/extra": File("x", 0o755),
        "usr/bin/old": File("new", 0o755),
        "usr/lib/sysusers.d/aaa.conf": "u aaa -\n",
        "usr/bin/systemd-sysusers": File("x", 0o755),
        f"{UNIT}/extra.service": "[Install]\nWantedBy=multi-user.target\n",
    },
    {"Replaces": "accounts"},
    {
        "postinst": "#!/bin/sh\n# Automatically added by dh_installsysusers/13\n"
        'if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ] || [ "$1" = "abort-deconfigure" ] || '
        '[ "$1" = "abort-remove" ] ; then\n'
        '   systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} aaa.conf\nfi\n'
        "# End automatically added section\n"
    },
)


def tree(entries: Mapping[str, Any]) -> Tree:
    made = Tree()
    for path, node in entries.items():
        made.add(path, inode(node))
    return made


def lines(made: Tree) -> bytes:
    out = io.BytesIO()
    mtree.write(list(made.walk()), out)
    return out.getvalue()


def written(made: Tree) -> io.BytesIO:
    out = io.BytesIO()
    tar.write(made, out)
    out.seek(0)
    return out


def extended(folder: Path, base: Sequence[Deb], debs: Sequence[Deb], **more: Any) -> tuple[Path, Path]:
    """The tars of a base and of what extends it."""
    (folder / "base").mkdir()
    (folder / "top").mkdir()
    below = run(folder / "base", base, users=["u app -"])
    packages = [{"name": deb.name, "sha256": hashlib.sha256(deb.build()).hexdigest()} for deb in base]
    return below, run(
        folder / "top", debs, base=str(below), base_packages=packages, base_users=["u app -"], **more
    )


BELOW: dict[str, Any] = {
    "etc/same": "x",
    "etc/changed": "x",
    "etc/mode": "x",
    "etc/gone": "x",
    "var/gone/a/b": "x",
    "var/to/link/x": "x",
    "var/tofolder": "x",
    "srv/kept": Folder(0o750),
    "srv/kept/x": "x",
}
ABOVE: dict[str, Any] = {
    "etc/same": "x",
    "etc/changed": "y",
    "etc/mode": File("x", 0o600),
    "etc/new/deep/file": "x",
    "var/to/link": Link("/x"),
    "var/tofolder/x": "x",
    "srv/kept": Folder(0o750),
    "srv/kept/x": File("x", 0o4755, 1, 2),
}


def test_layer_over_the_base_is_the_whole() -> None:
    below, above = tree(BELOW), tree(ABOVE)
    made = layer.difference(below, above)
    assert "etc/same" not in made
    assert made["srv/kept"].mode == 0o750
    result = tree(BELOW)
    layer.apply(result, tar.read(written(made), "layer"), "layer")
    assert lines(result) == lines(above)


def test_layer_of_equal_trees_is_empty() -> None:
    assert layer.difference(tree(BELOW), tree(BELOW)).paths() == [""]


def test_what_a_whiteout_hides_whole_has_no_whiteouts_below() -> None:
    made = layer.difference(tree(BELOW), tree(ABOVE))
    assert [path for path in made.paths() if "/.wh." in path] == ["etc/.wh.gone", "var/.wh.gone"]


def test_name_that_a_layer_can_not_hold_is_refused() -> None:
    with pytest.raises(ToolError, match=r"/etc/.wh.x: a name that begins with .wh."):
        layer.difference(Tree(), tree({"etc/.wh.x": ""}))


def test_extension_is_a_layer_of_what_its_packages_bring(tmp_path: Path) -> None:
    below, above = extended(tmp_path, [BASE, INIT, ACCOUNTS], [EXTRA, BASE, INIT, ACCOUNTS])
    entries = names(above)
    assert content(above, "usr/bin/old") == "new"
    assert {"usr/bin/extra", "var/lib/dpkg/status", "var/lib/dpkg/info/aaa.list"} <= set(entries)
    assert not {"usr/bin/init", "etc/init.conf", "var/lib/dpkg/info/init.list"} & set(entries)
    result = Tree()
    for path in (below, above):
        layer.apply(result, tar.read(path.open("rb"), str(path)), str(path))
    assert result["etc/passwd"].read() == content(above, "etc/passwd").encode()


def test_accounts_of_the_base_keep_their_numbers(tmp_path: Path) -> None:
    below, above = extended(tmp_path, [BASE, INIT, ACCOUNTS], [EXTRA, BASE, INIT, ACCOUNTS])
    assert content(above, "etc/passwd").startswith(content(below, "etc/passwd"))
    assert "aaa:x:998:" in content(above, "etc/passwd")


def test_base_whose_packages_are_not_in_the_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="it has the package init, but the set has none of it"):
        extended(tmp_path, [BASE, INIT, ACCOUNTS], [BASE, ACCOUNTS])


def test_base_with_another_version_is_refused(tmp_path: Path) -> None:
    other = Deb("init", INIT.paths, INIT.fields, INIT.control, version="2")
    with pytest.raises(ToolError, match="it has the package init, but the set has another version of it"):
        extended(tmp_path, [BASE, INIT, ACCOUNTS], [BASE, other, ACCOUNTS])


def test_packages_of_the_base_are_installed_before_all_others(tmp_path: Path) -> None:
    debs = [Deb("a", fields={"Essential": "yes"}), Deb("b"), Deb("c", fields={"Depends": "b"})]
    found = order.batches([deb.load(tmp_path) for deb in debs], {"c", "b"})
    assert [[p.name for p in batch.unpack] for batch in found] == [["b", "c"], ["a"]]
