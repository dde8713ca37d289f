"""What layers do to a tree: the rules of the OCI image-spec's layer.md, one small image a rule."""

import io
import tarfile

import pytest

from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.formats import layer
from tools.sysimage.formats.tar import read


def flat(*layers: list[Entry]) -> Tree:
    tree = Tree()
    for number, entries in enumerate(layers, 1):
        where = f"layer {number}"
        layer.apply(tree, read(io.BytesIO(tar(*entries)), where, layer=True), where)
    return tree


def shown(tree: Tree) -> dict[str, str]:
    """Path → content, "→ target" or "/"."""
    found = {}
    for path in tree.paths():
        inode = tree[path]
        if inode.kind is Kind.FILE:
            found[path] = inode.read().decode()
        elif path:
            found[path] = f"→ {inode.target}" if inode.kind is Kind.SYMLINK else "/"
    return found


# Whiteouts


def test_whiteout_removes_a_file_and_leaves_no_trace() -> None:
    assert shown(flat([entry("a", b"1"), entry("b", b"2")], [entry(".wh.a")])) == {"b": "2"}


def test_whiteout_removes_a_directory_with_all_that_is_in_it() -> None:
    assert shown(flat([entry("d/"), entry("d/e/"), entry("d/e/f", b"1")], [entry(".wh.d")])) == {}


def test_whiteout_of_what_does_not_exist_is_nothing() -> None:
    assert shown(flat([entry("a", b"1")], [entry("none/.wh.x"), entry(".wh.y")])) == {"a": "1"}


@pytest.mark.parametrize("whiteout_first", [True, False])
def test_whiteout_hides_only_what_is_below_wherever_it_stands(whiteout_first: bool) -> None:
    top = [entry(".wh.d"), entry("d/"), entry("d/new", b"n")]
    if not whiteout_first:
        top = top[1:] + top[:1]
    assert shown(flat([entry("d/"), entry("d/old", b"o")], top)) == {"d": "/", "d/new": "n"}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_opaque_whiteout_hides_lower_children_wherever_it_stands(place: int) -> None:
    top = [entry("d/", mode=0o700), entry("d/new", b"n")]
    top.insert(place, entry("d/.wh..wh..opq"))
    tree = flat([entry("d/"), entry("d/old", b"o"), entry("d/sub/"), entry("d/sub/x", b"x")], top)
    assert shown(tree) == {"d": "/", "d/new": "n"}
    assert tree["d"].mode == 0o700


def test_opaque_whiteout_keeps_the_directory_itself() -> None:
    tree = flat([entry("d/", mode=0o711), entry("d/old", b"o")], [entry("d/.wh..wh..opq")])
    assert shown(tree) == {"d": "/"}
    assert tree["d"].mode == 0o711


def test_opaque_whiteout_of_the_root_hides_all_below() -> None:
    assert shown(flat([entry("a", b"1")], [entry("b", b"2"), entry(".wh..wh..opq")])) == {"b": "2"}


def test_opaque_whiteout_below_a_new_directory_does_not_go_where_the_old_link_led() -> None:
    below = [entry("usr/"), entry("usr/lib/"), entry("usr/lib/libc", b"c"), symlink("lib", "usr/lib")]
    tree = flat(below, [entry("lib/"), entry("lib/.wh..wh..opq"), entry("lib/x", b"x")])
    assert shown(tree) == {"lib": "/", "lib/x": "x", "usr": "/", "usr/lib": "/", "usr/lib/libc": "c"}


def test_whiteout_goes_through_a_link_of_a_lower_layer() -> None:
    below = [entry("usr/lib/"), entry("usr/lib/a", b"a"), symlink("lib", "usr/lib")]
    assert "usr/lib/a" not in flat(below, [entry("lib/.wh.a")])


@pytest.mark.parametrize("first", [True, False])
def test_a_whiteout_below_a_link_that_is_hidden_too_does_not_go_where_it_led(first: bool) -> None:
    below = [entry("usr/lib/"), entry("usr/lib/a", b"a"), symlink("lib", "usr/lib")]
    whiteouts = [entry("lib/.wh.a"), entry(".wh.lib")]
    tree = flat(below, [*(whiteouts if first else whiteouts[::-1]), entry("lib/b", b"b")])
    assert shown(tree) == {"lib": "/", "lib/b": "b", "usr": "/", "usr/lib": "/", "usr/lib/a": "a"}


def test_whiteout_removes_a_link_and_not_what_it_leads_to() -> None:
    assert shown(flat([entry("d/"), symlink("l", "d")], [entry(".wh.l")])) == {"d": "/"}


def test_whiteouts_in_the_only_layer_leave_no_trace() -> None:
    assert shown(flat([entry("d/"), entry("d/.wh..wh..opq"), entry("d/.wh.x"), entry("d/y", b"y")])) == {
        "d": "/",
        "d/y": "y",
    }


@pytest.mark.parametrize("name", [".wh.", "d/.wh.", ".wh..", ".wh..."])
def test_a_whiteout_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ToolError, match=r"layer 2: entry .*a whiteout has to name what it hides"):
        flat([entry("d/")], [entry(name)])


def test_nothing_can_be_below_a_whiteout() -> None:
    with pytest.raises(ToolError, match=r"layer 1: entry '\.wh\.d/x'"):
        flat([entry(".wh.d/x", b"")])


def test_bookkeeping_of_aufs_is_no_part_of_the_image() -> None:
    assert (
        shown(flat([entry(".wh..wh.aufs", b""), entry(".wh..wh.plnk/"), entry(".wh..wh.plnk/1.2", b"")]))
        == {}
    )


# Replacing


def test_a_directory_over_a_directory_changes_its_metadata_and_keeps_its_children() -> None:
    tree = flat([entry("d/"), entry("d/a", b"1")], [entry("d/", mode=0o1770, uid=4)])
    assert shown(tree) == {"d": "/", "d/a": "1"}
    assert (tree["d"].mode, tree["d"].uid) == (0o1770, 4)


def test_a_file_replaces_a_directory_with_all_that_is_in_it() -> None:
    assert shown(flat([entry("d/"), entry("d/a", b"1")], [entry("d", b"file")])) == {"d": "file"}


def test_a_directory_replaces_a_file() -> None:
    assert shown(flat([entry("d", b"file")], [entry("d/"), entry("d/a", b"1")])) == {"d": "/", "d/a": "1"}


def test_a_directory_replaces_a_link_to_a_directory() -> None:
    tree = flat([entry("t/"), entry("t/a", b"1"), symlink("d", "t")], [entry("d/"), entry("d/b", b"2")])
    assert shown(tree) == {"d": "/", "d/b": "2", "t": "/", "t/a": "1"}


def test_a_file_replaces_a_link_and_not_what_it_leads_to() -> None:
    tree = flat([entry("t", b"1"), symlink("l", "t")], [entry("l", b"2")])
    assert shown(tree) == {"l": "2", "t": "1"}


def test_attributes_are_replaced_not_merged() -> None:
    with_attribute = entry("f", b"", pax={"SCHILY.xattr.user.a": "1"})
    assert flat([with_attribute], [entry("f", b"")])["f"].xattrs == {}


def test_the_root_takes_metadata_and_keeps_its_children() -> None:
    tree = flat([entry("./", mode=0o755), entry("./a", b"1")], [entry("./", mode=0o700)])
    assert shown(tree) == {"a": "1"}
    assert tree[""].mode == 0o700


def test_the_root_can_be_nothing_but_a_directory() -> None:
    with pytest.raises(ToolError, match=r"layer 1: entry '\.': the root can't be a link"):
        flat([entry(".", kind=tarfile.SYMTYPE, link="/etc")])


def test_of_a_path_that_is_there_twice_the_last_counts() -> None:
    assert shown(flat([entry("a", b"1"), entry("a", b"2")])) == {"a": "2"}


def test_missing_parents_are_made() -> None:
    tree = flat([entry("a/b/c", b"1")])
    assert shown(tree) == {"a": "/", "a/b": "/", "a/b/c": "1"}
    assert (tree["a/b"].mode, tree["a/b"].uid) == (0o755, 0)


# Hard links


def test_hard_links_share_an_inode() -> None:
    tree = flat([entry("a", b"1"), hardlink("b", "a")])
    assert tree["a"] is tree["b"]


def test_a_hard_link_across_layers() -> None:
    tree = flat([entry("a", b"1")], [hardlink("b", "a")])
    assert tree["a"] is tree["b"]


@pytest.mark.parametrize("top", [entry("a", b"new"), entry(".wh.a"), entry("a/")])
def test_a_hard_link_keeps_its_content_when_its_target_is_replaced_or_removed(top: Entry) -> None:
    tree = flat([entry("a", b"old"), hardlink("b", "a")], [top])
    assert tree["b"].read() == b"old"
    assert tree.get("a") is not tree["b"]


@pytest.mark.parametrize("replaced", ["t1", "t2", "t3"])
def test_whichever_name_of_a_file_is_replaced_the_others_keep_their_content(replaced: str) -> None:
    tree = flat([entry("t2", b"old"), hardlink("t1", "t2"), hardlink("t3", "t2")], [entry(replaced, b"new")])
    assert shown(tree) == {"t1": "old", "t2": "old", "t3": "old"} | {replaced: "new"}


def test_a_hard_link_takes_what_its_target_is_at_that_moment() -> None:
    tree = flat([entry("a", b"old")], [entry("a", b"new"), hardlink("b", "a")])
    assert tree["b"].read() == b"new"


def test_a_hard_link_to_a_symbolic_link_is_one_too() -> None:
    assert shown(flat([symlink("l", "/etc"), hardlink("m", "l")])) == {"l": "→ /etc", "m": "→ /etc"}


def test_a_hard_link_to_itself_by_another_name_changes_nothing() -> None:
    tree = flat([entry("usr/lib/a", b"1"), symlink("lib", "usr/lib")], [hardlink("lib/a", "usr/lib/a")])
    assert tree["usr/lib/a"].read() == b"1"


@pytest.mark.parametrize(("target", "what"), [("none", "does not exist"), ("d", "to the directory")])
def test_a_hard_link_to_nothing_or_to_a_directory_is_refused(target: str, what: str) -> None:
    with pytest.raises(ToolError, match=f"layer 1: entry 'b': .*{what}"):
        flat([entry("d/"), hardlink("b", target)])


# Links in paths


def test_a_path_through_a_link_of_a_lower_layer_goes_where_it_leads() -> None:
    below = [entry("usr/"), entry("usr/lib/"), symlink("lib", "usr/lib")]
    assert shown(flat(below, [entry("lib/x", b"x")])) == {
        "lib": "→ usr/lib",
        "usr": "/",
        "usr/lib": "/",
        "usr/lib/x": "x",
    }


@pytest.mark.parametrize("target", ["/etc", "../../../etc", "../etc"])
def test_links_are_followed_inside_the_root_only(target: str) -> None:
    assert shown(flat([entry("etc/"), symlink("l", target)], [entry("l/x", b"x")]))["etc/x"] == "x"


def test_a_link_that_leads_nowhere_yet_gets_the_directory_that_it_names() -> None:
    assert shown(flat([symlink("l", "a/b")], [entry("l/x", b"x")]))["a/b/x"] == "x"


def test_absolute_links_are_kept_as_they_are() -> None:
    assert flat([symlink("l", "/usr//lib/../x")])["l"].target == "/usr//lib/../x"


def test_links_in_a_circle_are_refused() -> None:
    with pytest.raises(ToolError, match="layer 1: entry 'a/x': more than 40 symbolic links"):
        flat([symlink("a", "b"), symlink("b", "a"), entry("a/x", b"")])


def test_a_path_through_a_file_is_refused() -> None:
    with pytest.raises(ToolError, match="layer 2: entry 'f/g/x': its parent 'f' is a file, not a directory"):
        flat([entry("f", b"")], [entry("f/g/x", b"")])


# What else has to be kept


def test_nodes_modes_and_owners_are_kept() -> None:
    info, _ = entry("dev/sda", kind=tarfile.BLKTYPE, mode=0o660, gid=6)
    info.devmajor, info.devminor = 8, 1
    tree = flat(
        [(info, b""), entry("su", b"", mode=0o4755, uid=5_000_000), entry("p", kind=tarfile.FIFOTYPE)]
    )
    assert (tree["dev/sda"].kind, tree["dev/sda"].device) == (Kind.BLOCK, (8, 1))
    assert (tree["su"].mode, tree["su"].uid) == (0o4755, 5_000_000)
    assert tree["p"].kind is Kind.FIFO


def test_a_file_capability_is_kept_byte_for_byte() -> None:
    value = b"\x01\x00\x00\x02\x00\x20\x00\x00" + bytes(8) + b"\xff\n=\x00"
    pax = {"SCHILY.xattr.security.capability": value.decode("utf-8", "surrogateescape")}
    assert flat([entry("ping", b"", pax=pax)])["ping"].xattrs == {"security.capability": value}


@pytest.mark.parametrize("name", ["a b", "a\nb", "a\\b", "caf\udce9", "ä" * 120])
def test_any_name_is_kept(name: str) -> None:
    assert [*shown(flat([entry(name, b"")]))] == [name]


def test_a_name_that_leaves_the_root_names_layer_and_entry() -> None:
    with pytest.raises(ToolError, match=r"layer 2: entry '\.\./x' leaves the root"):
        flat([entry("a", b"")], [entry("../x", b"")])
