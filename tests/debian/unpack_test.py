"""Unpacking: what dpkg allows, and what it refuses."""

from pathlib import Path

import pytest

from tests.testing.debs import Deb, File, Folder, Hard, Link
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.debian import unpack
from tools.sysimage.debian.unpack import Diversion, Unpacker

BASE = Deb("base-files", {"usr/bin": Folder(), "usr/lib": Folder(), "lib": Link("usr/lib")})


def unpacked(folder: Path, *debs: Deb, diversions: tuple[Diversion, ...] = ()) -> Unpacker:
    packages = [deb.load(folder) for deb in debs]
    places = unpack.spool(packages, folder)
    unpacker = Unpacker(Tree(), diversions={diversion.path: diversion for diversion in diversions})
    for package in packages:
        stream, offset = places[package.name]
        stream.seek(offset)
        unpacker.unpack(package, stream)
    return unpacker


def test_content_mode_owner_and_links_arrive(tmp_path: Path) -> None:
    deb = Deb(
        "a", {"usr/bin/a": File("x", 0o4755, 1, 2), "usr/bin/b": Hard("usr/bin/a"), "usr/c": Link("bin")}
    )
    tree = unpacked(tmp_path, deb).tree
    inode = tree["usr/bin/a"]
    assert (inode.read(), inode.mode, inode.uid, inode.gid) == (b"x", 0o4755, 1, 2)
    assert tree["usr/bin/b"] is inode
    assert tree["usr/c"].target == "bin"


def test_file_of_two_packages_is_refused_with_both_names_and_the_path(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"/usr/bin/x is in package one 1.0-1 and in two 1.0-1"):
        unpacked(tmp_path, Deb("one", {"usr/bin/x": ""}), Deb("two", {"usr/bin/x": ""}))


def test_directory_of_two_packages_keeps_the_mode_of_the_first(tmp_path: Path) -> None:
    debs = (Deb("one", {"srv": Folder(0o1777)}), Deb("two", {"srv": Folder(0o755)}))
    assert unpacked(tmp_path, *debs).tree["srv"].mode == 0o1777


def test_link_to_a_folder_stays_where_another_package_ships_the_folder(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, BASE, Deb("two", {"lib": Folder(), "lib/x": "y"})).tree
    assert tree["lib"].kind is Kind.SYMLINK
    assert tree["usr/lib/x"].read() == b"y"
    assert "lib/x" not in tree


def test_folder_and_file_at_one_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"/etc/x is a directory in package one and a file in two"):
        unpacked(tmp_path, Deb("one", {"etc/x": Folder()}), Deb("two", {"etc/x": ""}))


@pytest.mark.parametrize(
    ("relation", "allowed"),
    [
        *(("one", True), ("one (<< 2)", True), ("one (<< 1)", False), ("other", False), ("provided", False)),
        *(("one:any", True), ("one:amd64", True), ("one:all", True), ("one:arm64", False)),
        *(("one:native", False), ("ONE", True), ("one (1)", False), ("one (1.0-1)", True)),
        ("one (< 1.0-1)", True),
    ],
)
def test_replaces_takes_over_a_file_if_the_version_fits(tmp_path: Path, relation: str, allowed: bool) -> None:
    one = Deb("one", {"usr/x": "old"}, {"Provides": "provided"})
    two = Deb("two", {"usr/x": "new"}, {"Replaces": relation})
    if not allowed:
        with pytest.raises(ToolError, match="neither replaces the other"):
            unpacked(tmp_path, one, two)
        return
    unpacker = unpacked(tmp_path, one, two)
    assert unpacker.tree["usr/x"].read() == b"new"
    assert unpacker.owners["usr/x"].name == "two"


def test_replaces_of_the_package_that_came_first_keeps_its_file(tmp_path: Path) -> None:
    one = Deb("one", {"usr/x": "first"}, {"Replaces": "two"})
    assert unpacked(tmp_path, one, Deb("two", {"usr/x": "second"})).tree["usr/x"].read() == b"first"


def test_diversion_moves_the_file_of_others_but_not_of_its_own_package(tmp_path: Path) -> None:
    diversion = Diversion("usr/x", "usr/x.distrib", "two")
    debs = (Deb("one", {"usr/x": "1"}), Deb("two", {"usr/x": "2"}))
    tree = unpacked(tmp_path, *debs, diversions=(diversion,)).tree
    assert (tree["usr/x"].read(), tree["usr/x.distrib"].read()) == (b"2", b"1")


@pytest.mark.parametrize("path", ["../evil", "usr/../../evil", "/etc/evil"])
def test_entry_outside_of_the_root_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ToolError, match=r"one_1.0-1_amd64.deb"):
        unpacked(tmp_path, Deb("one", {path: "x"}))


def test_entry_through_a_link_of_the_same_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"'trap/passwd' goes through the link trap"):
        unpacked(tmp_path, BASE, Deb("one", {"etc": Folder(), "trap": Link("etc"), "trap/passwd": "x"}))


@pytest.mark.parametrize("target", ["../..", "../../etc", "/../etc"])
def test_entry_through_a_link_that_leaves_the_root_is_refused(tmp_path: Path, target: str) -> None:
    debs = (Deb("one", {"etc": Folder(), "usr/out": Link(target)}), Deb("two", {"usr/out/x": "y"}))
    with pytest.raises(ToolError, match="leaves the root through the link usr/out"):
        unpacked(tmp_path, *debs)


def test_path_that_is_there_twice_in_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="/usr/lib/x is there twice"):
        unpacked(tmp_path, BASE, Deb("one", {"usr/lib/x": "1", "lib": Folder(), "lib/x": "2"}))


def test_hard_link_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="usr/b is a hard link to usr/a"):
        unpacked(tmp_path, Deb("one", {"usr/b": Hard("usr/a")}))


@pytest.mark.parametrize(
    ("conffiles", "message"),
    [
        ("/etc/d\n", "conffile /etc/d is no file"),
        ("remove-on-upgrade /etc/x\n", "conffile /etc/x must be removed"),
    ],
)
def test_conffile_that_dpkg_refuses_would_be_taken(tmp_path: Path, conffiles: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        unpacked(tmp_path, Deb("one", {"etc/x": "x", "etc/d/z": "z"}, control={"conffiles": conffiles}))


def test_package_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    package = Deb("one", {"usr/x": "y" * 5000}).load(tmp_path)
    path = package.deb.path
    path.write_bytes(path.read_bytes()[:-6000])
    with pytest.raises(ToolError, match="cut off"):
        unpack.spool([package], tmp_path)


def test_archive_without_its_end_is_noticed_although_another_follows_in_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(Deb):
        def data(self) -> bytes:
            return Deb.data(self)[: 1024 + 20480]

    # Into one file, the larger first.
    monkeypatch.setattr(unpack, "_THREADS", 1)
    with pytest.raises(ToolError, match=r"one_.*not a whole tar"):
        unpacked(tmp_path, Endless("one", {"x": "y" * 20480}), Deb("two", {"z": ""}))


def test_spooling_leaves_no_file_behind(tmp_path: Path) -> None:
    package = Deb("one", {"usr/x": "y"}).load(tmp_path)
    before = sorted(tmp_path.iterdir())
    unpack.spool([package], tmp_path)
    assert sorted(tmp_path.iterdir()) == before
