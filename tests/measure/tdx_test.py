"""MRTD: a TD with another one than a verifier expects is turned away.

The judge is a TDX module of our own: it does what the leaves of the ABI specification do, on memory in
which the VMM has put what the firmware's descriptor says. It shares nothing with the tool, not even how the
descriptor is found.
"""

import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.testing import firmwares
from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure import firmware_image, tdx

FIRMWARE = {name: Path(os.environ[name]) for name in ("OVMF", "OVMF_AMDSEV", "OVMF_INTELTDX")}
# Of OVMF.inteltdx.ms.fd 2026.08+ds-2, by two implementations of others.
KNOWN = "a7a1f751abc454f9cbab198ca8d2edb2821935df525c74182b5e776cb0929e8c59aefecce725b0d08a5e9d3d3183bd08"


@dataclass
class TdxModule:
    """TDCS.MRTD, and the two leaves that extend it (Intel TDX Module ABI, 348551: 5.3.20 and 5.3.44)."""

    record: bytearray = field(default_factory=bytearray)
    pages: dict[int, bytes] = field(default_factory=dict)

    def mem_page_add(self, address: int, content: bytes) -> None:
        buffer = bytearray(128)
        buffer[0:12] = b"MEM.PAGE.ADD"
        buffer[16:24] = address.to_bytes(8, "little")
        self.record += buffer
        self.pages[address] = content

    def mr_extend(self, address: int) -> None:
        page, offset = divmod(address, 4096)
        buffer = bytearray(128)
        buffer[0:9] = b"MR.EXTEND"
        buffer[16:24] = address.to_bytes(8, "little")
        self.record += buffer + self.pages[page * 4096][offset : offset + 256]

    def mr_finalize(self) -> str:
        assert len(self.record) % 128 == 0
        return hashlib.sha384(self.record).hexdigest()


def _judge(firmware: bytes) -> str:
    """What KVM does for each section: a page is added, and extended at once (KVM_TDX_INIT_MEM_REGION)."""
    module = TdxModule()
    for offset, raw, address, size, _, attributes in _descriptor(firmware):
        if attributes & 2:
            continue
        for page in range(size // 4096):
            start = offset + page * 4096
            content = firmware[start : min(start + 4096, offset + raw)] if page * 4096 < raw else b""
            module.mem_page_add(address + page * 4096, content + bytes(4096 - len(content)))
            if attributes & 1:
                for chunk in range(16):
                    module.mr_extend(address + page * 4096 + chunk * 256)
    return module.mr_finalize()


def _descriptor(firmware: bytes) -> Iterator[tuple[int, int, int, int, int, int]]:
    """TDX Virtual Firmware Design Guide, 11.1 and 11.2: the descriptor, found by its signature."""
    at = firmware.rindex(b"TDVF")
    length, version, count = (int.from_bytes(firmware[at + n : at + n + 4], "little") for n in (4, 8, 12))
    assert (version, length) == (1, 16 + 32 * count)
    for row in range(at + 16, at + length, 32):
        widths = (4, 4, 8, 8, 4, 4)
        starts = [row + sum(widths[:number]) for number in range(6)]
        offset, raw, address, size, kind, attributes = (
            int.from_bytes(firmware[start : start + width], "little")
            for start, width in zip(starts, widths, strict=True)
        )
        yield offset, raw, address, size, kind, attributes


@pytest.mark.parametrize("name", FIRMWARE)
def test_mrtd_of_every_firmware_that_debian_has_is_that_of_the_leaves(name: str) -> None:
    data = FIRMWARE[name].read_bytes()
    assert tdx.mrtd(firmware_image.parse(data, name)).hex() == _judge(data)


def test_mrtd_is_the_one_that_others_have_computed() -> None:
    data = FIRMWARE["OVMF_INTELTDX"].read_bytes()
    assert tdx.mrtd(firmware_image.parse(data, "x")).hex() == KNOWN


def test_the_firmware_by_default_starts_a_kernel_that_nobody_has_signed_and_measures_it() -> None:
    found = {name: firmware_image.parse(path.read_bytes(), name) for name, path in FIRMWARE.items()}
    assert not found["OVMF"].keys
    assert found["OVMF"].measures_td
    assert found["OVMF_INTELTDX"].keys


def test_mrtd_follows_sections_content_and_attributes_of_any_firmware() -> None:
    chance = random.Random(20)
    seen = set()
    for _ in range(60):
        rows = []
        for number in range(chance.randrange(1, 7)):
            size = chance.randrange(1, 5) * 4096
            raw = chance.choice((0, size, size - 4096 + chance.randrange(4096)))
            offset = chance.randrange(0, 65536 - size)
            rows.append((offset, raw, number << 20, size, chance.randrange(9), chance.randrange(4)))
        data = firmwares.firmware(tdvf=rows, fill=chance.randbytes(4096))
        mine = tdx.mrtd(firmware_image.parse(data, "x")).hex()
        assert mine == _judge(data)
        seen.add(mine)
    assert len(seen) > 40


def test_firmware_that_is_not_for_tdx_is_refused() -> None:
    with pytest.raises(ToolError, match=r"x: has no TDVF metadata; take OVMF.fd of ovmf"):
        tdx.mrtd(firmware_image.parse(firmwares.firmware(tdvf=()), "x"))


def test_the_half_of_a_firmware_that_has_the_code_alone_is_refused() -> None:
    data = firmwares.firmware(tdvf=((0, 4096, 0, 4096, 0, 1), (61440, 8192, 0, 8192, 0, 1)))
    with pytest.raises(ToolError, match=r"x: is shorter than its TDVF metadata says.*; take the whole"):
        tdx.mrtd(firmware_image.parse(data, "x"))
