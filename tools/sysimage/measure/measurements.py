"""measurements: predicts what a boot of a confidential VM measures, as JSON for verifiers.

Each value has beside it what it is made of: {"value": …, "of": ["firmware:sev-snp", "kernel", …]}, names of
"inputs".
"""

import argparse
import base64
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.formats import gpt, pe
from tools.sysimage.formats.gpt import Table
from tools.sysimage.measure import firmware_image, oak, tdx, tpm
from tools.sysimage.measure.firmware_image import FirmwareImage
from tools.sysimage.measure.snp import IdBlock, KernelHashes, SnpGuest, SnpLaunch
from tools.sysimage.measure.tpm import Event

FORMAT = "rules_system_image measurements 1"
TECHNOLOGIES = ("sev-snp", "tdx", "tpm")
_LONGEST = 2047  # bytes of a command line that Linux takes on x86


@dataclass(frozen=True, slots=True)
class ImageInput:
    """A system image, and the files of its digests."""

    image: Path
    sha256: Path | None = None
    """In the format of sha256sum(1); None: it is computed."""
    sha384: Path | None = None


@dataclass(frozen=True, slots=True)
class MeasurementsInput:
    """What the rule hands over."""

    cmdline: tuple[str, ...]
    """Words; `{size}` and `{sha256}` stand for the image's."""
    firmware: Mapping[str, Path]
    """Technology → firmware."""
    kernel: Path | None = None
    initrd: Path | None = None
    image: ImageInput | None = None
    uki: Path | None = None
    disk: Path | None = None
    """A raw disk, in whose EFI system partition the UKI is."""
    cpu_types: tuple[str, ...] = ()
    vcpus: tuple[int, ...] = ()
    guest_features: tuple[int, ...] = ()
    policy: int = 0x30000
    """Policy in the ID block: what an SNP guest may be; the default is one without debugging, with SMT."""
    family_id: str = ""
    """16 bytes of the ID block, in hexadecimal."""
    image_id: str = ""
    guest_svn: int = 0
    kernel_hashes: bool = True
    """Whether SEV-SNP launches are measured with the kernel's hashes, too."""
    oak: bool = True
    """Whether the layers of Oak are in it."""


_DOC = "Predicts what a boot of a confidential VM measures, as JSON for verifiers."
_EXAMPLES = {
    "bazel run //system_image:measure -- --vcpus 8 --cpu-type EPYC-Turin": "SEV-SNP of another machine",
    'bazel run //system_image:measure -- --cmdline "console=ttyS0 debug"': "of another command line",
    "bazel run //system_image:measure -- --uki guest.efi": "of a unified kernel image",
}


def main(argv: Sequence[str]) -> int:
    """Writes the measurements."""
    parser = CommandLine("measure", _DOC, _EXAMPLES)
    parser.given("--manifest", type=Path)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cmdline", help="words; {size} and {sha256} stand for the image's")
    parser.add_argument("--kernel", type=workspace_path, metavar="FILE", help="the kernel")
    parser.add_argument("--initrd", type=workspace_path, metavar="FILE", help="the initramfs")
    parser.add_argument(
        "--uki", type=workspace_path, metavar="FILE", help="a unified kernel image, instead of these"
    )
    parser.add_argument(
        "--disk", type=workspace_path, metavar="FILE", help="the raw disk that has the unified kernel image"
    )
    parser.add_argument("--image", type=workspace_path, metavar="FILE", help="the system image")
    parser.add_argument(
        "--firmware",
        action="append",
        default=[],
        metavar="TECHNOLOGY=FILE",
        help=f"the firmware for one of {', '.join(TECHNOLOGIES)}",
    )
    parser.add_argument(
        "--cpu-type", action="append", dest="cpu_types", metavar="TYPE", help="QEMU's, for SEV-SNP"
    )
    parser.add_argument("--vcpus", action="append", type=int, metavar="N", help="processors, for SEV-SNP")
    parser.add_argument(
        "--guest-features",
        action="append",
        type=_whole,
        metavar="N",
        help="SEV_FEATURES, as 0x1, for SEV-SNP",
    )
    options = parser.parse_args(argv)
    text = render(measure(_changed(json_manifest.read(MeasurementsInput, options.manifest), options)))
    if options.output is None:
        print(text, end="")
        return 0
    with atomic.output(options.output) as stream:
        stream.write(text.encode())
    return 0


def _whole(text: str) -> int:
    return int(text, 0)


def _changed(given: MeasurementsInput, options: argparse.Namespace) -> MeasurementsInput:
    """The inputs, with what the command line says in place of the manifest's."""
    changed: dict[str, Any] = {
        name: value
        for name in ("kernel", "initrd", "uki", "disk", "vcpus", "cpu_types", "guest_features")
        if (value := getattr(options, name)) is not None
    }
    if options.uki is not None:
        changed |= {"kernel": None, "initrd": None, "cmdline": ()}
    if options.cmdline is not None:
        changed["cmdline"] = (options.cmdline,)
    if options.image is not None:
        changed["image"] = ImageInput(options.image)
    firmware = dict(given.firmware)
    for word in options.firmware:
        technology, equals, path = word.partition("=")
        if not equals:
            raise ToolError(f"--firmware {word}: is no TECHNOLOGY=FILE")
        firmware[technology] = workspace_path(path)
    return dataclasses.replace(given, firmware=firmware, **changed)


def render(measured: Mapping[str, Any]) -> str:
    """JSON that is the same for the same measurements."""
    return json.dumps(measured, indent=1) + "\n"


def measure(given: MeasurementsInput) -> dict[str, Any]:
    """All measurements. Raises ToolError for what can't be measured, or can't be."""
    return Measured(given).report()


class Measured:
    """The inputs, read once, and what follows from them."""

    def __init__(self, given: MeasurementsInput) -> None:
        self.given = given
        self.inputs: dict[str, dict[str, Any]] = {}
        self.kernel = self._read("kernel", given.kernel)
        self.initrd = self._read("initrd", given.initrd)
        self.uki = self._read("uki", given.uki)
        if (self.kernel is None) == (self.uki is None):
            raise ToolError("measurements: need either a kernel or a UKI; give one of the two")
        if self.kernel is None and (self.initrd is not None or given.cmdline):
            raise ToolError(
                "measurements: initrd and cmdline are in the UKI already; leave them out, or give a kernel"
            )
        self.program = self.kernel or self.uki or b""
        """What is booted: the kernel, or the UKI."""
        self.partitions = self._disk(given.disk) if given.disk else None
        self.pe = pe.parse(self.program, str(given.kernel or given.uki))
        self.image = self._image(given.image) if given.image else {}
        self.cmdline = self._cmdline() if self.kernel is not None else ""

    def _read(self, name: str, path: Path | None) -> bytes | None:
        if path is None:
            return None
        data = path.read_bytes()
        self.inputs[name] = {"size": len(data)} | {
            bank: hashlib.new(bank, data).hexdigest() for bank in tpm.BANKS
        }
        return data

    def _disk(self, path: Path) -> Table:
        if self.uki is None:
            raise ToolError("measurements: a disk is measured with the UKI that is on it; give both")
        with path.open("rb") as stream:
            table = gpt.read(stream, str(path))
        self.inputs["disk"] = {"size": path.stat().st_size} | {
            bank: _digest(path, bank) for bank in tpm.BANKS
        }
        return table

    def _image(self, given: ImageInput) -> dict[str, Any]:
        facts: dict[str, Any] = {"size": given.image.stat().st_size}
        for bank, path in (("sha256", given.sha256), ("sha384", given.sha384)):
            if path is not None:
                facts[bank] = path.read_text("utf-8").split()[0]
            else:
                facts[bank] = _digest(given.image, bank)
        self.inputs["image"] = facts
        return facts

    def _cmdline(self) -> str:
        words = " ".join(self.given.cmdline)
        for name in ("size", "sha256"):
            place = f"{{{name}}}"
            if place in words and not self.image:
                raise ToolError(
                    f"cmdline: {place} stands for the image's; give an image, or leave the word out"
                )
            words = words.replace(place, str(self.image.get(name, "")))
        if not words.isascii() or not words.isprintable():
            raise ToolError(
                f"cmdline: {words!r} has characters that are no printable ASCII, which firmware changes"
            )
        if len(words) > _LONGEST:
            raise ToolError(f"cmdline: has {len(words)} bytes, and Linux takes {_LONGEST}")
        self.inputs["cmdline"] = {"text": words, "sha256": hashlib.sha256(words.encode()).hexdigest()}
        return words

    def firmware(self, technology: str) -> FirmwareImage:
        """A firmware, which becomes an input."""
        path = self.given.firmware[technology]
        data = self._read(f"firmware:{technology}", path) or b""
        return firmware_image.parse(data, str(path))

    def report(self) -> dict[str, Any]:
        """The measurements of all technologies that have a firmware."""
        if unknown := sorted(set(self.given.firmware) - set(TECHNOLOGIES)):
            raise ToolError(f"firmware: {unknown[0]} is not one of {', '.join(TECHNOLOGIES)}")
        sections: dict[str, Any] = {}
        if "sev-snp" in self.given.firmware:
            sections["sev_snp"] = self._snp(self.firmware("sev-snp"))
        if "tdx" in self.given.firmware:
            sections["tdx"] = self._tdx(self.firmware("tdx"))
        if "tpm" in self.given.firmware:
            sections["tpm"] = self._tpm(self.firmware("tpm"))
        if self.given.oak and self.kernel is not None:
            sections["oak"] = self._oak(self.kernel)
        return {"format": FORMAT, "inputs": self.inputs, **sections}

    def _boots(self, technology: str, firmware: FirmwareImage) -> dict[str, list[Event]]:
        """How it is booted → events."""
        if self.kernel is not None:
            boots = {"direct": tpm.direct_boot(firmware, self.pe, self.initrd, self.cmdline)}
        else:
            boots = tpm.unified_boots(firmware, self.pe, str(self.given.uki), self.partitions)
        return {name: _named(events, technology) for name, events in boots.items()}

    def _snp(self, firmware: FirmwareImage) -> dict[str, Any]:
        of = ["firmware:sev-snp"]
        block = IdBlock(
            policy=self.given.policy,
            family_id=_sixteen("family_id", self.given.family_id),
            image_id=_sixteen("image_id", self.given.image_id),
            guest_svn=self.given.guest_svn,
        )
        block.check()
        launches = [(SnpLaunch(firmware), False, of)]
        # What is on a disk comes after the launch.
        if self.given.kernel_hashes and not self.partitions:
            # A UKI by -kernel is a kernel without initramfs and command line.
            hashes = KernelHashes.of(self.program, self.initrd or b"", self.cmdline)
            launches.append((SnpLaunch(firmware, hashes), True, [*of, *self._booted()]))
        digests = []
        for cpu_type, vcpus, features, (launch, with_kernel, made_of) in itertools.product(
            self.given.cpu_types, self.given.vcpus, self.given.guest_features, launches
        ):
            digest = launch.digest(SnpGuest(cpu_type, vcpus, features))
            digests.append(
                {
                    "cpu_type": cpu_type,
                    "vcpus": vcpus,
                    "guest_features": f"{features:#x}",
                    "kernel_hashes": with_kernel,
                    "value": digest.hex(),
                    "id_block": base64.b64encode(block.encode(digest)).decode(),
                    "of": made_of,
                }
            )
        return {"vmm": "qemu", "launch_digests": digests}

    def _booted(self) -> list[str]:
        return [name for name in ("kernel", "initrd", "cmdline", "uki") if name in self.inputs]

    def _tdx(self, firmware: FirmwareImage) -> dict[str, Any]:
        if not firmware.measures_td:
            raise ToolError(
                f"{firmware.where}: has no driver that measures a boot into a TD's registers; "
                "take OVMF.fd of ovmf"
            )
        boots = {}
        for name, events in self._boots("tdx", firmware).items():
            registers = {number: tpm.rtmr(events, number) for number in (1, 2)}
            boots[name] = {
                f"rtmr{number}": _value(
                    tpm.extended((event.digests["sha384"] for event in found), "sha384"), _of(found)
                )
                for number, found in registers.items()
            } | {
                "events": [
                    {"register": f"rtmr{number}"} | _shown(event, ("sha384",))
                    for number, found in registers.items()
                    for event in found
                ]
            }
        return {
            "mrtd": _value(tdx.mrtd(firmware), ["firmware:tdx"]),
            "boots": boots,
            "conditions": [tpm.CONDITION] if firmware.keys else [],
            "left_out": {"rtmr0": tpm.LEFT_OUT["rtmr0"]},
        }

    def _tpm(self, firmware: FirmwareImage) -> dict[str, Any]:
        if firmware.keys:
            raise ToolError(
                f"{firmware.where}: has keys of Secure Boot, with which PCR 7 is not predicted; "
                "take one without, such as OVMF.fd"
            )
        boots = {}
        for name, events in self._boots("tpm", firmware).items():
            registers = {
                str(number): {bank: tpm.pcr(events, number, bank).hex() for bank in tpm.BANKS}
                | {"of": _of(event for event in events if event.register == number)}
                for number in tpm.REGISTERS
            }
            boots[name] = {
                "pcrs": registers,
                "events": [
                    {"register": event.register} | _shown(event, tpm.BANKS)
                    for event in events
                    if event.register in tpm.REGISTERS
                ],
            }
        return {"boots": boots, "left_out": {name: tpm.LEFT_OUT[name] for name in ("0", "1")}}

    def _oak(self, kernel: bytes) -> dict[str, Any]:
        layers = oak.measure(kernel, str(self.given.kernel))
        found = {
            "kernel_image": _value(layers.image, ["kernel"]),
            "kernel_setup_data": _value(layers.setup_data, ["kernel"]),
            "kernel_cmd_line": {"value": self.cmdline, "of": ["cmdline"]},
        }
        if self.initrd is not None:
            found["init_ram_fs"] = {"value": self.inputs["initrd"]["sha256"], "of": ["initrd"]}
        if self.image:
            found["system_image"] = {"value": self.image["sha256"], "of": ["image"]}
        return found


def _digest(path: Path, bank: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, bank).hexdigest()


def _sixteen(name: str, text: str) -> bytes:
    try:
        data = bytes.fromhex(text or "00" * 16)
    except ValueError:
        data = b""
    if len(data) != 16:
        raise ToolError(f"{name}: {text!r} is no 16 bytes in hexadecimal")
    return data


def _named(events: Iterable[Event], technology: str) -> list[Event]:
    """Events of one of several firmwares, whose name among the inputs is then that of the technology's."""
    names = {"firmware": f"firmware:{technology}"}
    return [
        dataclasses.replace(event, of=tuple(names.get(name, name) for name in event.of)) for event in events
    ]


def _value(digest: bytes, of: Sequence[str]) -> dict[str, Any]:
    return {"value": digest.hex(), "of": list(of)}


def _of(events: Iterable[Event]) -> list[str]:
    return list(dict.fromkeys(name for event in events for name in event.of))


def _shown(event: Event, banks: Sequence[str]) -> dict[str, Any]:
    digests = {bank: event.digests[bank].hex() for bank in banks}
    return {"kind": event.kind, "what": event.what} | digests | {"of": list(event.of)}


if __name__ == "__main__":
    run(main)
