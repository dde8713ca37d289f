"""Boots with OVMF and a TPM: what is predicted is what is measured, or every guest is turned away."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.measure import guests
from tests.testing.programs import argv
from tools.sysimage.core.span import External
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.package_set import load
from tools.sysimage.disk import disk as disk_image
from tools.sysimage.disk import uki as unified
from tools.sysimage.disk.disk import DiskInput
from tools.sysimage.disk.uki import UkiInput
from tools.sysimage.formats import fat, pe
from tools.sysimage.formats import uki as uki_format
from tools.sysimage.formats.verity import VerityInput
from tools.sysimage.measure import tpm

FIRMWARE = Path(os.environ["OVMF"])
KERNEL = Path(os.environ["KERNEL"])
STAGE1 = Path(os.environ["STAGE1"])
STUB = Path(os.environ["STUB"])  # the package with systemd's stub
_BOOT_SERVICES_APPLICATION = 0x80000003  # EV_EFI_BOOT_SERVICES_APPLICATION


@pytest.mark.parametrize("cmdline", ["console=ttyS0 quiet", "", "quiet root=/dev/x a=\"b c\" 'd' \\e"])
def test_direct_boot(tmp_path: Path, cmdline: str) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(STAGE1))
    fields = {"kernel": str(KERNEL), "initrd": str(initrd), "cmdline": [cmdline]}
    predicted = guests.predicted(tmp_path, fields, FIRMWARE)
    options = ["-kernel", str(KERNEL), "-initrd", str(initrd), "-append", cmdline]
    guests.compare(predicted["direct"], guests.boot(options, FIRMWARE))


def test_firmware_with_secure_boot_that_is_off(tmp_path: Path) -> None:
    code, variables = Path(os.environ["SECBOOT"]), Path(os.environ["VARIABLES"])
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(STAGE1))
    fields = {"kernel": str(KERNEL), "initrd": str(initrd), "cmdline": ["quiet"]}
    predicted = guests.predicted(tmp_path, fields, code)
    options = ["-kernel", str(KERNEL), "-initrd", str(initrd), "-append", "quiet"]
    guests.compare(predicted["direct"], guests.boot(options, code, variables))


def _uki(folder: Path) -> Path:
    """A UKI of every section that changes what is measured, beside those of `uki`."""
    where, stub = unified.find_stub([LockedPackage(STUB)], folder)
    sections = {
        ".osrel": b"ID=debian\nNAME=Debian\n",
        ".cmdline": b" console=ttyS0\tquiet \n",
        ".uname": b"6.12",
        ".initrd": guests.initramfs(STAGE1),
        ".pcrpkey": b"-----BEGIN PUBLIC KEY-----\n",
        ".linux": KERNEL.read_bytes(),
    }
    path = folder / "uki.efi"
    path.write_bytes(b"".join(uki_format.unify(pe.parse(stub, where), sections, where)))
    return path


def _file_system(uki: Path, path: Path) -> None:
    """A disk without partitions."""
    files = {"EFI/BOOT/BOOTX64.EFI": External(uki, uki.stat().st_size)}
    shape = fat.geometry(100_000)
    with path.open("wb") as stream:
        fat.Volume(files, shape, identity=1, label="ESP", hidden=0).write(stream)
        stream.truncate(shape.sectors * fat.SECTOR)


def _disk(uki: Path, path: Path) -> None:
    """A disk as clouds have it, with partitions that nobody reads."""
    verity = VerityInput(*(path.with_suffix(ending) for ending in (".data", ".tree", ".hash")))
    verity.data.write_bytes(b"data" * 4096)
    verity.hash_tree.write_bytes(b"tree" * 1024)
    verity.root_hash.write_text("ab" * 16 + "cd" * 16 + "\n")
    with path.open("wb") as stream:
        disk_image.write(DiskInput(uki, verity), stream)


@pytest.mark.parametrize("how", ["direct", "esp", "disk"])
def test_unified(tmp_path: Path, how: str) -> None:
    uki, disk = _uki(tmp_path), tmp_path / "disk"
    fields = {"uki": str(uki)}
    options = ["-kernel", str(uki)]
    if how != "direct":
        options = ["-drive", f"if=none,id=disk,format=raw,readonly=on,file={disk}"]
        options += ["-device", "virtio-blk-pci,drive=disk"]
    if how == "esp":
        _file_system(uki, disk)
    elif how == "disk":
        _disk(uki, disk)
        fields["disk"] = str(disk)
    predicted = guests.predicted(tmp_path, fields, FIRMWARE)
    guests.compare(predicted[how], guests.boot(options, FIRMWARE))


def _signed(folder: Path, uki: Path) -> Path:
    """The UKI, signed by the key whose certificate is in the variables `SNAKEOIL`."""
    tree = load(dpkg.load_all([LockedPackage(Path(os.environ["OVMF_PACKAGE"]))]), folder)
    openssl = argv(Path(os.environ["OPENSSL"]))
    files = {}
    for ending in ("key", "pem"):
        files[ending] = folder / f"snakeoil.{ending}"
        files[ending].write_bytes(tree[f"usr/share/ovmf/PkKek-1-snakeoil.{ending}"].read())
    key = folder / "key"
    words = ["rsa", "-in", str(files["key"]), "-passin", "pass:snakeoil", "-out", str(key)]
    subprocess.run([*openssl, *words], check=True, capture_output=True, env={})
    given = UkiInput(packages=(), architecture="amd64", kernel=KERNEL, key=key, certificate=files["pem"])
    signed = folder / "signed.efi"
    signed.write_bytes(b"".join(unified.signed(given, uki.read_bytes(), openssl)))
    return signed


@pytest.mark.parametrize("signed", [True, False])
def test_enforced_signature(tmp_path: Path, signed: bool) -> None:
    """With Secure Boot, firmware starts what is signed; what it measures is that without the signature."""
    code, variables = Path(os.environ["SECBOOT"]), Path(os.environ["SNAKEOIL"])
    uki, disk = _uki(tmp_path), tmp_path / "disk"
    predicted = guests.predicted(tmp_path, {"uki": str(uki)}, code)["esp"]
    _file_system(_signed(tmp_path, uki) if signed else uki, disk)
    options = ["-drive", f"if=none,id=disk,format=raw,readonly=on,file={disk}"]
    options += ["-device", "virtio-blk-pci,drive=disk"]
    if not signed:
        with pytest.raises(guests.EndedError, match="Access Denied"):
            guests.boot(options, code, variables, ends="Access Denied")
        return
    told = guests.boot(options, code, variables)
    # The stub keeps firmware from looking at the kernel by itself, which it has looked at with the UKI.
    [program] = [event for event in predicted["events"] if event["what"] == "UKI"]
    assert [program["sha384"]] == [
        event.digests["sha384"]
        for event in told.log
        if event.register == 4 and event.kind == _BOOT_SERVICES_APPLICATION
    ]
    for number in (9, 11):
        for bank in tpm.BANKS:
            assert predicted["pcrs"][str(number)][bank] == told.registers[bank, number], f"PCR {number}"
