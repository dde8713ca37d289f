"""Stage sysroot: a sysroot that reaches into the host, or lacks a file, compiles on one machine alone."""

import tarfile
from pathlib import Path

import pytest

from tests.testing import elfs, layouts, tars
from tools.sysimage.core.errors import ToolError
from tools.sysimage.toolchain import sysroot

LIB, GCC = "usr/lib/x86_64-linux-gnu", "usr/lib/gcc/x86_64-linux-gnu/14"
LIBC_SCRIPT = b"""/* GNU ld script
   /lib/in/a/comment is no file */
OUTPUT_FORMAT(elf64-x86-64)
GROUP ( /lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libc_nonshared.a
  AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )
"""


def image(
    *more: tars.Entry,
    merged: bool = True,
    gcc: str = "14",
    target: str = "x86_64-linux-gnu",
    kind: str = "gcc",
) -> bytes:
    """A layer with a compiler, and with what is given."""
    program = elfs.linked(needed=["libbfd.so", "ld-linux-x86-64.so.2"])
    places = [
        path.format(t=target, g=gcc).replace("gcc*", kind)
        for path in (*sysroot.PROGRAMS.values(), "usr/libexec/gcc*/{t}/{g}/liblto_plugin.so")
    ]
    entries = [tars.entry(path, program, mode=0o755) for path in places]
    entries += [
        *([tars.symlink("lib", "usr/lib"), tars.symlink("lib64", "usr/lib64")] if merged else []),
        tars.symlink("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        tars.entry(f"{LIB}/ld-linux-x86-64.so.2", elfs.linked("ld-linux-x86-64.so.2"), mode=0o755),
        tars.symlink(f"{LIB}/libbfd.so", "libbfd.so.1"),
        tars.entry(f"{LIB}/libbfd.so.1", elfs.linked("libbfd.so", needed=["libc.so.6"])),
        tars.entry(f"{LIB}/libc.so.6", elfs.linked("libc.so.6")),
        tars.entry(f"{LIB}/libc.so", LIBC_SCRIPT),
        tars.entry(f"{LIB}/libc_nonshared.a", b"!<arch>\n"),
        tars.entry(f"{LIB}/crt1.o", b"start"),
        tars.entry(f"{GCC}/crtbegin.o", b"begin"),
        tars.entry(f"{GCC}/include/stddef.h", b"gcc's"),
        tars.symlink(f"{GCC}/libgcc_s.so", "../../../x86_64-linux-gnu/libc.so.6"),
        tars.entry("usr/include/stdio.h", b"libc's"),
    ]
    return tars.tar(*entries, *more)


def make(
    folder: Path, layer: bytes, *, architecture: str = "amd64", target: str = "amd64", gcc: str = "14"
) -> Path:
    """Runs the stage; returns the folder that it made."""
    layout = layouts.layout(folder / "layout", layer)
    (folder / "launcher").write_text("launcher")
    output = folder / "out"
    arguments = ["--layout", str(layout), "--architecture", architecture, "--target", target, "--gcc", gcc]
    arguments += ["--launcher", str(folder / "launcher"), "--output", str(output)]
    assert sysroot.main([*arguments, "--tar", str(folder / "out.tar")]) == 0
    return output


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_it_has_what_compiling_needs_and_nothing_else(tmp_path: Path) -> None:
    more = [
        tars.entry("usr/share/doc/gcc/README", b"doc"),
        tars.entry("usr/share/man/man1/gcc.1", b"man"),
        tars.entry("etc/passwd", b"root"),
        tars.entry(f"{LIB}/gconv/UTF-16.so", b"loaded when a program runs"),
        tars.entry(f"{GCC}/plugin/include/tree.h", b"of gcc itself"),
        tars.entry("usr/include/aarch64-linux-gnu/asm/unistd.h", b"of another architecture"),
        tars.entry("usr/include/x86_64-linux-gnu/asm/unistd.h", b"of this one"),
    ]
    found = files(make(tmp_path, image(*more)))
    programs = {f"usr/{place}/{name}" for place in ("bin", "libexec/bin") for name in sysroot.PROGRAMS}
    assert found - programs == {
        f"{GCC}/crtbegin.o",
        f"{GCC}/include/stddef.h",
        f"{GCC}/libgcc_s.so",
        *(f"{LIB}/{name}" for name in ("crt1.o", "libbfd.so", "libbfd.so.1", "libc.so", "libc.so.6")),
        *(f"{LIB}/{name}" for name in ("ld-linux-x86-64.so.2", "libc_nonshared.a")),
        "usr/include/stdio.h",
        "usr/include/x86_64-linux-gnu/asm/unistd.h",
        "usr/libexec/lib/ld-linux-x86-64.so.2",
        "usr/libexec/lib/libbfd.so",
        "usr/libexec/lib/libc.so.6",
        "usr/libexec/lib/liblto_plugin.so",
    }
    assert programs <= found


def test_programs_are_real_files_and_launchers_stand_for_them(tmp_path: Path) -> None:
    output = make(tmp_path, image())
    assert (output / "usr/bin/gcc").read_text() == "launcher"
    assert (output / "usr/libexec/bin/gcc").read_bytes()[:4] == b"\x7fELF"
    assert all(path.stat().st_mode & 0o111 for path in (output / "usr/libexec").rglob("*") if path.is_file())


# Without base-files an image lacks the links of a merged /usr.
@pytest.mark.parametrize("merged", [True, False])
def test_linker_scripts_name_files_below_the_sysroot(tmp_path: Path, merged: bool) -> None:
    text = (make(tmp_path, image(merged=merged)) / LIB / "libc.so").read_text()
    assert text.splitlines()[-2:] == [
        f"GROUP ( =/{LIB}/libc.so.6 =/{LIB}/libc_nonshared.a",
        f"  AS_NEEDED ( =/{LIB}/ld-linux-x86-64.so.2 ) )",
    ]
    assert "   /lib/in/a/comment is no file */" in text


def test_absolute_links_become_relative_ones(tmp_path: Path) -> None:
    more = [
        tars.symlink(f"{LIB}/libz.so", f"/lib/{LIB.removeprefix('usr/lib/')}/libz.so.1"),
        tars.entry(f"{LIB}/libz.so.1", b"z"),
        tars.symlink("usr/include/alias.h", "/etc/alternatives/alias.h"),
        tars.symlink("etc/alternatives/alias.h", "/usr/include/stdio.h"),
    ]
    output = make(tmp_path, image(*more))
    assert (output / LIB / "libz.so").readlink() == Path("libz.so.1")
    assert (output / "usr/include/alias.h").readlink() == Path("stdio.h")


def test_each_part_is_whole_without_the_others(tmp_path: Path) -> None:
    more = [
        tars.symlink("usr/include/asm", "../lib/linux/uapi/asm"),
        tars.entry("usr/lib/linux/uapi/asm/types.h", b"types"),
    ]
    output = make(tmp_path, image(*more))
    assert not (output / GCC / "libgcc_s.so").is_symlink()
    assert not (output / "usr/include/asm").is_symlink()
    assert (output / "usr/include/asm/types.h").read_text() == "types"


def test_dangling_links_are_reported_and_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = make(tmp_path, image(tars.symlink(f"{LIB}/libgone.so", "libgone.so.1")))
    assert not (output / LIB / "libgone.so").is_symlink()
    message = f"sysroot: /{LIB}/libgone.so: a link to /{LIB}/libgone.so.1, which the image lacks: left out"
    assert message in capfd.readouterr().err


def test_a_link_to_a_folder_around_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"/usr/include/loop: is a link to a folder that it is in"):
        make(tmp_path, image(tars.symlink("usr/include/loop", ".")))


def test_another_version_of_gcc_is_refused_with_the_one_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r'no gcc 13 .* it has gcc 14: say gcc = "14"'):
        make(tmp_path, image(), gcc="13")


def test_an_image_without_a_compiler_is_refused_with_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"add gcc and g\+\+ to its packages"):
        make(tmp_path, tars.tar(tars.entry("etc/hostname", b"x")))


def test_a_program_whose_library_is_missing_is_refused(tmp_path: Path) -> None:
    layer = image(tars.entry("usr/bin/x86_64-linux-gnu-as", elfs.linked(needed=["libgone.so.1"]), mode=0o755))
    with pytest.raises(ToolError, match=r"libgone\.so\.1: a program needs this library"):
        make(tmp_path, layer)


def test_a_library_in_a_folder_of_its_own_comes_along(tmp_path: Path) -> None:
    program = elfs.linked(needed=["libown.so"], runpath="/usr/lib/own")
    layer = image(
        tars.entry("usr/bin/x86_64-linux-gnu-as", program, mode=0o755),
        tars.entry("usr/lib/own/libown.so", elfs.linked("libown.so")),
    )
    assert (make(tmp_path, layer) / "usr/libexec/lib/libown.so").exists()


def test_of_a_cross_compiler_only_programs_are_taken(tmp_path: Path) -> None:
    layer = image(target="aarch64-linux-gnu", kind="gcc-cross")
    found = files(make(tmp_path, layer, target="arm64"))
    assert {path.split("/")[1] for path in found} == {"bin", "libexec"}
    assert {"usr/bin/g++", "usr/libexec/bin/cc1plus"} <= found


def test_the_tar_has_the_same_and_the_links_of_a_merged_usr(tmp_path: Path) -> None:
    output = make(tmp_path, image())
    with tarfile.open(tmp_path / "out.tar") as archive:
        names = {member.name for member in archive if not member.isdir()}
        assert names == files(output) | {"bin", "lib", "lib64"}
        assert archive.getmember("lib").linkname == "usr/lib"
