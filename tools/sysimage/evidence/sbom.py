"""sbom: what an image is made of, as SPDX 2.3, SPDX 3.0.1 and CycloneDX 1.6, all of the same facts.

The documents are a function of the image and its lock: no clock, no random number.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import run, warn
from tools.sysimage.core.span import External, sha256
from tools.sysimage.evidence import cyclonedx, facts, spdx2, spdx3
from tools.sysimage.evidence.components import Beside, Sbom


def main(argv: Sequence[str]) -> int:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="sbom", description=__doc__)
    parser.add_argument("--facts", type=Path, required=True, help="facts of the image")
    parser.add_argument("--supplier", default="", help="who is responsible for the image")
    parser.add_argument(
        "--beside",
        action="append",
        nargs=2,
        default=[],
        metavar=("LABEL", "FILE"),
        help="what belongs to the image and is not in it, such as its kernel",
    )
    parser.add_argument("--spdx2", type=Path, required=True, help="SPDX 2.3 JSON to write")
    parser.add_argument("--spdx3", type=Path, required=True, help="SPDX 3.0.1 JSON-LD to write")
    parser.add_argument("--cyclonedx", type=Path, required=True, help="CycloneDX 1.6 JSON to write")
    options = parser.parse_args(argv)
    beside = tuple(
        Beside(label, sha256(External(Path(file), Path(file).stat().st_size)))
        for label, file in options.beside
    )
    sbom = Sbom(facts.load(options.facts), options.supplier, beside)
    unlocked = [package.name for package in sbom.facts.packages if not package.deb_sha256]
    if unlocked:
        warn(
            f"{options.facts.name}: of {len(unlocked)} packages ({', '.join(unlocked[:3])}…) the "
            "lock does not have this version, so the SBOM has no SHA-256 of them; build it from a lock"
        )
    with atomic.outputs(options.spdx2, options.spdx3, options.cyclonedx) as streams:
        for module, stream in zip((spdx2, spdx3, cyclonedx), streams, strict=True):
            _write(module.document(sbom), stream)
    return 0


def _digest(path: Path) -> str:
    return sha256(External(path, path.stat().st_size))


def _write(document: dict[str, Any], out: BinaryIO) -> None:
    """Writes JSON with one item of a list a line, so that diff(1) shows what changed."""
    parts = []
    for name, value in document.items():
        text = json.dumps(value)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
        parts.append(f"{json.dumps(name)}: {text}")
    out.write(f"{{{',\n'.join(parts)}}}\n".encode())


if __name__ == "__main__":
    run(main)
