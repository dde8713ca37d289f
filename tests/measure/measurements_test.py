"""Stage measurements: what moves a value, and what is refused. What is not as predicted is turned away."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.testing import firmwares
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import gpt
from tools.sysimage.formats.gpt import Partition
from tools.sysimage.formats.measured_file import values
from tools.sysimage.measure import firmware_image, measurements
from tools.sysimage.measure.measurements_golden import differences
from tools.sysimage.measure.snp import KernelHashes, SnpGuest, SnpLaunch

KERNEL = firmwares.program({".text": b"kernel" * 200, ".data": b"data"}, signature=b"s" * 64, setup=True)
FIRMWARE = firmwares.firmware()
UKI = {
    ".osrel": b"ID=debian",
    ".cmdline": b"quiet",
    ".initrd": b"initramfs" * 60,
    ".linux": KERNEL,
    ".uname": b"6.12",
    ".sbat": b"sbat",
    ".pcrsig": b"{}",
}


def _inputs(folder: Path, **changed: bytes) -> dict[str, Any]:
    """The manifest's fields, for files with their usual content or another one."""
    files = {
        "kernel": KERNEL,
        "initrd": b"initramfs" * 100,
        "image": b"image" * 100,
        "sev-snp": FIRMWARE,
        "tdx": FIRMWARE,
        "tpm": FIRMWARE,
    } | changed
    folder.mkdir(exist_ok=True, parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for bank in ("sha256", "sha384"):
        (folder / bank).write_text(f"{hashlib.new(bank, files['image']).hexdigest()}  image\n")
    return {
        "cmdline": ["quiet", "stage1.size={size}", "stage1.sha256={sha256}"],
        "kernel": str(folder / "kernel"),
        "initrd": str(folder / "initrd"),
        "image": {
            "image": str(folder / "image"),
            "sha256": str(folder / "sha256"),
            "sha384": str(folder / "sha384"),
        },
        "firmware": {name: str(folder / name) for name in ("sev-snp", "tdx", "tpm")},
        "cpu_types": ["EPYC-Milan", "EPYC-Genoa"],
        "vcpus": [1, 2],
        "guest_features": [1, 0x21],
    }


def _uki_inputs(folder: Path, sections: dict[str, bytes]) -> dict[str, Any]:
    """The manifest's fields, for a UKI of these sections."""
    fields = _inputs(folder, uki=firmwares.program(sections)) | {"uki": str(folder / "uki")}
    return fields | {"kernel": None, "initrd": None, "image": None, "cmdline": []}


def _measure(folder: Path, fields: dict[str, Any]) -> dict[str, Any]:
    (folder / "manifest.json").write_text(json.dumps(fields))
    output = folder / "measured.json"
    assert measurements.main(["--manifest", str(folder / "manifest.json"), "--output", str(output)]) == 0
    return dict(json.loads(output.read_bytes()))


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# What a changed byte has to move: substrings of names of values; all others stay.
_TD = ["tdx mrtd"]
_MATRIX: dict[str, tuple[dict[str, bytes], dict[str, Any], list[str]]] = {
    "kernel": (
        {"kernel": _flip(KERNEL, 0x1003)},
        {},
        [
            "kernel_hashes=True",
            "direct rtmr1",
            "EV_EFI_BOOT_SERVICES_APPLICATION",
            "direct pcrs 4",
            "oak kernel_image",
        ],
    ),
    # Firmware measures a kernel without its signature, QEMU with it.
    "kernel's signature": (
        {"kernel": _flip(KERNEL, len(KERNEL) - 1)},
        {},
        ["kernel_hashes=True", "oak kernel_image"],
    ),
    "kernel's setup data": (
        {"kernel": _flip(KERNEL, 0x300)},
        {},
        [
            "kernel_hashes=True",
            "direct rtmr1",
            "EV_EFI_BOOT_SERVICES_APPLICATION",
            "direct pcrs 4",
            "oak kernel_setup_data",
        ],
    ),
    "initrd": (
        {"initrd": b"initramfs" * 99 + b"initramfz"},
        {},
        ["kernel_hashes=True", "direct rtmr2", "Linux initrd", "direct pcrs 9", "oak init_ram_fs"],
    ),
    "image": (
        {"image": b"image" * 99 + b"imagf"},
        {},
        [
            "kernel_hashes=True",
            "direct rtmr2",
            "LoadOptions",
            "direct pcrs 9",
            "oak kernel_cmd_line",
            "oak system_image",
        ],
    ),
    "cmdline": (
        {},
        {"cmdline": ["quieu", "stage1.size={size}", "stage1.sha256={sha256}"]},
        ["kernel_hashes=True", "direct rtmr2", "LoadOptions", "direct pcrs 9", "oak kernel_cmd_line"],
    ),
    "firmware for SEV-SNP": ({"sev-snp": _flip(FIRMWARE, 0x9000)}, {}, ["sev_snp"]),
    "firmware for TDX": ({"tdx": _flip(FIRMWARE, 0x9000)}, {}, _TD),
    "variables of the firmware for TDX": ({"tdx": _flip(FIRMWARE, 0x3000)}, {}, []),
    "driver of the firmware for TDX": (
        {"tdx": firmwares.firmware(firmwares.LAST)},
        {},
        ["tdx boots direct rtmr2", "tdx boots direct events rtmr2 EV_EVENT_TAG LOADED_IMAGE"],
    ),
    "firmware with a TPM": ({"tpm": _flip(FIRMWARE, 0x9000)}, {}, []),
    "Secure Boot of the firmware with a TPM": (
        {"tpm": firmwares.firmware(firmwares.FIRST + firmwares.SECURE_BOOT)},
        {},
        ["tpm boots direct pcrs 7", "register=7 EV_EFI_VARIABLE_DRIVER_CONFIG variable SecureBoot"],
    ),
    "driver of the firmware with a TPM": (
        {"tpm": firmwares.firmware(firmwares.LAST)},
        {},
        ["tpm boots direct pcrs 9", "tpm boots direct events register=9 EV_EVENT_TAG LOADED_IMAGE"],
    ),
}


@pytest.mark.parametrize("what", _MATRIX)
def test_a_changed_byte_moves_what_it_must_and_nothing_else(tmp_path: Path, what: str) -> None:
    files, fields, expected = _MATRIX[what]
    before = _measure(tmp_path / "a", _inputs(tmp_path / "a"))
    after = _measure(tmp_path / "b", _inputs(tmp_path / "b", **files) | fields)
    was, now = dict(values(before)), dict(values(after))
    assert was.keys() == now.keys()
    moved = {name for name in was if was[name].value != now[name].value}
    assert moved == {name for name in was if any(part in name for part in expected)}
    for part in expected:
        assert any(part in name for name in moved), part
    # What moved says that it is made of what was changed.
    changed = {name for name in before["inputs"] if before["inputs"][name] != after["inputs"][name]}
    assert changed
    assert all(set(was[name].of) & changed for name in moved)
    assert not [line for line in differences(before, after) if "not of an input" in line]


def test_a_uki_is_hashed_as_a_kernel_without_initramfs_and_command_line(tmp_path: Path) -> None:
    found = _measure(tmp_path, _uki_inputs(tmp_path, UKI))["sev_snp"]["launch_digests"]
    launch = SnpLaunch(firmware_image.parse(FIRMWARE, "x"), KernelHashes.of(firmwares.program(UKI), b"", ""))
    guest = SnpGuest("EPYC-Milan", 1, 1)
    [one] = [each for each in found if each["kernel_hashes"] and each["value"] == launch.digest(guest).hex()]
    assert one["of"] == ["firmware:sev-snp", "uki"]


def test_without_kernel_hashes_firmware_that_lacks_them_is_measured_alone(tmp_path: Path) -> None:
    data = firmwares.firmware(sev=((0x1000, 0x1000, 1),))
    measured = _measure(tmp_path, _inputs(tmp_path, **{"sev-snp": data}) | {"kernel_hashes": False})
    found = measured["sev_snp"]["launch_digests"]
    assert {(one["kernel_hashes"], *one["of"]) for one in found} == {(False, "firmware:sev-snp")}


def test_options_of_the_program_take_the_place_of_the_target_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    fields = _inputs(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(fields))
    (tmp_path / "other").write_bytes(b"other")
    text = "--vcpus 8 --vcpus 16 --cpu-type EPYC-Turin --guest-features 0x21 --image other --initrd other"
    words = [*text.split(), "--cmdline", "debug {sha256}", "--firmware", "tdx=tpm"]
    assert measurements.main(["--manifest", str(tmp_path / "manifest.json"), *words]) == 0
    digest = hashlib.sha256(b"other").hexdigest()
    wanted = fields | {
        "vcpus": [8, 16],
        "cpu_types": ["EPYC-Turin"],
        "guest_features": [0x21],
        "cmdline": [f"debug {digest}"],
        "initrd": str(tmp_path / "other"),
        "image": {"image": str(tmp_path / "other")},
        "firmware": fields["firmware"] | {"tdx": str(tmp_path / "tpm")},
    }
    assert json.loads(capsys.readouterr().out) == _measure(tmp_path, wanted)


# Whatever changes: the UKI itself.
_FILE = [r"kernel_hashes=True", r"APPLICATION UKI sha", r"pcrs 4 sha", r"(direct|esp) rtmr1$"]
_INITRAMFS = [r"Linux initrd sha", r"pcrs 9 sha", r"(direct|esp) rtmr2$"]
_SECTIONS = [r"pcrs 11 sha", r"(direct|esp) rtmr2$"]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (".osrel", [r"section \.osrel sha", *_SECTIONS, *_INITRAMFS]),
        (".cmdline", [r"section \.cmdline sha", *_SECTIONS, r"LoadOptions sha", r"pcrs 9 sha"]),
        (".initrd", [r"section \.initrd sha", *_SECTIONS, *_INITRAMFS]),
        (".linux", [r"section \.linux sha", *_SECTIONS, r"kernel in the UKI sha"]),
        (".uname", [r"section \.uname sha", *_SECTIONS]),
        (".sbat", [r"section \.sbat sha", *_SECTIONS]),
        # It signs what PCR 11 will be, so that it can't be in it.
        (".pcrsig", _INITRAMFS),
    ],
)
def test_a_changed_section_of_a_uki_moves_what_it_must_and_nothing_else(
    tmp_path: Path, section: str, expected: list[str]
) -> None:
    found = []
    for name, sections in (("a", UKI), ("b", UKI | {section: _flip(UKI[section], len(UKI[section]) // 2)})):
        measured = _measure(tmp_path / name, _uki_inputs(tmp_path / name, sections))
        found.append({name: value.value for name, value in values(measured)})
    was, now = found
    assert was.keys() == now.keys()
    moved = {name for name in was if was[name] != now[name]}
    assert moved == {name for name in was if any(re.search(part, name) for part in (*_FILE, *expected))}
    for part in (*_FILE[1:], *expected):
        assert {"direct", "esp"} == {name.split()[2] for name in moved if re.search(part, name)}


def _disk_inputs(folder: Path, name: str = "root") -> dict[str, Any]:
    """The manifest's fields, for a disk with a UKI and a partition of this name."""
    fields = _uki_inputs(folder, UKI)
    kind, first = uuid.UUID(int=1), gpt.ALIGNMENT
    parts = [
        Partition(kind, uuid.UUID(int=2), "esp", first, 2 * first - 1),
        Partition(kind, uuid.UUID(int=3), name, 2 * first, 3 * first - 1),
    ]
    with (folder / "disk").open("w+b") as stream:
        gpt.table(uuid.UUID(int=4), parts, 4 * first).write(stream)
    return fields | {"disk": str(folder / "disk")}


def test_a_disk_s_partitions_move_pcr_5_and_rtmr1_and_nothing_else(tmp_path: Path) -> None:
    found = [
        dict(values(_measure(tmp_path / name, _disk_inputs(tmp_path / name, name)))) for name in ("a", "b")
    ]
    was, now = found
    assert was.keys() == now.keys()
    moved = {name for name in was if was[name] != now[name]}
    assert moved == {name for name in was if re.search(r"EV_EFI_GPT_EVENT|disk pcrs 5 |disk rtmr1$", name)}
    assert len(moved) == 6
    assert all("disk" in was[name].of for name in moved)


def test_the_event_of_a_disk_is_its_header_and_its_entries_in_use(tmp_path: Path) -> None:
    events = _measure(tmp_path, _disk_inputs(tmp_path))["tpm"]["boots"]["disk"]["events"]
    [event] = [one for one in events if one["kind"] == "EV_EFI_GPT_EVENT"]
    disk = (tmp_path / "disk").read_bytes()
    data = disk[512:604] + (2).to_bytes(8, "little") + disk[1024 : 1024 + 2 * 128]
    assert event["sha256"] == hashlib.sha256(data).hexdigest()
    # Before the first program that is started from it.
    kinds = [one["kind"] for one in events]
    assert kinds[kinds.index("EV_EFI_GPT_EVENT") + 1] == "EV_EFI_BOOT_SERVICES_APPLICATION"


def test_a_launch_from_a_disk_is_that_of_the_firmware_alone(tmp_path: Path) -> None:
    found = _measure(tmp_path, _disk_inputs(tmp_path))["sev_snp"]["launch_digests"]
    assert {(one["kernel_hashes"], *one["of"]) for one in found} == {(False, "firmware:sev-snp")}


def test_a_disk_that_can_not_be_measured_is_refused(tmp_path: Path) -> None:
    fields = _disk_inputs(tmp_path)
    with pytest.raises(ToolError, match="a disk is measured with the UKI that is on it"):
        _measure(tmp_path, _inputs(tmp_path) | {"disk": fields["disk"]})
    (tmp_path / "disk").write_bytes(bytes(4 << 20))
    with pytest.raises(ToolError, match="disk: has no partition table"):
        _measure(tmp_path, fields)


@pytest.mark.parametrize(
    ("variables", "conditions"), [((), 0), (("Lang", "db"), 0), (("Lang", "PK", "db"), 1)]
)
def test_keys_in_a_firmware_for_tdx_are_told_as_a_condition_of_the_boot(
    tmp_path: Path, variables: tuple[str, ...], conditions: int
) -> None:
    measured = _measure(tmp_path, _inputs(tmp_path, tdx=firmwares.firmware(variables=variables)))
    assert len(measured["tdx"]["conditions"]) == conditions


def test_every_value_has_a_name_of_its_own_and_known_inputs(tmp_path: Path) -> None:
    measured = _measure(tmp_path, _inputs(tmp_path))
    names = [name for name, _ in values(measured)]
    assert len(names) == len(set(names)) > 50
    assert {name for _, value in values(measured) for name in value.of} == set(measured["inputs"])


def test_the_bytes_are_the_same_in_another_process_with_another_seed(tmp_path: Path) -> None:
    fields = _inputs(tmp_path)
    _measure(tmp_path, fields)
    for seed in ("1", "2"):
        subprocess.run(
            [
                *(sys.executable, "-m", "tools.sysimage.measure.measurements"),
                *("--manifest", str(tmp_path / "manifest.json"), "--output", str(tmp_path / seed)),
            ],
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (tmp_path / seed).read_bytes() == (tmp_path / "measured.json").read_bytes()


def test_real_firmware_and_a_kernel_of_12_mb_take_less_than_2_seconds(tmp_path: Path) -> None:
    fields = _inputs(
        tmp_path,
        **{
            "kernel": firmwares.program({".text": bytes(12 << 20)}, setup=True),
            "sev-snp": Path(os.environ["OVMF_AMDSEV"]).read_bytes(),
            "tdx": Path(os.environ["OVMF_INTELTDX"]).read_bytes(),
            "tpm": Path(os.environ["OVMF"]).read_bytes(),
        },
    )
    start = time.process_time()
    _measure(tmp_path, fields)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cmdline": ["a\nb"]}, "cmdline: .* no printable ASCII"),
        ({"cmdline": ["größe"]}, "cmdline: .* no printable ASCII"),
        ({"cmdline": ["x" * 2048]}, "cmdline: has 2048 bytes, and Linux takes 2047"),
        ({"image": None}, "cmdline: {size} stands for the image's; give an image"),
        ({"kernel": None}, "need either a kernel or a UKI"),
        ({"vcpus": [0]}, "vcpus: 0 is not between"),
        ({"vcpus": [1 << 40]}, "vcpus: 1099511627776 is not between"),
        ({"policy": -1}, "policy: -1 is no number of 64 bits"),
        ({"guest_svn": 1 << 32}, "guest_svn: 4294967296 is no number of 32 bits"),
        ({"family_id": "abc"}, "family_id: 'abc' is no 16 bytes"),
        ({"image_id": "00" * 15}, "image_id: .* is no 16 bytes"),
        ({"firmware": {"sgx": "/dev/null"}}, "firmware: sgx is not one of sev-snp, tdx, tpm"),
    ],
)
def test_what_can_not_be_measured_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        _measure(tmp_path, _inputs(tmp_path) | change)
    assert not (tmp_path / "measured.json").exists()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("kernel", b"", "kernel: is no EFI program"),
        ("kernel", b"\x7fELF" + bytes(9000), "kernel: is no EFI program"),
        ("kernel", KERNEL[:0x1100], "kernel: is no EFI program"),
        ("kernel", KERNEL[:64], "kernel: is no EFI program"),
        ("kernel", firmwares.program({".text": b"x"}), "kernel: is no bzImage.*; name one for x86-64"),
        ("sev-snp", b"", "sev-snp: is no firmware"),
        ("sev-snp", os.urandom(65536), "sev-snp: is no firmware"),
        ("tdx", bytes(4096), "tdx: is no firmware"),
        ("tpm", firmwares.firmware(firmwares.MEASURES), "tpm: has no driver that boots a kernel directly"),
        ("tpm", firmwares.firmware(b" initrd=initrd\0"), "tpm: has no driver that measures a boot"),
        ("tdx", firmwares.firmware(b" initrd=initrd\0"), "tdx: has no driver that measures a boot"),
        (
            "tdx",
            firmwares.firmware(firmwares.MEASURES + b" initrd=initrd\0"),
            "tdx: has no driver that measures a boot into a TD's registers",
        ),
        (
            "tpm",
            firmwares.firmware(variables=("Lang", "PK")),
            "tpm: has keys of Secure Boot, with which PCR 7",
        ),
        ("sev-snp", firmwares.firmware(sev=((0x1000, 0x1001, 1),)), "sev-snp: its metadata is damaged"),
        ("sev-snp", firmwares.firmware(sev=((0x1000, 0x1000, 1),)), "sev-snp: has no SNP_KERNEL_HASHES"),
        (
            "sev-snp",
            firmwares.firmware(sev=((0x1000, 0x1000, 0x77), (0x2000, 0x1000, 0x10))),
            "sev-snp: has SEV metadata of the unknown kind 119",
        ),
        ("sev-snp", firmwares.firmware(sev=((0, 0xFFFFF000, 1),)), "sev-snp: its metadata is damaged"),
        ("tdx", firmwares.firmware(tdvf=((0, 8192, 0, 4096, 0, 1),)), "tdx: its metadata is damaged"),
    ],
)
def test_garbage_is_refused_in_a_line(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    with pytest.raises(ToolError, match=message) as caught:
        _measure(tmp_path, _inputs(tmp_path, **{name: data}))
    assert "\n" not in str(caught.value)


def test_flipped_bytes_of_metadata_are_measured_or_refused_never_a_traceback(tmp_path: Path) -> None:
    refused = 0
    for at in [*range(0xF800, 0x10000, 7), *range(0x80, 0xA0, 3)]:
        try:
            _measure(tmp_path, _inputs(tmp_path, tdx=_flip(FIRMWARE, at), **{"sev-snp": _flip(FIRMWARE, at)}))
        except ToolError:
            refused += 1
    assert 10 < refused < 290
