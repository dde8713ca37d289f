"""Boots with OVMF and a TPM: what is foretold is what is measured, or every guest is turned away."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.measure import guests
from tests.testing import fat, ukis
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.package_set import load
from tools.sysimage.measure import measurements, tpm

FIRMWARE = Path(os.environ["OVMF"])
KERNEL = Path(os.environ["KERNEL"])
STAGE1 = Path(os.environ["STAGE1"])
STUB = Path(os.environ["STUB"])  # the package with systemd's stub


def _stub(folder: Path) -> bytes:
    tree = load(dpkg.load_all([LockedPackage(STUB)]), folder)
    return tree["usr/lib/systemd/boot/efi/linuxx64.efi.stub"].read()


def _foretold(folder: Path, fields: dict[str, Any], firmware: Path = FIRMWARE) -> dict[str, Any]:
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"cmdline": [], "firmware": {"tpm": str(firmware)}} | fields))
    assert measurements.main(["--manifest", str(manifest), "--output", str(folder / "measured")]) == 0
    return dict(json.loads((folder / "measured").read_bytes()))["tpm"]["boots"]


def _compare(foretold: dict[str, Any], told: guests.Told) -> None:
    compared = 0
    for number in tpm.REGISTERS:
        for bank in tpm.BANKS:
            ours = foretold["pcrs"][str(number)][bank]
            assert ours == told.registers[bank, number], f"PCR {number}, {bank}"
            assert ours == told.replayed(bank, number), f"PCR {number}, {bank}, by the log"
            compared += 1
    assert compared == 12
    events = [(event["register"], event["sha256"], event["sha384"]) for event in foretold["events"]]
    assert events == [
        (event.register, event.digests["sha256"], event.digests["sha384"])
        for event in told.log
        if event.register in tpm.REGISTERS
    ]


@pytest.mark.parametrize("cmdline", ["console=ttyS0 quiet", "", "quiet root=/dev/x a=\"b c\" 'd' \\e"])
def test_direct_boot(tmp_path: Path, cmdline: str) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(STAGE1))
    fields = {"kernel": str(KERNEL), "initrd": str(initrd), "cmdline": [cmdline]}
    foretold = _foretold(tmp_path, fields)
    options = ["-kernel", str(KERNEL), "-initrd", str(initrd), "-append", cmdline]
    _compare(foretold["direct"], guests.boot(options, FIRMWARE))


def test_firmware_with_secure_boot_that_is_off(tmp_path: Path) -> None:
    code, variables = Path(os.environ["SECBOOT"]), Path(os.environ["VARIABLES"])
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(STAGE1))
    fields = {"kernel": str(KERNEL), "initrd": str(initrd), "cmdline": ["quiet"]}
    foretold = _foretold(tmp_path, fields, code)
    options = ["-kernel", str(KERNEL), "-initrd", str(initrd), "-append", "quiet"]
    _compare(foretold["direct"], guests.boot(options, code, variables))


@pytest.mark.parametrize("how", ["direct", "esp"])
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
    foretold = _foretold(tmp_path, {"uki": str(uki)})
    if how == "direct":
        options = ["-kernel", str(uki)]
    else:
        disk = tmp_path / "disk"
        disk.write_bytes(fat.with_file("EFI/BOOT/BOOTX64.EFI", uki.read_bytes()))
        options = ["-drive", f"if=none,id=disk,format=raw,readonly=on,file={disk}"]
        options += ["-device", "virtio-blk-pci,drive=disk"]
    _compare(foretold[how], guests.boot(options, FIRMWARE))
