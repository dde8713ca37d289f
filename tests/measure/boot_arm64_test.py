"""A boot with AAVMF and a TPM: what is predicted of arm64 is what is measured."""

import os
from pathlib import Path

import pytest

from tests.measure import guests


@pytest.mark.parametrize("cmdline", ["console=ttyAMA0 quiet", ""])
def test_direct_boot(tmp_path: Path, cmdline: str) -> None:
    firmware, kernel = Path(os.environ["AAVMF"]), Path(os.environ["KERNEL"])
    initrd = tmp_path / "initrd"
    initrd.write_bytes(guests.initramfs(Path(os.environ["STAGE1"])))
    fields = {"kernel": str(kernel), "initrd": str(initrd), "cmdline": [cmdline], "oak": False}
    predicted = guests.predicted(tmp_path, fields, firmware)
    options = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", cmdline]
    guests.compare(predicted["direct"], guests.boot(options, firmware, machine=guests.VIRT))
