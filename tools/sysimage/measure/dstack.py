"""dstack: a measured disk's parts as dstack's image assembler takes them, with the manifest that names them.

The manifest is version 1 of dstack's os/spec/artifact-manifest.schema.json: paths are relative to it. What a
verifier of dstack's expects follows from these files.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.formats.verity import VerityInput, read_root_hash
from tools.sysimage.publish.workspace_status import status_values


@dataclass(frozen=True, slots=True)
class DstackInput:
    """What the rule hands over."""

    name: str
    version: str
    flavor: str
    development: bool
    ovmf_variant: str
    kernel: Path
    initrd: Path
    firmware: Path
    verity: VerityInput
    status: Path
    """Bazel's stable-status.txt."""
    firmware_sev: Path | None = None
    uki: Path | None = None


def main(argv: Sequence[str]) -> int:
    """Writes the folder."""
    parser = argparse.ArgumentParser(prog="dstack", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON: the parts, and their names")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    options = parser.parse_args(argv)
    given = json_manifest.read(DstackInput, options.manifest)
    options.output.mkdir(exist_ok=True)
    text = json.dumps(manifest(given), indent=1) + "\n"
    for name, path in files(given).items():
        shutil.copyfile(path, options.output / name)
    with (options.output / _ROOTFS).open("wb") as out:
        for path in (given.verity.data, given.verity.hash_tree):
            with path.open("rb") as stream:
                shutil.copyfileobj(stream, out)
    (options.output / "manifest.json").write_text(text, "utf-8")
    return 0


_ROOTFS = "rootfs.verity"


def files(given: DstackInput) -> dict[str, Path]:
    """Name in the folder → file, of those that are taken as they are."""
    found = {"kernel": given.kernel, "initramfs.cpio": given.initrd, "firmware.fd": given.firmware}
    if given.firmware_sev:
        found["firmware_sev.fd"] = given.firmware_sev
    if given.uki:
        found["uki.efi"] = given.uki
    return found


def manifest(given: DstackInput) -> dict[str, Any]:
    """The manifest. Raises ToolError for a root hash that is none, or a text that dstack refuses."""
    for name in ("name", "version", "flavor", "ovmf_variant"):
        if not getattr(given, name):
            raise ToolError(f"{name}: is empty, which dstack refuses; say one")
    status = status_values(given.status.read_text("utf-8"))
    return {
        "schema_version": 1,
        "backend": "rules_system_image",
        "image": {
            "name": given.name,
            "version": given.version,
            "flavor": given.flavor,
            "is_dev": given.development,
        },
        # It may not be empty.
        "source": {"git_revision": status.get("STABLE_GIT_COMMIT", "unknown")},
        "boot": {"ovmf_variant": given.ovmf_variant},
        "verity": {
            "root_hash": read_root_hash(given.verity.root_hash),
            "data_size": given.verity.data.stat().st_size,
        },
        "artifacts": {
            "initramfs": "initramfs.cpio",
            "kernel": "kernel",
            "firmware": "firmware.fd",
            "rootfs_verity": _ROOTFS,
            "firmware_sev": "firmware_sev.fd" if given.firmware_sev else None,
            "uki": "uki.efi" if given.uki else None,
        },
    }


if __name__ == "__main__":
    run(main)
