"""Configuration that scripts make: ucf, and modes and owners of what is there."""

import hashlib

import pytest

from tests.testing.debs import File, Folder
from tests.testing.roots import make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import files, ucf


def test_ucf_copies_and_records_the_file_and_its_package() -> None:
    root = make({"usr/share/x.conf": File("x\n", 0o640)})
    ucf.ucf(root, "p", source="usr/share/x.conf", to="etc/x/x.conf")
    ucf.ucf(root, "p", source="usr/share/x.conf", to="etc/x/x.conf")
    assert (root.text("etc/x/x.conf"), root.tree["etc/x/x.conf"].mode) == ("x\n", 0o640)
    assert root.tree["var/lib/ucf/cache/:etc:x:x.conf"].mode == 0o640
    assert root.text("var/lib/ucf/hashfile") == f"{hashlib.md5(b'x\n').hexdigest()}  /etc/x/x.conf\n"
    assert root.text("var/lib/ucf/registry") == "p \t /etc/x/x.conf\n"


def test_mode_and_owner_of_a_packages_file_are_set() -> None:
    root = make({"var/spool/x": Folder()})
    files.own(root, "p", path="var/spool/x", mode=0o1730, owner="root:mail")
    assert (root.tree["var/spool/x"].mode, root.tree["var/spool/x"].gid) == (0o1730, 8)
    files.own(root, "p", path="var/spool/x", mode=0o700)
    assert (root.tree["var/spool/x"].mode, root.tree["var/spool/x"].gid) == (0o700, 8)
    with pytest.raises(ToolError, match="p needs /var/y"):
        files.own(root, "p", path="var/y", mode=0o700)
