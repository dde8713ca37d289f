"""A disk that a host adds files to: what it boots is the disk's own, and what was added."""

import os
import struct
from pathlib import Path

import pytest

from tools.sysimage.boot import machine, measured_disk
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.disk import disk as disk_image
from tools.sysimage.formats import gpt, pe
from tools.sysimage.formats.verity import VerityInput

UKI = Path(os.environ["UKI"])


def sections(data: bytes) -> dict[str, bytes]:
    found = pe.parse(data, "a UKI")
    return {section.name: found.content(section) for section in found.sections}


def test_the_guest_would_not_get_the_files_or_lose_its_own(tmp_path: Path) -> None:
    before = sections(UKI.read_bytes())
    taken = measured_disk.with_files(UKI, b"0707 more", ["one", "two"], tmp_path)
    after = sections(taken.uki.read_bytes())
    assert after[".initrd"] == before[".initrd"] + b"0707 more" == taken.initramfs.read_bytes()
    assert after[".linux"] == before[".linux"] == taken.kernel.read_bytes()
    assert taken.cmdline == after[".cmdline"].decode() == before[".cmdline"].decode() + " one two"
    changed = (".initrd", ".cmdline")
    assert {name: after[name] for name in before if name not in changed} == {
        name: content for name, content in before.items() if name not in changed
    }


def test_a_kernel_or_a_tar_as_a_uki_would_be_a_traceback(tmp_path: Path) -> None:
    taken = measured_disk.with_files(UKI, b"", [], tmp_path)
    with pytest.raises(ToolError, match=r"kernel: has no section \.linux; name the UKI of a measured disk"):
        measured_disk.with_files(taken.kernel, b"", [], tmp_path)
    with pytest.raises(ToolError, match="is no EFI program"):
        measured_disk.with_files(Path(__file__), b"", [], tmp_path)


def disk(folder: Path) -> Path:
    data, tree, root, made = (folder / name for name in ("data", "tree", "root", "made"))
    data.write_bytes(b"data" * 1024)
    tree.write_bytes(b"tree" * 1024)
    root.write_text("05" * 16 + "06" * 16)
    given = disk_image.DiskInput(UKI, VerityInput(data, tree, root))
    with made.open("wb") as out:
        disk_image.write(given, out)
    return made


def test_firmware_would_start_the_old_uki_or_another_file_system(tmp_path: Path) -> None:
    made = disk(tmp_path)
    before = made.read_bytes()
    uki = tmp_path / "more.efi"
    uki.write_bytes(UKI.read_bytes())
    copy = measured_disk.with_uki(made, uki, tmp_path)
    assert made.read_bytes() == before
    with copy.open("rb") as stream:
        table = gpt.read(stream, "copy")
    with made.open("rb") as stream:
        first, *others = gpt.read(stream, "made").partitions
    *same, esp = table.partitions
    assert same == others
    assert (esp.kind, esp.identity) == (first.kind, first.identity)
    after = copy.read_bytes()
    for partition, content in zip(same, (b"data", b"tree"), strict=True):
        assert after[partition.first * 512 : (partition.last + 1) * 512] == content * 1024
    volume = after[esp.first * 512 : (esp.last + 1) * 512]
    assert volume[82:90] == b"FAT32   "
    assert struct.unpack_from("<I", volume, 28) == (esp.first,)
    assert uki.read_bytes() in volume
    assert b"BOOTX64 EFI" in volume


@pytest.mark.parametrize("start", measured_disk.STARTS)
def test_qemu_would_be_told_to_start_something_else(tmp_path: Path, start: str) -> None:
    made = disk(tmp_path)
    paths = {name: tmp_path / name for name in ("qemu", "busybox", "firmware")}
    vm = machine.VirtualMachine(
        name="x",
        architecture="amd64",
        host="amd64",
        qemu=paths["qemu"],
        kernel=UKI,
        initramfs=UKI,
        image=made,
        busybox=paths["busybox"],
        digest="",
        memory=64,
        cpus=1,
        cmdline=("more",),
        disk=machine.MeasuredDisk(start, UKI, paths["firmware"]),
    )
    tree = Tree()
    tree.add("run/x", file(b"x"))
    ready = machine.with_files(vm, tree, tmp_path)
    words = machine.command(ready, [], kvm=False)
    drives = [word for word in words if word.startswith(("file=", "if=pflash"))]
    assert all("readonly=on" in drive for drive in drives)
    started = [words[at + 1] for at, word in enumerate(words) if word == "-kernel"]
    if start == "kernel":
        assert started == [str(tmp_path / "kernel")]
        assert words[words.index("-initrd") + 1] == str(tmp_path / "initramfs")
        own = sections(UKI.read_bytes())[".cmdline"].decode()
        assert words[words.index("-append") + 1] == f"{own} console=ttyS0 panic=-1 quiet no_timer_check more"
        assert not any(str(paths["firmware"]) in word for word in words)
        return
    assert any(drive.startswith("if=pflash") and str(paths["firmware"]) in drive for drive in drives)
    assert "-append" not in words
    assert started == ([str(tmp_path / "uki.efi")] if start == "uki" else [])
    image = "disk.raw" if start == "disk" else "made"
    assert any(drive.startswith(f"file={tmp_path / image},") for drive in drives)
