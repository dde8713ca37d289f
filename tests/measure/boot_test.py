"""Boots with OVMF and a TPM: what is foretold is what is measured, or every guest is turned away."""

import os
from pathlib import Path

import pytest

from tests.measure import guests
from tests.testing import fat, ukis
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.package_set import load
from tools.sysimage.disk import disk

FIRMWARE = Path(os.environ["OVMF"])
KERNEL = Path(os.environ["KERNEL"])
STAGE1 = Path(os.environ["STAGE1"])
STUB = Path(os.environ["STUB"])  # the package with systemd's stub


def _stub(folder: Path) -> bytes:
    tree = load(dpkg.load_all([LockedPackage(STUB)]), folder)
    return tree["usr/lib/systemd/boot/efi/linuxx64.efi.stub"].read()


@pytest.mark.parametrize("cmdline", ["console=ttyS0 quiet", "", "quiet root=/dev/x a=\"b c\" 'd' \\e"])
def test_direct_boot(tmp_path: Path, cmdline: str) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(STAGE1))
    fields = {"kernel": str(KERNEL), "initrd": str(initrd), "cmdline": [cmdline]}
    foretold = guests.foretold(tmp_path, fields, FIRMWARE)
    options = ["-kernel", str(KERNEL), "-initrd", str(initrd), "-append", cmdline]
    guests.compare(foretold["direct"], guests.boot(options, FIRMWARE))


def test_firmware_with_secure_boot_that_is_off(tmp_path: Path) -> None:
    code, variables = Path(os.environ["SECBOOT"]), Path(os.environ["VARIABLES"])
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(STAGE1))
    fields = {"kernel": str(KERNEL), "initrd": str(initrd), "cmdline": ["quiet"]}
    foretold = guests.foretold(tmp_path, fields, code)
    options = ["-kernel", str(KERNEL), "-initrd", str(initrd), "-append", "quiet"]
    guests.compare(foretold["direct"], guests.boot(options, code, variables))


@pytest.mark.parametrize("how", ["direct", "esp", "disk"])
def test_unified(tmp_path: Path, how: str) -> None:
    uki = tmp_path / "uki.efi"
    sections = {
        ".osrel": b"ID=debian\nNAME=Debian\n",
        ".cmdline": b" console=ttyS0\tquiet \n",
        ".uname": b"6.12",
        ".initrd": guests.initramfs(STAGE1),
        ".pcrpkey": b"-----BEGIN PUBLIC KEY-----\n",
        ".linux": KERNEL.read_bytes(),
    }
    uki.write_bytes(ukis.unify(_stub(tmp_path), sections))
    fields = {"uki": str(uki)}
    if how == "disk":
        fields["disk"] = str(tmp_path / "disk")
        with (tmp_path / "disk").open("w+b") as stream:
            disk.write(disk.DiskInput(uki), stream)
    foretold = guests.foretold(tmp_path, fields, FIRMWARE)
    if how == "direct":
        options = ["-kernel", str(uki)]
    else:
        if how == "esp":
            (tmp_path / "disk").write_bytes(fat.with_file("EFI/BOOT/BOOTX64.EFI", uki.read_bytes()))
        options = ["-drive", f"if=none,id=disk,format=raw,readonly=on,file={tmp_path / 'disk'}"]
        options += ["-device", "virtio-blk-pci,drive=disk"]
    guests.compare(foretold[how], guests.boot(options, FIRMWARE))
