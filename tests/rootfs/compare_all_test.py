"""The comparison of all sets: what makes it fail, and what it says."""

import hashlib
from collections import Counter
from pathlib import Path

from tests.rootfs.compare_all import LOCKS, MORE, Line, families, locks_of_sets, total
from tests.testing.debs import Deb, Folder
from tools.sysimage.core.tree import file
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.effects.ledger import Ledger
from tools.sysimage.formats import tar
from tools.sysimage.rootfs import comparison
from tools.sysimage.rootfs.compare import compare
from tools.sysimage.rootfs.installation import install


def test_a_family_would_count_as_called_by_none_of_its_commands() -> None:
    found = families(Counter({"sed": 2, "adduser": 1, "addgroup": 3, "nosuch": 1}))
    assert found == {"sed": 2, "accounts_adduser": 4}


def test_packages_that_are_no_root_filesystem_would_be_compared_for_a_set_of_their_name() -> None:
    # The image's own lock has a set "kernel", too: two packages that nothing installs.
    where = locks_of_sets()
    assert where["kernel"] == MORE
    assert where["vanilla"] == LOCKS[0]
    assert LOCKS[1] in where.values()
    assert "qemu_x86" not in where


def test_the_total_would_lose_what_a_set_says() -> None:
    lines = [
        Line("a", 1, 10, Counter({"why": 2}), ["x"], Counter({"sed": 1})),
        Line("b", 2, 20, Counter({"why": 1}), [], Counter({"grep": 1})),
    ]
    made = total(lines)
    assert (made.packages, made.paths, made.explained["why"], made.unexplained) == (3, 30, 3, ["x"])
    assert str(made).split() == ["total", "3", "30", "4", "1", "2", "0"]


def test_a_path_that_differs_would_be_no_difference(tmp_path: Path) -> None:
    deb = Deb("mine", {"etc": Folder()}, control={"postinst": "#!/bin/sh\n[ 1 ] && true\n"}).write(tmp_path)
    package = LockedPackage(deb, "mine", "1.0-1", hashlib.sha256(deb.read_bytes()).hexdigest())
    tree = install(dpkg.load_all([package]), "amd64", Ledger(()), tmp_path).world.root.tree
    tree.add("etc/fstab", file(b"of the host"))
    tree.add("etc/passwd", file(b"app:x:12:12:::\n"))
    with (tmp_path / "real.tar").open("wb") as stream:
        tar.write(tree, stream)
    known = [
        entry
        for entry in comparison.explanations()
        if entry.patterns[0].text in ("dev/**", "etc/shadow") and entry.ours != "extra"
    ]
    made = compare([package], "amd64", Ledger(()), tmp_path, known=known, real=tmp_path / "real.tar")
    assert list(made.explained.values()) == [1]
    assert [line.partition(":")[0] for line in made.unexplained] == ["etc/passwd"]
    assert [entry.patterns[0].text for entry in made.unused] == ["etc/shadow"]
