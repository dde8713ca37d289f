"""ld.so.cache: order, shared tails, links, glibc-hwcaps, both architectures."""

import struct

import pytest

from tests.testing.debs import Link, Node
from tests.testing.roots import links, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import file
from tools.sysimage.effects import ldconfig
from tools.sysimage.effects.ldconfig import Library
from tools.sysimage.effects.root import Root
from tools.sysimage.formats import elf

GENERATOR = "ldconfig (Debian GLIBC 2.41-12) stable release version 2.41"
LDCONFIG = b"\x7fELF\0" + GENERATOR.encode() + b"\0more"
LIB = "usr/lib/x86_64-linux-gnu"


def shared(soname: str, machine: int = 62, isa: int = 0, kind: int = 3) -> bytes:
    """A shared object that is nothing but its headers."""
    strings = b"\0" + soname.encode() + b"\0"
    note = struct.pack("<III4sIIII", 4, 16, 5, b"GNU\0", 0xC0008002, 4, isa, 0) if isa else b""
    programs = 3 if isa else 2
    at = 64 + 56 * programs
    tags = [(5, at + 0x1000), (14, 1), (0, 0)] if soname else [(5, at + 0x1000), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    body = strings + dynamic + note
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, programs, 0, 0, 0)
    table = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x1000, 0, at + len(body), 0, 0)
    table += struct.pack("<IIQQQQQQ", 2, 6, at + len(strings), 0, 0, len(dynamic), 0, 0)
    if isa:
        table += struct.pack("<IIQQQQQQ", 0x6474E553, 4, at + len(strings + dynamic), 0, 0, len(note), 0, 0)
    return header + table + body


def rooted(paths: dict[str, Node], architecture: str = "amd64") -> Root:
    base: dict[str, Node] = {
        "usr/sbin/ldconfig": LDCONFIG,
        "lib": Link("usr/lib"),
        "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
        "etc/ld.so.conf.d/x.conf": (
            "# multiarch\n/usr/local/lib\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n"
        ),
    }
    root = make({**base, **paths}, architecture)
    ldconfig.update(root, "libc-bin")
    return root


def entries(root: Root) -> list[tuple[int, str, str, int]]:
    data = root.tree["etc/ld.so.cache"].read()
    assert data[:20] == b"glibc-ld.so.cache1.1"
    (count,) = struct.unpack_from("<I", data, 20)

    def text(at: int) -> str:
        return data[at : data.index(b"\0", at)].decode()

    found = []
    for index in range(count):
        flags, key, value, _, hwcap = struct.unpack_from("<IIIIQ", data, 48 + 24 * index)
        found.append((flags, text(key), text(value), hwcap))
    return found


def test_cache_of_two_libraries_is_byte_for_byte_glibcs() -> None:
    # Header; two entries, descending; strings that share tails; extension with the generator.
    libraries = [
        Library("liba.so.1", "/lib/liba.so.1", 0x303),
        Library("libb.so.2", "/lib/libb.so.2", 0x303),
    ]
    strings = b"/lib/libb.so.2\0/lib/liba.so.1\0"
    expected = b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xI12x", 2, len(strings), 2, 128)
    expected += struct.pack("<IIIIQ", 0x303, 96 + 5, 96, 0, 0)
    expected += struct.pack("<IIIIQ", 0x303, 96 + 20, 96 + 15, 0, 0)
    expected += strings + b"\0\0"
    expected += struct.pack("<IIIIII", 0xEAA42174, 1, 0, 0, 128 + 24, len(GENERATOR)) + GENERATOR.encode()
    assert ldconfig.cache(libraries, GENERATOR) == expected


def test_numbers_in_names_count_by_value() -> None:
    assert ldconfig.compare("libx.so.9", "libx.so.10") < 0
    assert ldconfig.compare("libx.so.1", "libx.so.1") == 0
    assert ldconfig.compare("libx.so.1", "libx.so.1.1") < 0
    assert ldconfig.compare("libx1.so", "libxa.so") > 0


def test_library_is_listed_under_its_soname_in_the_first_name_of_its_folder() -> None:
    root = rooted({f"{LIB}/libx.so.1.2": shared("libx.so.1"), f"{LIB}/libx.so.1": Link("libx.so.1.2")})
    assert entries(root) == [(0x303, "libx.so.1", "/lib/x86_64-linux-gnu/libx.so.1", 0)]


def test_missing_link_of_the_soname_is_made() -> None:
    root = rooted({f"{LIB}/libx.so.1.2": shared("libx.so.1"), f"{LIB}/libx.so.1.10": shared("libx.so.1")})
    assert links(root, LIB) == {f"{LIB}/libx.so.1": "libx.so.1.10"}


def test_stale_link_is_pointed_to_the_newest() -> None:
    root = rooted(
        {
            f"{LIB}/libx.so.1.2": shared("libx.so.1"),
            f"{LIB}/libx.so.1.3": shared("libx.so.1"),
            f"{LIB}/libx.so.1": Link("libx.so.1.2"),
        }
    )
    assert links(root, LIB) == {f"{LIB}/libx.so.1": "libx.so.1.3"}


def test_what_is_no_library_of_the_architecture_is_left_out() -> None:
    root = rooted(
        {
            f"{LIB}/libarm.so.1": shared("libarm.so.1", machine=183),
            f"{LIB}/libprogram.so.1": shared("libprogram.so.1", kind=2),
            f"{LIB}/libtext.so": "INPUT(-lx)",
            f"{LIB}/other.so.1": shared("other.so.1"),
            f"{LIB}/libgone.so.1": Link("nowhere"),
        }
    )
    assert entries(root) == []


def test_arm64_has_its_own_flag() -> None:
    lib = "usr/lib/aarch64-linux-gnu"
    root = rooted({f"{lib}/libx.so.1": shared("libx.so.1", machine=183)}, "arm64")
    assert entries(root) == [(0xA03, "libx.so.1", "/lib/aarch64-linux-gnu/libx.so.1", 0)]


def test_hwcaps_come_before_the_plain_library_with_their_isa_level() -> None:
    root = rooted(
        {
            f"{LIB}/libx.so.1": shared("libx.so.1"),
            f"{LIB}/glibc-hwcaps/x86-64-v3/libx.so.1.0": shared("libx.so.1", isa=0b111),
        }
    )
    path = "/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libx.so.1.0"
    assert entries(root) == [
        (0x303, "libx.so.1", path, 1 << 62 | 3 << 32),
        (0x303, "libx.so.1", "/lib/x86_64-linux-gnu/libx.so.1", 0),
    ]


def test_folders_of_ld_so_conf_come_in_its_order() -> None:
    root = rooted({"usr/local/lib/libx.so.1": shared("libx.so.1"), f"{LIB}/libx.so.1": shared("libx.so.1")})
    assert [path for _, _, path, _ in entries(root)] == [
        "/usr/local/lib/libx.so.1",
        "/lib/x86_64-linux-gnu/libx.so.1",
    ]


def test_unknown_architecture_or_ldconfig_is_refused() -> None:
    with pytest.raises(ToolError, match=r"ld.so.cache for s390x is not known"):
        rooted({}, "s390x")
    with pytest.raises(ToolError, match="does not name its version"):
        rooted({"usr/sbin/ldconfig": "busybox"})


def test_a_tree_that_is_not_merged_into_usr_would_have_no_cache() -> None:
    root = make({"sbin/ldconfig": LDCONFIG, "lib/x86_64-linux-gnu/libx.so.1": shared("libx.so.1")})
    ldconfig.update(root, "libc-bin")
    assert b"/lib/x86_64-linux-gnu/libx.so.1\0" in root.tree["etc/ld.so.cache"].read()


def test_elf_that_is_cut_off_is_no_library() -> None:
    data = shared("libx.so.1")
    for size in (0, 30, 64, 100, len(data) - 40):
        header = elf.read(file(data[:size]))
        assert header is None or header.soname in ("", "libx.so.1")
