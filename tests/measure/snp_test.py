"""Launch digests of SEV-SNP: a guest with another digest than a verifier expects is turned away."""

import ctypes
import itertools
import os
from pathlib import Path

import pytest
from sevsnpmeasure import guest, id_block
from sevsnpmeasure.vcpu_types import CPU_SIGS
from sevsnpmeasure.vmm_types import VMMType

from tests.testing import firmwares
from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure import firmware_image
from tools.sysimage.measure.snp import CPU_TYPES, IdBlock, KernelHashes, SnpGuest, SnpLaunch

AMDSEV = Path(os.environ["OVMF_AMDSEV"])
OVMF = Path(os.environ["OVMF"])
KERNEL, INITRD, CMDLINE = b"kernel" * 999, b"initramfs" * 999, "console=ttyS0 quiet"


def _files(folder: Path) -> tuple[str, str]:
    for name, data in (("kernel", KERNEL), ("initrd", INITRD)):
        (folder / name).write_bytes(data)
    return str(folder / "kernel"), str(folder / "initrd")


def _theirs(path: Path, one: SnpGuest, kernel: str = "", initrd: str = "", cmdline: str = "") -> bytes:
    return guest.snp_calc_launch_digest(
        one.vcpus, CPU_SIGS[one.cpu_type], str(path), kernel, initrd, cmdline, one.features, "", VMMType.QEMU
    )


def test_256_digests_are_those_of_sev_snp_measure(tmp_path: Path) -> None:
    kernel, initrd = _files(tmp_path)
    firmware = firmware_image.parse(AMDSEV.read_bytes(), "OVMF")
    alone = SnpLaunch(firmware)
    with_kernel = SnpLaunch(firmware, KernelHashes.of(KERNEL, INITRD, CMDLINE))
    ours, theirs = [], []
    for cpu, vcpus, features in itertools.product(CPU_TYPES, (1, 2, 8, 64), (0x1, 0x21)):
        one = SnpGuest(cpu, vcpus, features)
        ours += [alone.digest(one), with_kernel.digest(one)]
        theirs += [_theirs(AMDSEV, one), _theirs(AMDSEV, one, kernel, initrd, CMDLINE)]
    assert len(ours) == 256
    assert sum(a != b for a, b in zip(ours, theirs, strict=True)) == 0
    # QEMU has one signature for several versions of a type; beside those, all digests differ.
    assert len(set(ours)) == len(set(CPU_TYPES.values())) * 4 * 2 * 2


def test_no_processor_type_is_missing_or_has_another_signature() -> None:
    assert dict(CPU_TYPES) == CPU_SIGS


@pytest.mark.parametrize("hashes", [0x810000, 0x810C00, 0x810F4F])
@pytest.mark.parametrize("kinds", [(1, 2, 3, 0x10), (0x10, 4, 3, 2, 1), (4, 1, 0x10)])
def test_firmware_with_other_metadata_is_measured_in_its_order(
    tmp_path: Path, hashes: int, kinds: tuple[int, ...]
) -> None:
    kernel, initrd = _files(tmp_path)
    sections = [
        (0x810000 if kind == 0x10 else 0x800000 + 0x10000 * number, 0x3000 if kind == 1 else 0x1000, kind)
        for number, kind in enumerate(kinds, start=2)
    ]
    data = firmwares.firmware(sev=sections, hashes=hashes)
    path = tmp_path / "firmware"
    path.write_bytes(data)
    launch = SnpLaunch(firmware_image.parse(data, "x"), KernelHashes.of(KERNEL, INITRD, CMDLINE))
    one = SnpGuest("EPYC-Genoa", 3, 0x1)
    assert launch.digest(one) == _theirs(path, one, kernel, initrd, CMDLINE)


def test_a_guest_without_initramfs_and_command_line_has_the_hashes_of_nothing(tmp_path: Path) -> None:
    kernel, _ = _files(tmp_path)
    launch = SnpLaunch(firmware_image.parse(AMDSEV.read_bytes(), "x"), KernelHashes.of(KERNEL, b"", ""))
    one = SnpGuest("EPYC-Milan", 1, 1)
    assert launch.digest(one) == _theirs(AMDSEV, one, kernel)


def test_the_id_block_is_the_structure_that_is_signed() -> None:
    theirs = id_block.IdBlock(
        launch_digest=id_block.LaunchDigest(*range(48)),
        ids=bytes(range(1, 33)),
        version=1,
        guest_svn=(7).to_bytes(4, "little"),
        policy=0xB0000,
    )
    ours = IdBlock(0xB0000, bytes(range(1, 17)), bytes(range(17, 33)), 7).encode(bytes(range(48)))
    assert ctypes.sizeof(theirs) == len(ours) == 96
    assert bytes(theirs) == ours


def test_a_kernel_that_nothing_would_measure_is_refused() -> None:
    firmware = firmware_image.parse(OVMF.read_bytes(), "OVMF.fd")
    SnpLaunch(firmware)
    with pytest.raises(ToolError, match=r"OVMF.fd: has no SNP_KERNEL_HASHES.*; take OVMF.amdsev.fd"):
        SnpLaunch(firmware, KernelHashes.of(KERNEL, INITRD, CMDLINE))


def test_firmware_that_is_not_for_sev_snp_is_refused() -> None:
    with pytest.raises(ToolError, match=r"x: has no SEV-SNP metadata"):
        SnpLaunch(firmware_image.parse(firmwares.firmware(sev=()), "x"))


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (SnpGuest("EPYC-Milan", 0, 1), "vcpus: 0 is not between 1 and 4096"),
        (SnpGuest("EPYC-Milan", -1, 1), "vcpus: -1 is not"),
        (SnpGuest("EPYC-Milan", 4097, 1), "vcpus: 4097 is not"),
        (SnpGuest("EPYC-Milan", 1 << 70, 1), "vcpus: .* is not"),
        (SnpGuest("EPYC-Milan", 1, 0), "guest_features: 0x0 is no SEV_FEATURES"),
        (SnpGuest("EPYC-Milan", 1, 0x20), "guest_features: 0x20 is no SEV_FEATURES"),
        (SnpGuest("EPYC-Milan", 1, (1 << 64) + 1), "guest_features: .* is no SEV_FEATURES"),
        (SnpGuest("Xeon", 1, 1), "cpu_types: Xeon is not one of EPYC, EPYC-v1"),
    ],
)
def test_a_guest_that_can_not_be_is_refused(one: SnpGuest, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        SnpLaunch(firmware_image.parse(firmwares.firmware(), "x")).digest(one)
