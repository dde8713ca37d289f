"""dpkg's database of a base: which package a path is from, and what it says of what was replaced."""

import io

import pytest

from tests.testing.tars import Entry, entry, symlink, tar
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.debian import installed
from tools.sysimage.debian.installed import Installed
from tools.sysimage.formats import tar as sysimage_tar

INFO = "var/lib/dpkg/info"
FOLDERS = tuple(entry(path) for path in ("var/", "var/lib/", "var/lib/dpkg/", f"{INFO}/"))
BASE = (
    entry("etc/"),
    entry("etc/x.conf", b"1"),
    entry("usr/"),
    entry("usr/bin/"),
    entry("usr/bin/x", b"x"),
    entry("usr/bin/x.distrib", b"diverted"),
    symlink("bin", "usr/bin"),
    *FOLDERS,
    entry(f"{INFO}/one.conffiles", b"/etc/x.conf\n"),
    entry(f"{INFO}/one.list", b"/.\n/etc\n/etc/x.conf\n/bin\n/bin/x\n"),
    entry(f"{INFO}/one.md5sums", b"9dd4e461268c8034f5c8564e155c67a6  bin/x\n"),
    entry(f"{INFO}/two:amd64.list", b"/usr/bin/x\n"),
)
DIVERSIONS = entry("var/lib/dpkg/diversions", b"/usr/bin/x\n/usr/bin/x.distrib\ntwo\n")
DISTROLESS = (
    entry("usr/"),
    entry("usr/lib", b"l"),
    *FOLDERS[:3],
    entry("var/lib/dpkg/status.d/"),
    entry("var/lib/dpkg/status.d/libc6", b"Package: libc6\nVersion: 2\nArchitecture: amd64\n"),
    entry("var/lib/dpkg/status.d/libc6.md5sums", b"9dd4e461268c8034f5c8564e155c67a6  usr/lib\n"),
)


def tree(*entries: Entry) -> Tree:
    return sysimage_tar.load(io.BytesIO(tar(*entries)), "base")


def test_paths_are_those_that_links_lead_to_and_directories_have_no_owner() -> None:
    found = installed.owners(tree(*BASE))
    assert found == {"etc/x.conf": "one", "usr/bin/x": "one", "bin": "one"}


def test_a_diverted_file_is_where_dpkg_put_it() -> None:
    base = tree(*BASE, DIVERSIONS)
    base.put(f"{INFO}/one.list", file(b"/usr/bin/x\n"))
    assert installed.owners(base) == {"usr/bin/x.distrib": "one", "usr/bin/x": "two:amd64"}


def test_a_database_of_an_image_without_dpkg() -> None:
    base = tree(*DISTROLESS)
    assert installed.owners(base) == {"usr/lib": "libc6"}
    assert installed.packages(base) == [Installed("libc6", "2", "amd64", "libc6", "2")]


def test_a_tree_without_a_database_has_no_packages() -> None:
    assert (installed.packages(Tree()), installed.owners(Tree())) == ([], {})


@pytest.mark.parametrize("status", ["purge ok not-installed", "install reinstreq half-installed"])
def test_what_is_not_wholly_installed_is_no_package_of_the_image(status: str) -> None:
    text = f"Package: x\nStatus: {status}\nVersion: 1\n"
    assert installed.packages(tree(*FOLDERS, entry("var/lib/dpkg/status", text.encode()))) == []


def test_a_name_with_what_python_takes_for_a_line_end_stays_whole() -> None:
    base = tree(*BASE, entry("usr/a\x0cb", b"1"))
    base.put(f"{INFO}/one.list", file("/usr/bin/x\n/usr/a\x0cb\n/gone\u2028\n".encode()))
    changed = after(base, "usr/bin/x")
    assert changed[f"{INFO}/one.list"].read() == "/usr/a\x0cb\n/gone\u2028\n".encode()
    assert installed.owners(changed)["usr/a\x0cb"] == "one"


def after(base: Tree, *paths: str) -> Tree:
    changed = base.copy()
    for path in paths:
        changed.put(path, file(b"replaced"))
    installed.disown(changed, base, paths)
    return changed


def test_a_replaced_file_belongs_to_no_package_any_more() -> None:
    changed = after(tree(*BASE), "usr/bin/x")
    assert changed[f"{INFO}/one.list"].read() == b"/.\n/etc\n/etc/x.conf\n/bin\n"
    assert changed[f"{INFO}/one.md5sums"].read() == b""
    assert changed[f"{INFO}/two:amd64.list"].read() == b""


def test_a_replaced_conffile_stays_with_its_package() -> None:
    base = tree(*BASE)
    changed = after(base, "etc/x.conf")
    assert [path for path, inode in changed.walk() if base[path] is not inode] == ["etc/x.conf"]


def test_a_replaced_file_of_an_image_without_dpkg() -> None:
    assert after(tree(*DISTROLESS), "usr/lib")["var/lib/dpkg/status.d/libc6.md5sums"].read() == b""


@pytest.mark.parametrize("path", ["usr/bin/x", "usr/bin/x.distrib"])
def test_of_a_diversion_only_the_side_that_is_replaced_changes(path: str) -> None:
    base = tree(*BASE, DIVERSIONS)
    base.put(f"{INFO}/one.list", file(b"/usr/bin/x\n"))
    changed = after(base, path)
    kept = {"usr/bin/x": "one.list", "usr/bin/x.distrib": "two:amd64.list"}[path]
    assert changed[f"{INFO}/{kept}"].read() == b"/usr/bin/x\n"
    assert installed.owners(changed) == {
        other: "one" if kept == "one.list" else "two:amd64"
        for other in ("usr/bin/x", "usr/bin/x.distrib")
        if other != path
    }
