"""dpkg's rules: versions, relations, and its database."""

import lzma
from pathlib import Path

import pytest

from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.formats import control_file
from tools.sysimage.formats.control_file import Related


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0+b1"),
        ("1.9", "1.10"),
        ("9:1", "10:0"),
        ("1.0-1", "1.0-1.1"),
        ("1.0-1~deb13u1", "1.0-1"),
        ("1.0a", "1.0+"),
        ("1.0", "1.0-0.1"),
        ("0009", "10"),
    ],
)
def test_versions_are_ordered_as_debian_orders_them(left: str, right: str) -> None:
    assert dpkg.compare(left, right) < 0 < dpkg.compare(right, left)
    assert dpkg.compare(left, left) == 0


def test_versions_that_are_written_differently_can_be_equal() -> None:
    assert dpkg.compare("0:1.0", "1.0") == 0
    assert dpkg.compare("1.00", "1.0") == 0


def test_relation_reads_alternatives_versions_and_qualifiers() -> None:
    text = "libc6 (>= 2.38), default-mta | mail-agent,\n perl:any (<<6)"
    assert control_file.relations(text, "x.deb") == [
        [Related("libc6", "", ">=", "2.38")],
        [Related("default-mta"), Related("mail-agent")],
        [Related("perl", "any", "<<", "6")],
    ]


def test_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    path = Deb("a").write(tmp_path)
    for wanted in ({"name": "b"}, {"version": "2"}, {"sha256": "0" * 64}):
        with pytest.raises(ToolError, match=r"the lock says"):
            dpkg.load(path, **wanted)


def test_status_has_dpkgs_order_of_fields_and_the_conffiles_digests(tmp_path: Path) -> None:
    deb = Deb(
        "a",
        fields={"Homepage": "x", "Depends": "b,\n c | d  (>= 1)", "Essential": "yes"},
        control={"conffiles": "/etc/a\n"},
    )
    package = deb.load(tmp_path)
    package.digests["etc/a"] = "d41d8cd98f00b204e9800998ecf8427e"
    assert dpkg.status(package) == (
        "Package: a\nEssential: yes\nStatus: install ok installed\n"
        "Maintainer: Nobody <nobody@mirror.example>\n"
        "Architecture: amd64\nVersion: 1.0-1\nDepends: b, c | d (>= 1)\n"
        "Conffiles:\n /etc/a d41d8cd98f00b204e9800998ecf8427e\n"
        "Description: a package for tests\nHomepage: x\n"
    )


@pytest.mark.parametrize("same", ["same", "Same"])
def test_info_files_of_multi_arch_packages_carry_the_architecture(tmp_path: Path, same: str) -> None:
    tree = Tree()
    package = Deb("lib", fields={"Multi-Arch": same}, control={"postinst": "x"}).load(tmp_path)
    package.entries[:] = ["", "usr"]
    dpkg.write_info(tree, [package])
    assert tree["var/lib/dpkg/info/lib:amd64.list"].read() == b"/.\n/usr\n"
    assert tree["var/lib/dpkg/info/lib:amd64.postinst"].mode == 0o755


def test_md5sums_are_made_for_a_package_without_them_conffiles_left_out(tmp_path: Path) -> None:
    tree = Tree()
    package = Deb("a", control={"conffiles": "/etc/a\n"}, md5sums=False).load(tmp_path)
    package.digests.update({"etc/a": "1" * 32, "usr/a": "2" * 32})
    dpkg.write_info(tree, [package])
    assert tree["var/lib/dpkg/info/a.md5sums"].read() == b"2" * 32 + b"  usr/a\n"


def test_triggers_are_recorded_by_file_and_by_name(tmp_path: Path) -> None:
    tree = Tree()
    text = "# why\ninterest-noawait /usr/lib/x\ninterest ldconfig\nactivate other\n"
    dpkg.write_database(tree, [Deb("a", control={"triggers": text}).load(tmp_path)], "amd64", [], {})
    assert tree["var/lib/dpkg/triggers/File"].read() == b"/usr/lib/x a/noawait\n"
    assert tree["var/lib/dpkg/triggers/ldconfig"].read() == b"a\n"
    assert "var/lib/dpkg/triggers/other" not in tree


def test_diversions_are_in_the_order_of_dpkgs_hash_table() -> None:
    # As dpkg-divert of trixie wrote them.
    paths = ["/lib64/ld-linux-x86-64.so.2", "/libx32", "/lib32", "/libo32"]
    tree = Tree()
    dpkg.write_database(tree, [], "amd64", [(path, f"{path}.x", "p") for path in sorted(paths)], {})
    assert tree["var/lib/dpkg/diversions"].read().decode().splitlines()[::3] == paths


def test_conffile_that_an_upgrade_removes_is_recorded_as_dpkg_does(tmp_path: Path) -> None:
    package = Deb("a", control={"conffiles": "remove-on-upgrade /etc/old\n/etc/a\n"}).load(tmp_path)
    package.digests["etc/a"] = "d41d8cd98f00b204e9800998ecf8427e"
    expected = " /etc/old newconffile remove-on-upgrade\n /etc/a d41d8cd98f00b204e9800998ecf8427e\n"
    assert f"Conffiles:\n{expected}" in dpkg.status(package)


def test_overrides_come_in_the_order_of_dpkgs_table_and_make_no_empty_file() -> None:
    tree = Tree()
    dpkg.write_database(tree, [], "amd64", [], {})
    assert "var/lib/dpkg/statoverride" not in tree
    overrides = {
        "etc/ssl/private": "root ssl-cert 710 /etc/ssl/private",
        "usr/lib/dbus-1.0/dbus-daemon-launch-helper": (
            "root messagebus 4754 /usr/lib/dbus-1.0/dbus-daemon-launch-helper"
        ),
        "etc/chrony/chrony.keys": "root _chrony 640 /etc/chrony/chrony.keys",
    }
    dpkg.write_database(tree, [], "amd64", [], dict(sorted(overrides.items(), reverse=True)))
    lines = tree["var/lib/dpkg/statoverride"].read().decode().splitlines()
    # As a real installation has them.
    assert [line.split()[3] for line in lines].index("/etc/ssl/private") < [
        line.split()[3] for line in lines
    ].index("/usr/lib/dbus-1.0/dbus-daemon-launch-helper")
    assert len(lines) == 3


def test_interest_names_the_architecture_of_what_can_be_there_twice(tmp_path: Path) -> None:
    debs = (
        Deb("a", fields={"Multi-Arch": "same"}, control={"triggers": "interest /usr/x\n"}),
        Deb("b", control={"triggers": "interest-noawait /usr/x\ninterest y\n"}),
    )
    tree = Tree()
    dpkg.write_database(tree, [deb.load(tmp_path) for deb in debs], "amd64", [], {})
    assert tree["var/lib/dpkg/triggers/File"].read() == b"/usr/x a:amd64\n/usr/x b/noawait\n"
    assert tree["var/lib/dpkg/triggers/y"].read() == b"b\n"


# What dpkg 1.21.22 records of a package that has /etc/x and /etc/a b, and what it says where it refuses.
X, AB = "9dd4e461268c8034f5c8564e155c67a6", "415290769594460e2e485922904f345d"
RECORDED = {
    "/etc/x\n": f" /etc/x {X}\n",
    "/etc/x\n\n  \n": f" /etc/x {X}\n",
    "/etc/x  \t\n": f" /etc/x {X}\n",
    "/etc/x\r\n": f" /etc/x {X}\n",
    "/etc/a b\n/etc/x\n": f" /etc/a b {AB}\n /etc/x {X}\n",
    "/etc/x\n/etc/x\n": f" /etc/x {X}\n /etc/x newconffile\n",
    "remove-on-upgrade /etc/gone\n/etc/x\n": f" /etc/gone newconffile remove-on-upgrade\n /etc/x {X}\n",
    "/etc/nope\n": " /etc/nope newconffile\n",
    "/etc//x\n": " /etc//x newconffile\n",
    "/./etc/x\n": f" /etc/x {X}\n",
    "/etc/x\n/etc/\u00e4\n": f" /etc/x {X}\n /etc/\u00e4 newconffile\n",
}
REFUSED_CONFFILES = (
    *("/etc/x", " /etc/x\n", "remove-on-upgrade  /etc/gone\n", "foo /etc/x\n", "etc/x\n"),
    "remove-on-upgrade\t/etc/gone\n",
)


@pytest.mark.parametrize("conffiles", RECORDED)
def test_conffiles_would_be_recorded_otherwise_than_by_dpkg(tmp_path: Path, conffiles: str) -> None:
    package = Deb("a", control={"conffiles": conffiles}).load(tmp_path)
    package.digests.update({"etc/x": X, "etc/a b": AB})
    assert f"\nConffiles:\n{RECORDED[conffiles]}Description:" in dpkg.status(package)


@pytest.mark.parametrize("conffiles", REFUSED_CONFFILES)
def test_conffiles_that_dpkg_refuses_would_be_taken(tmp_path: Path, conffiles: str) -> None:
    package = Deb("a", control={"conffiles": conffiles}).load(tmp_path)
    with pytest.raises(ToolError, match=r"conffiles: .*which dpkg refuses"):
        package.conffiles()


def test_name_in_latin_1_would_be_a_traceback(tmp_path: Path) -> None:
    deb = Deb("a", fields={"Maintainer": "J\udcf6rg <j@mirror.example>"})
    path = tmp_path / "a.deb"
    path.write_bytes(_latin(deb))
    package = dpkg.load(path)
    assert b"J\xf6rg" in dpkg.status(package).encode("utf-8", "surrogateescape")


def _latin(deb: Deb) -> bytes:
    plain = Deb(deb.name, fields={"Maintainer": "JXXrg <j@mirror.example>"}).build()
    start = plain.index(b"\xfd7zXZ")
    size = int(plain[start - 12 : start - 2])
    control = lzma.compress(lzma.decompress(plain[start : start + size]).replace(b"JXXrg", b"J\xf6rg "))
    head = plain[start - 60 : start - 12] + f"{len(control):<10}`\n".encode()
    return (
        plain[: start - 60] + head + control + b"\n" * (len(control) % 2) + plain[start + size + size % 2 :]
    )


@pytest.mark.parametrize("field", ["Version", "Architecture", "Package"])
def test_package_without_a_field_that_dpkg_needs_would_be_written_into_its_status(
    tmp_path: Path, field: str
) -> None:
    with pytest.raises(ToolError, match="its control file is one that dpkg refuses"):
        Deb("a", fields={field: ""}).load(tmp_path)


# What dpkg 1.21.22 takes of a file of triggers, and what it refuses.
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("interest x\n", [("", "x")]),
        (" interest-await x\n\n# c\n", [("", "x")]),
        ("interest\tx\ninterest-noawait  /y/z  \n", [("", "x"), ("/noawait", "/y/z")]),
        ("activate-noawait y\n", []),
    ],
)
def test_triggers_would_be_read_otherwise_than_by_dpkg(
    tmp_path: Path, text: str, found: list[tuple[str, str]]
) -> None:
    assert list(dpkg.interests(Deb("a", control={"triggers": text}).load(tmp_path))) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "interest x",
            "interestfoo x\n",
            "interest-foo x\n",
            "interest x # c\n",
            "interest x#c\n",
            "interest\n",
        ),
        *(
            "foo x\n",
            "interest x y\n",
            "interest /a b\n",
            "interest \u00e4\n",
            "interest X_y\n",
            "interest /\u00e4\n",
        ),
        *("interest -x\n", "interest x\r\n", "interest a/b\n", "interest relative,x\n"),
    ],
)
def test_triggers_that_dpkg_refuses_would_be_taken(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolError, match=r"triggers: .*which dpkg refuses"):
        list(dpkg.interests(Deb("a", control={"triggers": text}).load(tmp_path)))


@pytest.mark.parametrize("value", ["/etc/x 00", "\n /etc/x", "\n /etc/x 00\n leads", "\n / 00", "\n x y"])
def test_a_field_conffiles_that_dpkg_refuses_would_be_taken(tmp_path: Path, value: str) -> None:
    with pytest.raises(ToolError, match="none of a conffile"):
        Deb("a", fields={"Conffiles": value, "Homepage": "x"}).load(tmp_path)
    Deb("a", fields={"Conffiles": "\n /etc/x 00\n /y 1 obsolete", "Homepage": "x"}).load(tmp_path)
