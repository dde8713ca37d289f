"""Unified kernel images beside ukify and sbverify: firmware has to find all of it, and take the signature."""

import json
import os
import random
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any

import pytest

from tests.testing import firmwares
from tests.testing.programs import argv
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.package_set import load
from tools.sysimage.disk import uki
from tools.sysimage.formats import pe
from tools.sysimage.formats import uki as uki_format

STUB = Path(os.environ["STUB"])
KERNEL = firmwares.program({".text": b"kernel" * 200})
_COUNT = 60  # images that are compared with ukify's
_CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n"


@pytest.fixture(scope="module")
def ukify(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ukify and pefile."""
    folder = tmp_path_factory.mktemp("ukify")
    packages = [LockedPackage(Path(path)) for path in os.environ["UKIFY"].split()]
    tree = load(dpkg.load_all(packages), folder)
    for path in ("usr/bin/ukify", *tree.below("usr/lib/python3/dist-packages")):
        if path.endswith((".py", "ukify")):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(tree[path].read())
    return folder


def _ukify(folder: Path, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(folder / "usr/lib/python3/dist-packages"))
        patch.setattr(sys, "argv", ["ukify", *words])
        try:
            runpy.run_path(str(folder / "usr/bin/ukify"), run_name="__main__")
        except SystemExit as error:
            assert not error.code, f"ukify: {error.code}"


def _manifest(folder: Path, fields: dict[str, Any]) -> Path:
    path = folder / "manifest.json"
    deb = {"deb": str(STUB), "name": "systemd-boot-efi", "version": "", "sha256": ""}
    path.write_text(json.dumps({"architecture": "amd64", "packages": [deb]} | fields))
    return path


def _make(folder: Path, **fields: Any) -> bytes:
    kernel = folder / "kernel"
    if not kernel.exists():
        kernel.write_bytes(KERNEL)
    manifest = _manifest(folder, {"kernel": str(kernel), "uname": "6.12"} | fields)
    assert uki.main(["--manifest", str(manifest), "--output", str(folder / "made.efi")]) == 0
    return (folder / "made.efi").read_bytes()


def test_bytes_are_those_of_ukify(tmp_path: Path, ukify: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(19)
    stub = tmp_path / "stub"
    stub.write_bytes(uki.find_stub([LockedPackage(STUB)], tmp_path)[1])
    kernel, initrd, release = tmp_path / "kernel", tmp_path / "initrd", tmp_path / "release"
    compared = 0
    for number in range(_COUNT):
        sections = {".text": chance.randbytes(chance.choice((1, 511, 512, 70_000)))}
        if number % 3 == 0:
            sections[".sbat"] = b"sbat,1,SBAT Version,sbat,1,x\nlinux,1,The Linux,linux,6.12,x\n"
        program = bytearray(firmwares.program(sections))
        program[0x40 + 24 + 71] = number % 2  # NX_COMPAT
        kernel.write_bytes(program)
        initrd.write_bytes(chance.randbytes(chance.randrange(1, 9000)))
        release.write_text(f"ID=debian\nVERSION_ID={number}\n")
        cmdline = " ".join(f"word{chance.randrange(1 << 30)}" for _ in range(chance.randrange(1, 100)))
        ours = _make(
            tmp_path, kernel=str(kernel), initrd=str(initrd), os_release=str(release), cmdline=[cmdline]
        )
        words = ["build", "--stub", str(stub), "--linux", str(kernel), "--initrd", str(initrd)]
        words += ["--cmdline", cmdline, "--os-release", f"@{release}", "--uname=6.12"]
        _ukify(ukify, [*words, "--output", str(tmp_path / "theirs.efi")], monkeypatch)
        assert ours == (tmp_path / "theirs.efi").read_bytes(), f"image {number}"
        compared += 1
    print(f"{compared} images are ukify's, byte by byte")


def test_root_hash_is_on_the_command_line_that_is_measured(tmp_path: Path) -> None:
    digest = tmp_path / "hash"
    digest.write_text("ab" * 32 + "\n")
    made = pe.parse(_make(tmp_path, cmdline=["console=ttyS0"], root_hash=str(digest)), "made")
    [section] = [section for section in made.sections if section.name == ".cmdline"]
    assert made.content(section) == b"console=ttyS0 stage1.roothash=" + b"ab" * 32


def test_release_of_a_kernel_is_found_where_it_says_it() -> None:
    setup = bytearray(firmwares.program({".text": b"x"}, setup=True))
    setup[0x20E:0x210] = (0x300).to_bytes(2, "little")
    setup[0x500:0x520] = b"6.12.118 (who@where) #1 SMP\0".ljust(32, b"\0")
    assert uki_format.release(bytes(setup)) == "6.12.118"
    assert uki_format.release(b"xx\0Linux version 6.12.1-arm64 (who@where)\n") == "6.12.1-arm64"
    assert uki_format.release(b"compressed") == ""


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cmdline": ["quiet\nroot=/dev/sda"]}, r"cmdline: 'quiet\\nroot=/dev/sda': has characters that are"),
        ({"cmdline": ["x" * 2048]}, r"cmdline: has 2048 bytes, and Linux takes 2047"),
        ({"cmdline": ["a stage1.roothash=1"], "root_hash": "hash"}, r"cmdline: verity says stage1.roothash="),
        ({"root_hash": "kernel"}, r"kernel: is no root hash of 64 hexadecimal digits"),
        ({"initrd": "empty"}, r"initrd: the file is empty"),
        ({"kernel": "empty"}, r"empty: is no EFI program"),
        ({"uname": ""}, r"does not say its release; give uname"),
        ({"kernel": "arm"}, r"arm: is for machine 0xaa64, and the stub for 0x8664"),
        ({"kernel": "sbat"}, r"stub: has 512 bytes of room for .sbat, which takes 8"),
    ],
)
def test_what_would_not_boot_is_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    (tmp_path / "hash").write_text("ab" * 32 + "\n")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "kernel").write_bytes(KERNEL)
    (tmp_path / "arm").write_bytes(KERNEL.replace(b"PE\0\0\x64\x86", b"PE\0\0\x64\xaa"))
    (tmp_path / "sbat").write_bytes(firmwares.program({".sbat": b"sbat,1,x\n" + b"linux,1\n" * 60}))
    named = {
        name: str(tmp_path / value) if name in ("root_hash", "initrd", "kernel") else value
        for name, value in fields.items()
    }
    with pytest.raises(ToolError, match=message):
        _make(tmp_path, **named)
    assert not (tmp_path / "made.efi").exists()


def _openssl(*words: str) -> CompletedProcess[bytes]:
    command = argv(Path(os.environ["OPENSSL"]))
    return run([*command, *words], check=True, capture_output=True, env={"OPENSSL_CONF": "/dev/null"})


def _key(folder: Path, name: str) -> dict[str, str]:
    (folder / "req.cnf").write_text(_CONFIGURATION)
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    _openssl("genrsa", "-out", str(key), "2048")
    _openssl(
        *("req", "-new", "-x509", "-key", str(key), "-out", str(certificate), "-subj", f"/CN={name}/O=x"),
        *("-config", str(folder / "req.cnf"), "-days", "3650"),
    )
    return {"key": str(key), "certificate": str(certificate)}


def _sign(folder: Path, **fields: str) -> bytes:
    kernel = folder / "kernel"
    kernel.write_bytes(KERNEL)
    manifest = _manifest(folder, {"kernel": str(kernel), "uname": "6.12"} | fields)
    openssl = folder / "openssl.json"
    openssl.write_text(json.dumps({"argv": argv(Path(os.environ["OPENSSL"]))}))
    words = ["--manifest", manifest, "--output", folder / "unsigned.efi", "--signed", folder / "signed.efi"]
    assert uki.main([*map(str, words), "--openssl", str(openssl)]) == 0
    return (folder / "signed.efi").read_bytes()


def _verified(image: Path, certificate: str) -> bool:
    command = [*argv(Path(os.environ["SBVERIFY"])), "--cert", certificate, str(image)]
    return run(command, check=False, capture_output=True).returncode == 0


def test_signature_is_one_that_sbverify_takes_and_the_same_each_time(tmp_path: Path) -> None:
    mine, other = _key(tmp_path, "mine"), _key(tmp_path, "other")
    image = tmp_path / "signed.efi"
    signed = _sign(tmp_path, **mine)
    assert signed == _sign(tmp_path, **mine)
    assert _verified(image, mine["certificate"])
    assert not _verified(image, other["certificate"])
    unsigned = pe.parse((tmp_path / "unsigned.efi").read_bytes(), "x")
    for bank in ("sha1", "sha256", "sha384"):
        assert pe.parse(signed, "x").authenticode(bank) == unsigned.authenticode(bank)
    assert signed.startswith(unsigned.data[: unsigned.certificates])
    flipped = 0
    chance = random.Random(19)
    for at in chance.sample(range(unsigned.headers, len(unsigned.data)), 20):
        changed = bytearray(signed)
        changed[at] ^= 1 << chance.randrange(8)
        image.write_bytes(changed)
        flipped += not _verified(image, mine["certificate"])
    assert flipped == 20


def test_key_and_certificate_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    mine, other = _key(tmp_path, "mine"), _key(tmp_path, "other")
    with pytest.raises(ToolError, match=r"other.pem: is not the certificate of .*mine.key: openssl dgst"):
        _sign(tmp_path, key=mine["key"], certificate=other["certificate"])
    with pytest.raises(ToolError, match=r"mine.key: has 0 certificates in PEM"):
        _sign(tmp_path, key=mine["key"], certificate=mine["key"])
    assert not (tmp_path / "signed.efi").exists()
    assert not (tmp_path / "unsigned.efi").exists()
