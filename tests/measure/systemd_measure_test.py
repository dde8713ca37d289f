"""PCR 11 of unified kernel images, beside systemd: what is sealed to it opens on this image alone."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.testing import firmwares
from tests.testing.programs import argv
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import pe
from tools.sysimage.measure import firmware_image, stub, tpm

FOLDER = Path(os.environ["SYSTEMD_MEASURE"])
FIRMWARE = firmware_image.parse(firmwares.firmware(), "x")
KERNEL = firmwares.program({".text": b"kernel" * 200})
SECTIONS = {
    ".linux": KERNEL,
    ".osrel": b"ID=debian\n",
    ".cmdline": b"console=ttyS0 quiet",
    ".initrd": b"initramfs" * 500,
    ".ucode": b"microcode",
    ".splash": b"BM",
    ".dtb": b"\xd0\x0d\xfe\xed",
    ".uname": b"6.12.118",
    ".sbat": b"sbat,1,SBAT Version,sbat,1\n",
    ".pcrpkey": b"-----BEGIN PUBLIC KEY-----\n",
}


def _theirs(folder: Path, sections: dict[str, bytes]) -> dict[str, str]:
    command = argv(FOLDER, share=True)
    command += ["calculate", "--phase=", "--bank=sha256", "--bank=sha384", "--json=off"]
    for name, content in sections.items():
        (folder / name).write_bytes(content)
        command.append(f"-{name.replace('.', '-')}={folder / name}")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(re.findall(r"^11:(sha\d+)=([0-9a-f]+)$", done.stdout, re.MULTILINE))


def _ours(sections: dict[str, bytes]) -> dict[str, str]:
    uki = pe.parse(firmwares.program(sections), "uki")
    events = tpm.unified_boots(FIRMWARE, uki, "uki")["direct"]
    return {bank: tpm.pcr(events, 11, bank).hex() for bank in tpm.BANKS}


@pytest.mark.parametrize(
    "left", [(), (".sbat",), (".initrd", ".osrel"), tuple(name for name in SECTIONS if name != ".linux")]
)
def test_pcr_11_is_that_of_systemd_measure(tmp_path: Path, left: tuple[str, ...]) -> None:
    sections = {name: content for name, content in SECTIONS.items() if name not in left}
    theirs = _theirs(tmp_path, sections)
    assert len(theirs) == 2
    assert _ours(sections) == theirs


def test_the_order_of_sections_in_the_file_does_not_count(tmp_path: Path) -> None:
    assert _ours(dict(reversed(SECTIONS.items()))) == _theirs(tmp_path, SECTIONS)


def test_the_signature_of_registers_is_not_measured_into_pcr_11(tmp_path: Path) -> None:
    assert _ours(SECTIONS | {".pcrsig": b"{}"}) == _theirs(tmp_path, SECTIONS)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({".text": b"x"}, r"uki: has no section .linux; name a unified kernel image"),
        (SECTIONS | {".profile": b"ID=a"}, r"uki: has a section .profile, so that it boots otherwise"),
        (SECTIONS | {".dtbauto": b"x"}, r"uki: has a section .dtbauto"),
        (SECTIONS | {".linux": b"no kernel"}, r"uki: .linux: is no EFI program"),
        (SECTIONS | {".cmdline": b"\xff\xfe"}, r"uki: its .cmdline is no UTF-8"),
    ],
)
def test_an_image_that_does_not_boot_alike_everywhere_is_refused(
    sections: dict[str, bytes], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        _ours(sections)


def test_the_command_line_is_what_the_stub_makes_of_the_section() -> None:
    assert stub.command_line({".cmdline": b"\n a\tb  c \n\0rest"}, "x") == "a b  c"
    assert stub.command_line({}, "x") == ""
