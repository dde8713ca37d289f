"""adduser(8) and addgroup(8)."""

import pytest

from tests.testing.roots import GROUP, PASSWD, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import adduser
from tools.sysimage.effects.root import Root

USERS = "users:*:100:\n"


def rooted(**more: str) -> Root:
    return make({"etc/group": GROUP + USERS, **{f"etc/{name}": text for name, text in more.items()}})


def test_numbers_are_the_first_free_ones_from_100_for_user_and_group_apart() -> None:
    root = rooted()
    adduser.addgroup(root, "p", name="_ssh")
    adduser.adduser(root, "p", name="_chrony", group=True, home="/var/lib/chrony", comment="Chrony daemon")
    assert root.text("etc/group") == f"{GROUP}{USERS}_ssh:x:101:\n_chrony:x:102:\n"
    assert root.text("etc/passwd") == (
        f"{PASSWD}_chrony:x:100:102:Chrony daemon:/var/lib/chrony:/usr/sbin/nologin\n"
    )


def test_user_without_a_group_is_in_nogroup() -> None:
    root = rooted()
    adduser.adduser(root, "p", name="x", shell="/bin/sh")
    assert root.text("etc/passwd") == f"{PASSWD}x:x:100:65534::/nonexistent:/bin/sh\n"
    assert root.text("etc/group") == GROUP + USERS


def test_account_that_is_there_stays_as_it_is() -> None:
    root = rooted()
    adduser.adduser(root, "p", name="nobody", group=True)
    adduser.addgroup(root, "p", name="mail")
    assert (root.text("etc/passwd"), root.text("etc/group")) == (PASSWD, GROUP + USERS)


def test_shadow_is_written_where_there_is_one_and_tells_no_date() -> None:
    root = rooted(shadow="root:*:::::::\n", gshadow="root:*::\n")
    adduser.adduser(root, "p", name="x", group=True)
    assert root.text("etc/shadow") == "root:*:::::::\nx:!:::::::\n"
    assert root.text("etc/gshadow") == "root:*::\nx:!::\n"
    root = rooted()
    adduser.adduser(root, "p", name="x", group=True)
    assert root.tree.get("etc/shadow") is None


def test_member_is_added_to_both_files_and_an_unknown_group_refused() -> None:
    root = rooted(gshadow="mail:*::\n")
    adduser.add_member(root, "p", user="nobody", group="mail")
    adduser.add_member(root, "p", user="nobody", group="mail")
    assert "mail:*:8:nobody\n" in root.text("etc/group")
    assert root.text("etc/gshadow") == "mail:*::nobody\n"
    with pytest.raises(ToolError, match="no group nosuch for nobody"):
        adduser.add_member(root, "p", user="nobody", group="nosuch")


def test_no_free_number_is_an_error() -> None:
    lines = "".join(f"g{number}:*:{number}:\n" for number in range(100, 1000))
    with pytest.raises(ToolError, match="no number from 100 to 999 is free for x"):
        adduser.addgroup(make({"etc/group": lines}), "p", name="x")
