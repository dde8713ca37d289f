"""Stage program: a folder that lacks a library, or has links in it, runs on the host that made it alone."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.testing.debs import Deb, File, Link
from tools.sysimage.core.errors import ToolError
from tools.sysimage.toolchain import program

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LIBC = Deb(
    "libc6", {f"{LIBRARIES}/ld-linux-x86-64.so.2": File("loader", 0o755), f"{LIBRARIES}/libc.so.6": "libc"}
)
LZMA = Deb(
    "liblzma5", {f"{LIBRARIES}/liblzma.so.5": Link("liblzma.so.5.8"), f"{LIBRARIES}/liblzma.so.5.8": "lzma"}
)
XZ = Deb("xz-utils", {"usr/bin/xz": File("xz", 0o755), f"{LIBRARIES}/readme": "no library"})


def make(folder: Path, *debs: Deb, name: str = "usr/bin/xz", data: Sequence[str] = ()) -> Path:
    """Runs the stage; returns the folder that it made."""
    packages = [{"name": deb.name, "deb": str(deb.write(folder))} for deb in debs]
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"architecture": "amd64", "packages": packages}))
    output = folder / "out"
    argv = ["--manifest", str(manifest), "--program", name, "--output", str(output)]
    assert program.main([*argv, *(word for path in data for word in ("--data", path))]) == 0
    return output


def test_the_folder_has_program_loader_and_libraries_and_no_link(tmp_path: Path) -> None:
    output = make(tmp_path, LIBC, LZMA, XZ)
    files = {str(path.relative_to(output)): path for path in output.rglob("*") if not path.is_dir()}
    assert sorted(files) == [
        "bin/xz",
        "lib/ld-linux-x86-64.so.2",
        "lib/libc.so.6",
        "lib/liblzma.so.5",
        "lib/liblzma.so.5.8",
    ]
    assert not any(path.is_symlink() for path in files.values())
    assert files["lib/liblzma.so.5"].read_text() == "lzma"
    assert (
        files["bin/xz"].stat().st_mode & 0o111
        == files["lib/ld-linux-x86-64.so.2"].stat().st_mode & 0o111
        == 0o111
    )


FIRMWARE = Deb(
    "firmware",
    {
        "usr/share/qemu/vga.rom": Link("../seabios/vga.bin"),
        "usr/share/qemu/keymaps/de": "folders in folders stay out",
        "usr/share/seabios/vga.bin": "vga",
        "usr/share/seabios/bios.bin": "bios",
    },
)


def test_files_that_the_program_reads_are_together_in_one_folder_without_links(tmp_path: Path) -> None:
    output = make(tmp_path, LIBC, XZ, FIRMWARE, data=["usr/share/qemu", "usr/share/seabios"])
    files = {path.name: path for path in (output / "share").iterdir()}
    assert sorted(files) == ["bios.bin", "vga.bin", "vga.rom"]
    assert not files["vga.rom"].is_symlink()
    assert files["vga.rom"].read_text() == "vga"


def test_program_would_lack_what_is_in_folders_of_its_data(tmp_path: Path) -> None:
    output = make(tmp_path, LIBC, XZ, FIRMWARE, data=["usr/share/qemu/**"])
    files = {
        str(path.relative_to(output / "share")) for path in (output / "share").rglob("*") if path.is_file()
    }
    assert files == {"keymaps/de", "vga.rom"}


def test_data_that_no_package_has_or_two_folders_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="usr/share/none: no package of the set has files in this folder"):
        make(tmp_path, LIBC, XZ, FIRMWARE, data=["usr/share/none"])
    other = Deb("other", {"usr/share/other/bios.bin": "another"})
    with pytest.raises(
        ToolError, match=r"usr/share/other/bios\.bin: another folder of data has a file bios\.bin"
    ):
        make(tmp_path, LIBC, XZ, FIRMWARE, other, data=["usr/share/seabios", "usr/share/other"])


def test_a_program_that_no_package_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"usr/bin/zx: no package of the set has it"):
        make(tmp_path, LIBC, XZ, name="usr/bin/zx")


def test_a_set_without_the_loader_is_refused_with_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"ld-linux-x86-64\.so\.2: .* add libc6 to the set"):
        make(tmp_path, XZ)


def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    path = XZ.write(tmp_path)
    manifest = tmp_path / "manifest.json"
    package = {"name": "xz-utils", "deb": str(path), "sha256": "0" * 64}
    manifest.write_text(json.dumps({"architecture": "amd64", "packages": [package]}))
    with pytest.raises(ToolError, match=r"SHA-256 is .*, the lock says 0{64}"):
        program.main(
            ["--manifest", str(manifest), "--program", "usr/bin/xz", "--output", str(tmp_path / "out")]
        )


def test_an_entry_outside_the_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"leaves the root"):
        make(tmp_path, LIBC, Deb("evil", {"../evil": "x"}))
