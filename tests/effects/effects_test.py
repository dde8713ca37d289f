"""The small effects: files, shells, overrides, message catalog."""

import struct

import pytest

from tests.testing.debs import File, Folder, Link, Node
from tests.testing.roots import links, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects import alternatives, catalog, files, overrides, shells


def test_copy_keeps_mode_and_owner_and_spares_what_is_there() -> None:
    root = make({"usr/share/x": File("new", 0o600, 1, 2), "etc/old": "mine"})
    files.copy(root, "p", source="usr/share/x", to="root/.x")
    files.copy(root, "p", source="usr/share/x", to="etc/old")
    inode = root.tree["root/.x"]
    assert (inode.read(), inode.mode, inode.uid, inode.gid) == (b"new", 0o600, 1, 2)
    assert root.text("etc/old") == "mine"
    with pytest.raises(ToolError, match="p needs /usr/share/y"):
        files.copy(root, "p", source="usr/share/y", to="z")


def test_directory_gets_the_named_owner_and_spares_what_is_there() -> None:
    root = make({"srv": Folder(0o700)})
    files.mkdir(root, "p", path="var/mail", mode=0o2775, owner="root:mail")
    files.mkdir(root, "p", path="srv")
    assert (root.tree["var/mail"].mode, root.tree["var/mail"].gid) == (0o2775, 8)
    assert root.tree["srv"].mode == 0o700
    with pytest.raises(ToolError, match="no user or group root:nosuch"):
        files.mkdir(root, "p", path="x", owner="root:nosuch")


def test_folder_becomes_a_link_only_if_it_is_empty() -> None:
    root = make({"var/run": Folder(), "var/full/x": ""})
    files.link(root, "p", path="var/run", target="/run", replace=True)
    assert root.tree["var/run"].kind is Kind.SYMLINK
    with pytest.raises(ToolError, match="/var/full would become a link but is a directory that is not empty"):
        files.link(root, "p", path="var/full", target="/x", replace=True)


def test_touch_changes_mode_and_owner_but_no_content() -> None:
    root = make({"var/log/x": "kept"})
    files.touch(root, "p", path="var/log/x", mode=0o660, owner="root:mail")
    files.touch(root, "p", path="etc/new")
    assert (root.text("var/log/x"), root.tree["var/log/x"].mode, root.tree["var/log/x"].gid) == (
        "kept",
        0o660,
        8,
    )
    assert root.tree["etc/new"].read() == b""


def test_link_to_an_alternative_is_made_where_there_is_one() -> None:
    root = make({"usr/lib/nvidia/libx.so.1": ""})
    for name in ("libx.so.1", "liby.so.1"):
        alternatives.link_if_there(root, "p", link=f"usr/lib/{name}", target=f"nvidia/{name}")
    assert links(root) == {"usr/lib/libx.so.1": "nvidia/libx.so.1"}


SHELLS: dict[str, Node] = {
    "usr/share/debianutils/shells": "# /etc/shells\n/bin/sh\n",
    "usr/share/debianutils/shells.d/bash": "/bin/bash\n# no shell\n",
    "usr/share/debianutils/shells.d/zzz": "/usr/bin/zsh\n",
    "bin": Link("usr/bin"),
    "usr/bin": Folder(),
}


def test_shells_are_listed_under_both_names_once() -> None:
    root = make(SHELLS)
    shells.update_shells(root, "p")
    expected = "/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/usr/bin/zsh\n"
    assert root.text("etc/shells") == "# /etc/shells\n" + expected
    assert root.text("var/lib/shells.state") == expected
    shells.update_shells(root, "p")
    assert root.text("etc/shells") == "# /etc/shells\n" + expected


def test_shell_that_was_taken_out_stays_out_and_a_local_one_in() -> None:
    root = make(
        {
            **SHELLS,
            "etc/shells": "/bin/sh\n/opt/mine\n/bin/gone\n",
            "var/lib/shells.state": "/bin/bash\n/bin/gone\n",
        }
    )
    shells.update_shells(root, "p")
    assert root.text("etc/shells") == "/bin/sh\n/opt/mine\n/usr/bin/sh\n/usr/bin/bash\n/usr/bin/zsh\n"


def test_statoverride_changes_the_file_and_is_recorded() -> None:
    root = make({"usr/lib/helper": ""})
    overrides.statoverride(root, "p", path="usr/lib/helper", owner="root:mail", mode=0o4754)
    inode = root.tree["usr/lib/helper"]
    assert (inode.mode, inode.gid) == (0o4754, 8)
    assert root.overrides == {"usr/lib/helper": "root mail 4754 /usr/lib/helper"}


def test_statoverride_waits_for_what_is_made_later_if_the_ledger_says_so() -> None:
    root = make()
    overrides.statoverride(root, "p", path="var/log/x", owner="root:mail", mode=0o750, later=True)
    assert root.overrides == {"var/log/x": "root mail 750 /var/log/x"}
    with pytest.raises(ToolError, match="p needs /var/log/y"):
        overrides.statoverride(root, "p", path="var/log/y", owner="root:mail", mode=0o750)


def test_catalog_is_sorted_by_id_and_language_and_shares_texts() -> None:
    first, second = "f" * 32, "0" * 32
    root = make(
        {
            "usr/lib/systemd/catalog/a.catalog": (
                f"# c\n\n-- {first}\nSubject: x\n\nBody\n\n-- {second}\nSubject: x\n\nBody\n"
            ),
            "usr/lib/systemd/catalog/a.de.catalog": f"\n-- {first}\nBetreff: y\n",
        }
    )
    catalog.update(root, "p")
    data = root.tree["var/lib/systemd/catalog/database"].read()
    signature, size, count, width = struct.unpack_from("<8s8xQQQ", data)
    assert (signature, size, count, width) == (b"RHHHKSLP", 40, 3, 56)
    items = [struct.unpack_from("<16s32sQ", data, size + width * index) for index in range(count)]
    assert [(item[0].hex(), item[1].rstrip(b"\0")) for item in items] == [
        (second, b""),
        (first, b""),
        (first, b"de"),
    ]
    assert items[0][2] == items[1][2]
    strings = data[size + width * count :]
    assert strings[items[0][2] :].startswith(b"Subject: x\n\nBody\n\0")


def test_catalog_with_text_before_its_first_id_is_refused() -> None:
    with pytest.raises(ToolError, match=r"/usr/lib/systemd/catalog/a.catalog:1: text before"):
        catalog.update(make({"usr/lib/systemd/catalog/a.catalog": "hello\n"}), "p")
