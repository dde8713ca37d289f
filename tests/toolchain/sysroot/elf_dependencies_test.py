"""elf_dependencies: a program that can't start in the image has to be found before the image boots."""

from pathlib import Path

import pytest

from tests.testing import elfs, layouts, tars
from tools.sysimage.core.errors import ToolError
from tools.sysimage.toolchain import elf_dependencies

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIB = "usr/lib/x86_64-linux-gnu"
LIBRARY = elfs.linked(
    "libx.so.1", needed=["libc.so.6"], wants={"libc.so.6": ["GLIBC_2.2"]}, defines=["X_1", "X_2"]
)
LIBC = elfs.linked("libc.so.6", defines=["GLIBC_2.2", "GLIBC_2.34"])
PROGRAM = elfs.linked(
    needed=["libx.so.1", "libc.so.6"],
    interpreter=LOADER,
    wants={"libx.so.1": ["X_2"], "libc.so.6": ["GLIBC_2.34"]},
)


def check(folder: Path, program: bytes, *more: tars.Entry, sysroot: dict[str, bytes] | None = None) -> None:
    """Checks a program against an image of the libraries above, and of what is given."""
    layer = tars.tar(
        tars.entry("lib64/ld-linux-x86-64.so.2", b"loader"),
        tars.entry(f"{LIB}/libx.so.1", LIBRARY),
        tars.entry(f"{LIB}/libc.so.6", LIBC),
        *more,
    )
    (folder / "program").write_bytes(program)
    arguments = [
        "--image",
        str(layouts.layout(folder / "layout", layer)),
        "--program",
        str(folder / "program"),
    ]
    for name, data in (sysroot or {}).items():
        place = folder / "sysroot/usr/lib" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    arguments += ["--sysroot", str(folder / "sysroot/usr/lib")] if sysroot else []
    assert elf_dependencies.main(arguments) == 0


def test_a_program_that_finds_all_it_needs_passes(tmp_path: Path) -> None:
    check(tmp_path, PROGRAM, sysroot={"libx.so.1": LIBRARY, "libc.so.6": LIBC})


@pytest.mark.parametrize("program", [b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01" + bytes(57)])
def test_scripts_and_static_programs_need_nothing(tmp_path: Path, program: bytes) -> None:
    check(tmp_path, program)


def test_a_library_that_the_image_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"it needs libgone\.so\.1, which is not in the image"):
        check(tmp_path, elfs.linked(needed=["libgone.so.1"]))


def test_a_version_that_the_library_lacks_is_named(tmp_path: Path) -> None:
    program = elfs.linked(needed=["libx.so.1"], wants={"libx.so.1": ["X_2", "X_3"]})
    with pytest.raises(ToolError, match=r"it needs X_3 of libx\.so\.1, which the image's lacks"):
        check(tmp_path, program)


def test_a_version_that_may_be_missing_may_be_missing(tmp_path: Path) -> None:
    check(tmp_path, elfs.linked(needed=["libx.so.1"], wants={"libx.so.1": ["X_3"]}, weak=["X_3"]))


def test_libraries_of_libraries_are_looked_at(tmp_path: Path) -> None:
    between = elfs.linked("liby.so.1", needed=["libc.so.6"], wants={"libc.so.6": ["GLIBC_2.99"]})
    with pytest.raises(ToolError, match=r"liby\.so\.1 needs GLIBC_2\.99 of libc\.so\.6"):
        check(tmp_path, elfs.linked(needed=["liby.so.1"]), tars.entry(f"{LIB}/liby.so.1", between))


def test_a_library_of_another_architecture_is_none(tmp_path: Path) -> None:
    other = elfs.linked("libother.so", machine=elfs.AARCH64)
    with pytest.raises(ToolError, match=r"it needs libother\.so"):
        check(tmp_path, elfs.linked(needed=["libother.so"]), tars.entry(f"{LIB}/libother.so", other))


def test_a_search_path_of_the_program_is_followed(tmp_path: Path) -> None:
    own = tars.entry("opt/lib/libown.so", elfs.linked("libown.so"))
    check(tmp_path, elfs.linked(needed=["libown.so"], runpath="/opt/lib"), own)


def test_a_loader_that_the_image_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"its loader /lib/ld-musl\.so\.1 is not in the image"):
        check(tmp_path, elfs.linked(interpreter="/lib/ld-musl.so.1"))


def test_a_library_that_is_not_the_one_that_was_linked_with_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"libx\.so\.1 in the image is not the one that was linked with"):
        check(tmp_path, PROGRAM, sysroot={"libx.so.1": LIBRARY + b"another build"})


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"liba\.so.*libb\.so"):
        check(tmp_path, elfs.linked(needed=["liba.so", "libb.so"]))
