"""firmware: takes a machine's firmware out of a package set, and says what can be measured with it."""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Kind
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import PackagesInput
from tools.sysimage.debian.package_set import load
from tools.sysimage.measure import firmware_image
from tools.sysimage.measure.firmware_image import FirmwareImage

_SEV_KINDS = {
    firmware_image.SEC_MEM: "SNP_SEC_MEM",
    firmware_image.SECRETS: "SNP_SECRETS",
    firmware_image.CPUID: "CPUID",
    firmware_image.SVSM_CAA: "SVSM_CAA",
    firmware_image.KERNEL_HASHES: "SNP_KERNEL_HASHES",
}
_TDVF_KINDS = (
    "BFV",
    "CFV",
    "TD_HOB",
    "TempMem",
    "PermMem",
    "Payload",
    "PayloadParam",
    "TD_INFO",
    "TD_PARAMS",
)


@dataclass(frozen=True, slots=True)
class FirmwareInput(PackagesInput):
    """What the rule hands over."""

    path: str  # in the packages
    require: tuple[str, ...] = ()  # of FEATURES


def main(argv: Sequence[str]) -> int:
    """Writes the firmware and its description."""
    parser = argparse.ArgumentParser(prog="firmware", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help='JSON: "packages", "path", "require"')
    parser.add_argument("--image", type=Path, required=True, help="the firmware")
    parser.add_argument("--description", type=Path, required=True, help="what it says of itself, as JSON")
    options = parser.parse_args(argv)
    given = json_manifest.read(FirmwareInput, options.manifest)
    data = take(given, options.image.parent)
    found = firmware_image.parse(data, given.path)
    check(found, given.require)
    with atomic.outputs(options.image, options.description) as [image, description]:
        image.write(data)
        description.write((json.dumps(describe(found), indent=1) + "\n").encode())
    return 0


def take(given: FirmwareInput, folder: Path) -> bytes:
    """The firmware. Raises ToolError, which names what might be meant, if the packages lack it."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tree = load(dpkg.load_all(given.packages), Path(scratch))
        node = tree.find(given.path)
        if node is None or node.kind is not Kind.FILE:
            there = ", ".join(path for path in tree.below("usr/share") if path.endswith(".fd"))
            raise ToolError(f"path: no package has a file {given.path}; there are {there or 'no .fd files'}")
        if node.content.size > firmware_image.LARGEST:
            raise ToolError(f"{given.path}: has {node.content.size} bytes, more than any firmware")
        return node.read()


def features(firmware: FirmwareImage) -> dict[str, bool]:
    """What can be asked of a firmware → whether it has it."""
    return {
        "sev-snp": bool(firmware.sev and firmware.reset_address),
        "sev-snp-kernel-hashes": firmware.kernel_hashes,
        "tdx": bool(firmware.tdvf),
        "direct-boot": firmware.initrd_first is not None,
        "measured-boot": firmware.measures,
        "tdx-measured-boot": firmware.measures_td,
        "secure-boot": firmware.keys,
    }


def check(firmware: FirmwareImage, require: Sequence[str]) -> None:
    """Raises ToolError if the firmware lacks what is required."""
    found = features(firmware)
    for name in require:
        if name not in found:
            raise ToolError(f"require: {name!r} is not one of {', '.join(found)}")
        if not found[name]:
            has = ", ".join(name for name, there in found.items() if there) or "none of the others"
            raise ToolError(
                f"{firmware.where}: lacks {name}, but has {has}; take OVMF.amdsev.fd of ovmf-amdsev for "
                "SEV-SNP, OVMF.fd of ovmf for TDX, or do not require it"
            )


def describe(firmware: FirmwareImage) -> Mapping[str, Any]:
    """The description, for JSON. Addresses and sizes are in hexadecimal."""
    return {
        "path": firmware.where,
        "size": len(firmware.data),
        "sha256": hashlib.sha256(firmware.data).hexdigest(),
        "sha384": hashlib.sha384(firmware.data).hexdigest(),
        "features": features(firmware),
        "direct_boot": {None: None, True: "initrd=initrd CMDLINE", False: "CMDLINE initrd=initrd"}[
            firmware.initrd_first
        ],
        "sev": {
            "hashes_address": f"{firmware.hashes_address:#x}",
            "reset_address": f"{firmware.reset_address:#x}",
            "sections": [
                {
                    "address": f"{section.address:#x}",
                    "size": f"{section.size:#x}",
                    "kind": _SEV_KINDS.get(section.kind, f"{section.kind:#x}"),
                }
                for section in firmware.sev
            ],
        },
        "tdvf": [
            {
                "offset": f"{section.offset:#x}",
                "raw_size": f"{section.raw_size:#x}",
                "address": f"{section.address:#x}",
                "size": f"{section.size:#x}",
                "kind": _TDVF_KINDS[section.kind]
                if section.kind < len(_TDVF_KINDS)
                else f"{section.kind:#x}",
                "attributes": section.attributes,
            }
            for section in firmware.tdvf
        ],
    }


if __name__ == "__main__":
    run(main)
