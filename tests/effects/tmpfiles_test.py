"""tmpfiles.d at build time."""

import pytest

from tests.testing.debs import File, Folder, Link
from tests.testing.roots import make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects import tmpfiles
from tools.sysimage.effects.root import Root


def applied(lines: str, paths: dict[str, str | File | Folder | Link] | None = None) -> Root:
    root = make({"usr/lib/tmpfiles.d/a.conf": lines, **(paths or {})})
    tmpfiles.tmpfiles(root, "a", names=["a.conf"])
    return root


def test_directory_gets_mode_and_owner_also_if_it_is_there() -> None:
    tree = applied("d /var/lib/x 0750 root mail -\nd /srv 0711\n", {"srv": Folder(0o755)}).tree
    assert (tree["var/lib/x"].mode, tree["var/lib/x"].gid) == (0o750, 8)
    assert tree["var/lib"].mode == 0o755
    assert tree["srv"].mode == 0o711


def test_colon_keeps_what_is_there() -> None:
    tree = applied("d- /root :0700 :root :mail\nd- /root/.ssh :0700 - :mail\n", {"root": Folder(0o750)}).tree
    assert (tree["root"].mode, tree["root"].gid) == (0o750, 0)
    assert (tree["root/.ssh"].mode, tree["root/.ssh"].gid) == (0o700, 8)


def test_link_is_made_once_and_replaced_only_with_plus() -> None:
    tree = applied(
        "L /a - - - - /x\nL /b - - - - /x\nL+ /c - - - - ../y\nL$ /d - - - - z\n", {"b": "mine", "c": "old"}
    ).tree
    assert (tree["a"].target, tree["b"].kind, tree["c"].target, tree["d"].target) == (
        "/x",
        Kind.FILE,
        "../y",
        "z",
    )


def test_link_follows_the_folder_that_is_a_link() -> None:
    tree = applied("L /var/run/x - - - - y\n", {"run": Folder(), "var/run": Link("/run")}).tree
    assert tree["run/x"].target == "y"


def test_lines_for_the_boot_the_kernel_or_a_credential_do_nothing() -> None:
    lines = (
        "d! /tmp/x 1777\nf^ /etc/motd - - - - login.motd\nz /dev/kvm 0666\nc /x - - - - 1:3\nr /etc/passwd\n"
    )
    before = make().tree.paths()
    after = applied(lines).tree.paths()
    assert set(after) - set(before) == {"usr", "usr/lib", "usr/lib/tmpfiles.d", "usr/lib/tmpfiles.d/a.conf"}


def test_lines_with_the_machines_id_are_left_to_the_boot() -> None:
    assert "var/log/journal" not in applied("d /var/log/journal/%m\nd /x%%y\n").tree
    assert "x%y" in applied("d /x%%y\n").tree


def test_the_first_of_two_lines_for_a_path_holds() -> None:
    assert applied("d /run/lock 1777\nd /run/lock 0755\n").tree["run/lock"].mode == 0o1777


def test_file_with_content_and_its_escapes() -> None:
    tree = applied(
        "f /etc/a 0600 - - - one\\ntwo\nf+ /etc/b - - - - new\nf /etc/c - - - - new\n",
        {"etc/b": "old", "etc/c": "old"},
    ).tree
    assert (tree["etc/a"].read(), tree["etc/a"].mode) == (b"one\ntwo", 0o600)
    assert (tree["etc/b"].read(), tree["etc/c"].read()) == (b"new", b"old")


def test_copy_takes_a_folder_with_all_in_it_unless_one_is_there() -> None:
    paths: dict[str, str | File | Folder | Link] = {"usr/share/factory/etc/x/y": "z", "usr/s": "t"}
    tree = applied("C /etc/x\nC /etc/passwd - - - - /usr/s\nC /etc/none\n", paths).tree
    assert tree["etc/x/y"].read() == b"z"
    assert tree["etc/passwd"].read() != b"t"
    assert "etc/none" not in tree


def test_z_changes_what_the_pattern_finds_and_capital_z_all_below() -> None:
    paths: dict[str, str | File | Folder | Link] = {"v/a1": "", "v/b": "", "w/x/y": File("", 0o644)}
    tree = applied("z /v/a* 0600 - mail\nZ /w ~0777\n", paths).tree
    assert (tree["v/a1"].mode, tree["v/a1"].gid, tree["v/b"].mode) == (0o600, 8, 0o644)
    assert (tree["w"].mode, tree["w/x/y"].mode) == (0o777, 0o666)


def test_acl_is_stored_as_linux_does() -> None:
    # As systemd 257 on Debian made it for /var/log/journal.
    expected = "0200000001000700ffffffff04000500ffffffff080005000400000010000500ffffffff20000500ffffffff"
    line = "a+ /var/log/journal - - - - d:group::r-x,d:group:adm:r-x,group::r-x,group:adm:r-x\n"
    inode = applied(line, {"var/log/journal": Folder(0o2755)}).tree["var/log/journal"]
    assert inode.xattrs["system.posix_acl_access"].hex() == expected
    assert inode.xattrs["system.posix_acl_default"].hex() == expected


def test_unknown_group_skips_the_line_as_systemd_does() -> None:
    assert applied("z /etc/passwd 0600 - nosuch\n").tree["etc/passwd"].mode == 0o644


def test_line_that_can_not_be_is_refused() -> None:
    with pytest.raises(ToolError, match=r"/usr/lib/tmpfiles.d/a.conf:2: not a line of tmpfiles.d"):
        applied("# fine\nk /x\n")


def test_run_is_empty_but_for_the_lock_folder() -> None:
    root = make({"run/lock/subsys": Folder(), "run/user": Folder(), "run/x": ""})
    tmpfiles.clean(root)
    assert root.tree.below("run") == ["run/lock", "run/lock/subsys"]


def test_what_a_script_makes_in_tmp_would_be_in_the_image() -> None:
    root = make({"tmp/.X11-unix": Folder(0o1777), "tmp/x/y": ""})
    tmpfiles.clean(root)
    assert (root.tree.below("tmp"), "tmp" in root.tree) == ([], True)


def test_what_is_closed_would_be_opened_by_a_line_that_gives_no_mode() -> None:
    paths: dict[str, str | File | Folder | Link] = {
        "var/dir": Folder(0o700),
        "etc/a": File("old", 0o600),
        "opt": Folder(0o711),
    }
    tree = applied("d /var/dir\nf /etc/a\nv /opt - - - -\n", paths).tree
    assert [tree[path].mode for path in ("var/dir", "etc/a", "opt")] == [0o700, 0o600, 0o711]
    assert tree["etc/a"].read() == b"old"


@pytest.mark.parametrize("who", ["nosuchuser -", "- nosuchgroup"])
def test_a_secret_of_nobody_would_be_roots_and_readable(who: str) -> None:
    assert "etc/secret" not in applied(f"f /etc/secret 0600 {who} - key\n").tree


def test_a_folder_in_a_folder_of_a_group_would_hand_its_group_on() -> None:
    tree = applied("d /srv/new/x\nd= /srv/other/x\n", {"srv": Folder(0o2775)}).tree
    assert (tree["srv/new"].mode, tree["srv/new/x"].mode) == (0o755, 0o755)
    assert (tree["srv/other"].mode, tree["srv/other/x"].mode) == (0o2755, 0o2755)


def test_a_folder_below_a_file_would_be_an_error_that_systemd_does_not_make() -> None:
    applied("d /etc/passwd/x\ne /var/../srv 0700\n", {"srv": Folder(0o755), "var": Folder()})


def test_braces_would_stand_for_other_patterns_or_for_more_than_there_is_memory() -> None:
    paths: dict[str, str | File | Folder | Link] = {
        f"srv/{name}": "x" for name in ("ab", "ac", "b", "{}", "{x")
    }
    root = applied("z /srv/{a{b,c},b} 0600\nz /srv/{} 0640\nz /srv/{x 0604\n", paths)
    found = {name.removeprefix("srv/"): root.tree[name].mode for name in paths}
    assert found == {"ab": 0o600, "ac": 0o600, "b": 0o600, "{}": 0o640, "{x": 0o604}
    for pattern in ("{a,b}" * 40, "{a}" * 2000, "{" * 3000 + "}" * 3000):
        with pytest.raises(ToolError, match=r"/srv/\{.*…: stands for more than 10000 patterns, or is longer"):
            applied(f"z /srv/{pattern} 0600\n")
    applied(f"z /srv/{'{a}' * 1000} 0600\nz /srv/{'{' * 1500 + '}' * 1500} 0600\nz /srv/{'[' * 4000} 0600\n")


def test_root_would_be_above_what_other_lines_make() -> None:
    # systemd-tmpfiles makes first what is above a path, and takes the root for nothing's.
    root = applied("d /srv/x 0755\nZ / 0711\n")
    assert root.tree["srv/x"].mode == 0o711
    root = applied("d /srv/x/y 0755\nZ /srv/x 0711\n", {"srv/x": Folder()})
    assert root.tree["srv/x/y"].mode == 0o755


@pytest.mark.parametrize("name", ["t\u00e9", "a:b", "a/b", "..", "x" * 256, ""])
def test_credential_without_a_name_that_can_be_would_be_passed_over(name: str) -> None:
    with pytest.raises(ToolError, match=r"Credential name not valid|not a line of tmpfiles"):
        applied(f"f^ /srv/a 0600 - - - {name}\n")
