"""uki: makes a unified kernel image of a kernel, an initramfs and a command line, and signs it."""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.core.tree import Kind
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.package_set import load
from tools.sysimage.disk import authenticode
from tools.sysimage.formats import pe, uki
from tools.sysimage.formats.pe import PeFile
from tools.sysimage.formats.verity import read_root_hash

_STUB = re.compile(r"usr/lib/systemd/boot/efi/linux\w+\.efi\.stub")
_LONGEST = 2047  # bytes of a command line that Linux takes on x86 and arm64


@dataclass(frozen=True, slots=True, kw_only=True)
class UkiInput:
    """What the rule hands over."""

    packages: tuple[LockedPackage, ...]
    """The package with systemd's stub."""
    architecture: str
    kernel: Path
    initrd: Path | None = None
    cmdline: tuple[str, ...] = ()
    root_hash: Path | None = None
    """Root hash of a file system with dm-verity; the command line gets it as stage1.roothash=…"""
    os_release: Path | None = None
    name: str = ""
    """IMAGE_ID, if there is no os_release."""
    uname: str = ""
    """Release of the kernel; "": the kernel says it."""
    key: Path | None = None
    """PEM of the RSA key that signs the image for Secure Boot."""
    certificate: Path | None = None
    """PEM of the key's certificate."""


def main(argv: Sequence[str]) -> int:
    """Writes the unified kernel image."""
    parser = argparse.ArgumentParser(prog="uki", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON: UkiInput")
    parser.add_argument("--output", type=Path, required=True, help="where the image goes")
    parser.add_argument("--signed", type=Path, help="where it goes with a signature; needs --openssl")
    parser.add_argument("--openssl", type=Path, help='JSON {"argv": […]}: how openssl is started')
    options = parser.parse_args(argv)
    given = json_manifest.read(UkiInput, options.manifest)
    with tempfile.TemporaryDirectory(dir=options.output.parent) as scratch:
        where, stub = find_stub(given.packages, Path(scratch))
    made = {options.output: unified(given, pe.parse(stub, where), where)}
    if options.signed:
        image = b"".join(made[options.output])
        made[options.signed] = signed(given, image, tool_argv(options.openssl))
    with atomic.outputs(*made) as streams:
        for stream, parts in zip(streams, made.values(), strict=True):
            for part in parts:
                stream.write(part)
    return 0


def find_stub(packages: Sequence[LockedPackage], scratch: Path) -> tuple[str, bytes]:
    """systemd's stub in its package: its path, and what it is. Raises ToolError if there is not one."""
    tree = load(dpkg.load_all(packages), scratch)
    found = [path for path in tree.paths() if _STUB.fullmatch(path) and tree[path].kind is Kind.FILE]
    if len(found) != 1:
        raise ToolError(
            f"stub: the set has {len(found)} files usr/lib/systemd/boot/efi/linux….efi.stub; "
            "name one with the package systemd-boot-efi"
        )
    return found[0], tree[found[0]].read()


def unified(given: UkiInput, stub: PeFile, where: str) -> list[bytes]:
    """The parts of the image, one after the other. Raises ToolError for what does not fit together."""
    data = given.kernel.read_bytes()
    kernel = pe.parse(data, f"kernel: {given.kernel}")
    if kernel.machine != stub.machine:
        raise ToolError(
            f"kernel: {given.kernel}: is for machine {kernel.machine:#x}, and the stub for "
            f"{stub.machine:#x} (PE); take both of one architecture"
        )
    uname = given.uname or uki.release(data)
    if not uname:
        raise ToolError(f"kernel: {given.kernel}: does not say its release; give uname")
    sections = {
        ".osrel": given.os_release.read_bytes() if given.os_release else _os_release(given.name),
        ".cmdline": command_line(given).encode(),
        ".uname": uname.encode(),
        ".linux": data,
    }
    if given.initrd is not None:
        sections[".initrd"] = given.initrd.read_bytes()
    sections[".sbat"] = uki.sbat(stub, kernel)
    for name, content in sections.items():
        if not content and name != ".cmdline":
            raise ToolError(f"{name.removeprefix('.')}: the file is empty; name another one, or leave it out")
    return uki.unify(stub, {name: content for name, content in sections.items() if content}, where)


def _os_release(name: str) -> bytes:
    # ID=linux is what os-release(5) has for those who say nothing.
    return f"ID=linux\nIMAGE_ID={name}\n".encode()


def command_line(given: UkiInput) -> str:
    """The command line, with the root hash. Raises ToolError for one that a kernel does not take as it is."""
    words = list(given.cmdline)
    if given.root_hash is not None:
        if any(word.startswith("stage1.roothash=") for line in words for word in line.split()):
            raise ToolError("cmdline: verity says stage1.roothash=; leave the word out")
        words.append(f"stage1.roothash={read_root_hash(given.root_hash)}")
    line = " ".join(words)
    if not line.isascii() or not line.isprintable():
        raise ToolError(f"cmdline: {line!r}: has characters that are not printable ASCII; leave them out")
    if len(line) > _LONGEST:
        raise ToolError(f"cmdline: has {len(line)} bytes, and Linux takes {_LONGEST}; shorten it")
    return line


def signed(given: UkiInput, image: bytes, openssl: Sequence[str]) -> list[bytes]:
    """The parts of the image with a signature. Raises ToolError if key and certificate do not make one."""
    if given.key is None or given.certificate is None:
        raise ToolError("secure_boot_key: needs secure_boot_certificate, and it the key; give both")
    signer = authenticode.certificate(given.certificate.read_text("latin-1"), str(given.certificate))

    def sign(data: bytes) -> bytes:
        return _openssl(openssl, ["dgst", "-sha256", "-sign", str(given.key)], data, f"{given.key}")

    with tempfile.NamedTemporaryFile() as public, tempfile.NamedTemporaryFile() as signature:
        text = _openssl(openssl, ["x509", "-pubkey", "-noout"], given.certificate.read_bytes(), "certificate")
        public.write(text)
        public.flush()
        signature.write(sign(b"a trial"))
        signature.flush()
        check = ["dgst", "-sha256", "-verify", public.name, "-signature", signature.name]
        _openssl(openssl, check, b"a trial", f"{given.certificate}: is not the certificate of {given.key}")
    return authenticode.signed(pe.parse(image, "uki"), signer, sign, "uki")


def _openssl(openssl: Sequence[str], words: Sequence[str], data: bytes, where: str) -> bytes:
    done = subprocess.run([*openssl, *words], input=data, capture_output=True, check=False, env={})
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ToolError(
            f"{where}: openssl {words[0]}: {said or f'status {done.returncode}'}; "
            "name an RSA key in PEM without a password, and its certificate"
        )
    return done.stdout


if __name__ == "__main__":
    run(main)
