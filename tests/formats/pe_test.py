"""PE files: a kernel with another digest than its firmware computes is one that no verifier accepts."""

import hashlib
import struct

import pytest

from tests.testing import firmwares
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import pe

SECTIONS = {".text": b"code" * 300, ".data": b"data"}
PLAIN = firmwares.program(SECTIONS)
OPTIONAL = 0x40 + 24
CERTIFICATES = OPTIONAL + 112 + 32


def _set(data: bytes, at: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def _digest(data: bytes) -> bytes:
    return pe.parse(data, "x").authenticode("sha256")


def test_the_digest_leaves_out_checksum_and_signatures_alone() -> None:
    expected = hashlib.sha256(
        PLAIN[: OPTIONAL + 64] + PLAIN[OPTIONAL + 68 : CERTIFICATES] + PLAIN[CERTIFICATES + 8 :]
    )
    assert _digest(PLAIN) == expected.digest()
    assert _digest(_set(PLAIN, OPTIONAL + 64, "<I", 12345)) == expected.digest()
    assert _digest(firmwares.program(SECTIONS, signature=b"s" * 128)) == expected.digest()


def test_what_is_behind_the_sections_counts_unless_it_is_a_signature() -> None:
    assert _digest(PLAIN + b"more") != _digest(PLAIN)
    signed = firmwares.program(SECTIONS, signature=b"s" * 128)
    assert _digest(signed + b"more") != _digest(signed)


@pytest.mark.parametrize("at", [0x30, 0x50, OPTIONAL + 2, 0x200, 0x1000, 0x1400, len(PLAIN) - 1])
def test_every_other_byte_counts(at: int) -> None:
    changed = PLAIN[:at] + bytes([PLAIN[at] ^ 0x80]) + PLAIN[at + 1 :]
    assert _digest(changed) != _digest(PLAIN)


def test_sections_are_hashed_in_the_order_of_the_file_not_of_the_table() -> None:
    table = OPTIONAL + 240
    first, second = PLAIN[table : table + 40], PLAIN[table + 40 : table + 80]
    swapped = PLAIN[:table] + second + first + PLAIN[table + 80 :]
    headers = pe.parse(swapped, "x").headers
    assert pe.parse(swapped, "x").sections[0].name == ".data"
    assert (
        _digest(swapped)
        == hashlib.sha256(
            swapped[: OPTIONAL + 64]
            + swapped[OPTIONAL + 68 : CERTIFICATES]
            + swapped[CERTIFICATES + 8 : headers]
            + swapped[headers:]
        ).digest()
    )


def test_a_section_is_as_long_as_in_memory() -> None:
    image = pe.parse(PLAIN, "x")
    assert {section.name: image.content(section) for section in image.sections} == SECTIONS
    longer = pe.parse(_set(PLAIN, OPTIONAL + 240 + 8, "<I", 2000), "x")
    assert longer.content(longer.sections[0]) == SECTIONS[".text"].ljust(1536, b"\0").ljust(2000, b"\0")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin with MZ"),
        (b"MZ", "requires"),
        (b"MZ" + bytes(100), "has no PE header"),
        (_set(PLAIN, 0x3C, "<I", 0xFFFFFFF0), "has no PE header"),
        (_set(PLAIN, OPTIONAL, "<H", 0x999), "unknown kind 0x999"),
        (_set(PLAIN, 0x46, "<H", 0xFFFF), "has 65535 sections"),
        (_set(PLAIN, 0x46, "<H", 95), "its headers are longer"),
        (_set(PLAIN, OPTIONAL + 60, "<I", 16), "its headers are longer"),
        (_set(PLAIN, OPTIONAL + 60, "<I", 1 << 31), "its headers are longer"),
        (_set(PLAIN, OPTIONAL + 240 + 16, "<I", 1 << 30), r"its section .text ends after the file"),
        (
            _set(PLAIN, OPTIONAL + 240 + 8, "<I", 0xFFFFFFFF),
            r"its section .text takes 4294967295 bytes of memory",
        ),
        (_set(PLAIN, CERTIFICATES, "<II", 16, 1 << 30), "shorter than its sections and signatures"),
        (PLAIN[:-600], "ends after the file"),
    ],
)
def test_what_is_no_program_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ToolError, match=rf"x: is no EFI program \(.*({message}).*\); name a kernel"):
        pe.parse(data, "x")
