"""Users and groups."""

import pytest

from tests.testing.roots import GROUP, PASSWD, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import accounts
from tools.sysimage.rootfs import users


def test_numbers_go_down_from_999_groups_before_users() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": 'u! net - "The Net"\ng journal - -\n# a comment\n'})
    accounts.sysusers(root, "a", names=["a.conf"])
    assert root.text("etc/group") == GROUP + "journal:x:999:\nnet:x:998:\n"
    assert root.text("etc/passwd") == PASSWD + "net:x:998:998:The Net:/:/usr/sbin/nologin\n"


def test_each_call_counts_anew_and_skips_what_is_taken() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "g one -", "usr/lib/sysusers.d/b.conf": "g two -"})
    accounts.sysusers(root, "a", names=["a.conf"])
    accounts.sysusers(root, "b", names=["b.conf"])
    assert (root.gid("one"), root.gid("two")) == (999, 998)


def test_shadow_tells_no_date_and_is_unreadable() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "u locked! -\nu! x -\nu y -\n".replace("u locked! -\n", "")})
    accounts.sysusers(root, "a", names=["a.conf"])
    assert root.text("etc/shadow") == "x:!*::::::1:\ny:!*:::::::\n"
    assert root.text("etc/gshadow") == "x:!*::\ny:!*::\n"
    assert root.tree["etc/shadow"].mode == root.tree["etc/gshadow"].mode == 0


def test_files_that_are_there_keep_their_mode() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "u x -"})
    root.write("etc/shadow", "root:*:::::::\n", 0o640)
    accounts.sysusers(root, "a", names=["a.conf"])
    assert root.tree["etc/shadow"].mode == 0o640


def test_account_that_is_there_stays_as_it_is() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "u root 0 - /elsewhere /bin/false\ng mail 77\n"})
    accounts.sysusers(root, "a", names=["a.conf"])
    assert (root.text("etc/passwd"), root.text("etc/group")) == (PASSWD, GROUP)
    assert root.tree.get("etc/shadow") is None


def test_fixed_numbers_primary_group_and_membership() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "u w 33:mail - /var/www -\nm w adm\nm w new\n"})
    accounts.sysusers(root, "a", names=["a.conf"])
    assert "w:x:33:8::/var/www:/usr/sbin/nologin\n" in root.text("etc/passwd")
    assert "adm:*:4:w\n" in root.text("etc/group")
    assert "new:x:999:w\n" in root.text("etc/group")


def test_file_below_etc_overrides_the_packages_one() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "g vendor -", "etc/sysusers.d/a.conf": "g local -"})
    accounts.sysusers(root, "a", names=["a.conf"])
    assert root.gid("local") == 999
    assert root.gid("vendor") is None


def test_line_or_file_that_can_not_be_is_refused() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "q nobody"})
    with pytest.raises(ToolError, match=r"/usr/lib/sysusers.d/a.conf:1: not a line of sysusers.d"):
        accounts.sysusers(root, "a", names=["a.conf"])
    with pytest.raises(ToolError, match=r"a needs sysusers.d/b.conf"):
        accounts.sysusers(root, "a", names=["b.conf"])


def test_no_number_left_is_one_line_and_no_loop() -> None:
    root = make({"usr/lib/sysusers.d/a.conf": "".join(f"g g{i} -\n" for i in range(901))})
    with pytest.raises(ToolError, match="no number from 100 to 999 is free for g900"):
        accounts.sysusers(root, "a", names=["a.conf"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("u app 99999999999999999999", "99999999999999999999"),
        ('u bob 1001 "Bob: admin" /home/bob /bin/sh', "Bob: admin"),
        ("u al 1002:web", "web"),
        ("u app eight", "eight"),
        ("r - 550-", "invalid range of numbers '550-'"),
        ('u app 800 "open', "open"),
        ('u "" 800', "u"),
        ("", "not a line"),
    ],
)
def test_a_users_line_that_systemd_sysusers_refuses_would_break_etc_passwd(line: str, reason: str) -> None:
    root = make({})
    with pytest.raises(ToolError, match=rf"^users: .*{reason}") as caught:
        users.users(root, [line])
    assert "\n" not in str(caught.value)
    assert (root.text("etc/passwd"), root.text("etc/group")) == (PASSWD, GROUP)


def test_user_would_get_another_number_than_its_line_says() -> None:
    # Groups are made first, so the user's own group can't have the number, and the user neither.
    with pytest.raises(ToolError, match=r"^users: 'u app 800': the user number 800 of app is used already; "):
        users.users(make({}), ["u app 800", "g web 800"])


def test_numbers_would_not_be_from_the_range_from_its_end() -> None:
    root = make({})
    users.users(root, ["r - 500-600", "u dyn -", "u next -"])
    assert "dyn:x:600:600:" in root.text("etc/passwd")
    assert "next:x:599:599:" in root.text("etc/passwd")
