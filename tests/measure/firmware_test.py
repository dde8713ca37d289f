"""Stage firmware: one that does not measure what is asked for is refused when it is built."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.testing import firmwares
from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure import firmware

PATH = "usr/share/ovmf/OVMF.fd"


def _main(folder: Path, data: bytes, **more: Any) -> dict[str, Any]:
    deb = Deb("ovmf", {PATH: data, "usr/share/ovmf/README": "words"}).write(folder)
    fields = {"architecture": "amd64", "packages": [{"deb": str(deb)}], "path": PATH} | more
    (folder / "manifest").write_text(json.dumps(fields))
    arguments = [f"--{name}={folder / name}" for name in ("manifest", "image", "description")]
    assert firmware.main(arguments) == 0
    assert (folder / "image").read_bytes() == data
    return dict(json.loads((folder / "description").read_bytes()))


def test_a_firmware_is_taken_as_it_is_and_described(tmp_path: Path) -> None:
    found = _main(tmp_path, firmwares.firmware())
    assert found["features"] == {
        "sev-snp": True,
        "sev-snp-kernel-hashes": True,
        "tdx": True,
        "direct-boot": True,
        "measured-boot": True,
        "tdx-measured-boot": True,
        "secure-boot": False,
    }
    assert found["direct_boot"] == "initrd=initrd CMDLINE"
    assert found["sev"]["hashes_address"] == "0x810c00"
    assert [section["kind"] for section in found["sev"]["sections"]] == [
        "SNP_SEC_MEM",
        "SNP_SECRETS",
        "CPUID",
        "SNP_KERNEL_HASHES",
    ]
    assert [section["kind"] for section in found["tdvf"]] == ["BFV", "TD_HOB"]


def test_older_drivers_put_the_word_for_the_initramfs_last(tmp_path: Path) -> None:
    assert _main(tmp_path, firmwares.firmware(firmwares.LAST))["direct_boot"] == "CMDLINE initrd=initrd"


@pytest.mark.parametrize(
    ("data", "feature"),
    [
        (firmwares.firmware(sev=()), "sev-snp"),
        (firmwares.firmware(sev=firmwares.SEV[:3]), "sev-snp-kernel-hashes"),
        # The section is there, but nothing says where the hashes go: OVMF without its driver for them.
        (firmwares.firmware(hashes=0), "sev-snp-kernel-hashes"),
        (firmwares.firmware(tdvf=()), "tdx"),
        (firmwares.firmware(firmwares.MEASURES), "direct-boot"),
        (firmwares.firmware(), "secure-boot"),
        (firmwares.firmware(firmwares.MEASURES + b" initrd=initrd\0"), "tdx-measured-boot"),
        (firmwares.firmware(b" initrd=initrd\0"), "measured-boot"),
    ],
)
def test_what_is_required_and_missing_is_named_with_a_firmware_that_has_it(
    tmp_path: Path, data: bytes, feature: str
) -> None:
    _main(tmp_path, data)
    (tmp_path / "image").unlink()
    with pytest.raises(ToolError, match=rf"OVMF.fd: lacks {feature}, but has .*; take OVMF.amdsev.fd"):
        _main(tmp_path, data, require=[feature])
    assert not (tmp_path / "image").exists()


def test_a_feature_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"require: 'sgx' is not one of sev-snp, sev-snp-kernel-hashes, tdx"):
        _main(tmp_path, firmwares.firmware(), require=["sgx"])


def test_a_path_that_no_package_has_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"no package has a file usr/x.fd; there are usr/share/ovmf/OVMF.fd$"):
        _main(tmp_path, firmwares.firmware(), path="usr/x.fd")


@pytest.mark.parametrize("data", [b"", b"words", bytes(65536), b"_FVH" * 1000])
def test_what_is_no_firmware_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ToolError, match=r"OVMF.fd: is no firmware"):
        _main(tmp_path, data)
