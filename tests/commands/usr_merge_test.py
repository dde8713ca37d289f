"""usrmerge: what its programs left, by hand in a chroot that was not merged."""

from pathlib import Path

from tests.commands.rooted import in_memory, rooted
from tests.commands.world import run
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.formats.deb import Deb

_FILES: dict[str, str | None] = {
    "bin/a": "a",
    "bin/abs": "-> /bin/a",
    "bin/broken": "-> nope",
    "bin/c": "c",
    "bin/dangling": "-> nope",
    "bin/kept": "-> /usr/bin/kept",
    "bin/rel": "-> a",
    "bin/same": "-> a",
    "bin/swap": "s",
    "lib/both/x": "x",
    "lib/dir/f": "f",
    "lib/link": "-> dir",
    "lib/udev/hwdb.bin": "old",
    "lib32": None,
    "sbin": None,
    "usr/bin/broken": "b",
    "usr/bin/c": "-> nope",
    "usr/bin/kept": "k",
    "usr/bin/same": "-> /bin/a",
    "usr/bin/swap": "-> /bin/swap",
    "usr/lib/both/y": "y",
    "usr/lib/udev/hwdb.bin": "new",
    "usr/libx32": None,
}
_CONVERTED = {
    "bin": "-> usr/bin",
    "lib": "-> usr/lib",
    "lib32": "-> usr/lib32",
    "libx32": "-> usr/libx32",
    "sbin": "-> usr/sbin",
    "usr": "folder",
    "usr/bin": "folder",
    "usr/bin/a": "a",
    "usr/bin/abs": "-> /bin/a",
    "usr/bin/broken": "b",
    "usr/bin/c": "c",
    "usr/bin/c.usrmerge-broken": "-> nope",
    "usr/bin/dangling": "-> nope",
    "usr/bin/kept": "k",
    "usr/bin/rel": "-> a",
    "usr/bin/same": "-> /bin/a",
    "usr/bin/swap": "s",
    "usr/lib": "folder",
    "usr/lib/both": "folder",
    "usr/lib/both/x": "x",
    "usr/lib/both/y": "y",
    "usr/lib/dir": "folder",
    "usr/lib/dir/f": "f",
    "usr/lib/link": "-> dir",
    "usr/lib/udev": "folder",
    "usr/lib/udev/hwdb.bin": "new",
    "usr/lib32": "folder",
    "usr/libx32": "folder",
    "usr/sbin": "folder",
}


def test_files_would_not_move_into_usr() -> None:
    made = rooted(_FILES)
    tree = made.root.tree
    tree.put("bin/hard", tree["bin/a"])
    tree.put("lib/dir/g", tree["lib/dir/f"])
    tree["bin/a"].mode, tree["lib/dir"].mode, tree["lib/both"].mode = 0o4755, 0o700, 0o711
    assert run(made, b"convert-usrmerge")[:2] == (0, b"The system has been successfully converted.\n")
    files = in_memory(tree)
    assert (files.pop("usr/bin/hard"), files.pop("usr/lib/dir/g")) == ("a", "f")
    assert files == _CONVERTED
    assert (tree["usr/bin/a"].mode, tree["usr/lib/dir"].mode, tree["usr/lib/both"].mode) == (
        0o4755,
        0o700,
        0o755,
    )
    # Files are copied one by one, directories move as a whole.
    assert tree["usr/bin/a"] is not tree["usr/bin/hard"]
    assert tree["usr/lib/dir/f"] is tree["usr/lib/dir/g"]
    assert run(made, b"convert-usrmerge")[0] == 0
    assert in_memory(tree).keys() - {"usr/bin/hard", "usr/lib/dir/g"} == _CONVERTED.keys()


def test_two_files_of_one_name_would_be_merged() -> None:
    conflicts: list[dict[str, str | None]] = [
        {"bin/a": "1", "usr/bin/a": "2"},
        {"bin/a": "-> b", "bin/b": "", "usr/bin/a": "2"},
        {"bin/a": "-> b", "bin/b": "", "usr/bin/a": "-> c", "usr/bin/c": ""},
        {"bin/a": "1", "usr/bin/a": "-> c", "usr/bin/c": ""},
        {"bin/a": None, "usr/bin/a": "2"},
        {"bin/a": "1", "usr/bin/a": None},
    ]
    for files in conflicts:
        status, _, said = run(rooted(files), b"convert-usrmerge")
        assert (status, b"FATAL ERROR" in said) == (1, True), files


def test_a_package_would_lose_its_files_by_the_merge() -> None:
    made = rooted({"bin/a": "a", "lib/d/f": "f", "usr": None})
    package = Package(Deb(Path("x.deb"), {"Package": "x", "Version": "1"}, {}))
    owners = made.root.unpacker.owners
    owners |= {"bin/a": package, "lib/d/f": package}
    run(made, b"convert-usrmerge")
    assert owners == {"usr/bin/a": package, "usr/lib/d/f": package}


def test_shells_of_a_merged_tree_would_have_one_name() -> None:
    text = "# x\n/bin/sh\n/usr/bin/sh\n/bin/dash\n/sbin/x"
    made = rooted({"etc/shells": text})
    made.root.tree["etc/shells"].mode = 0o600
    assert run(made, b"convert-etc-shells")[0] == 0
    shells = made.root.tree["etc/shells"]
    assert (shells.read().decode(), shells.mode) == (f"{text}\n/usr/bin/dash\n/usr/sbin/x\n", 0o644)
