"""Prepares a real installation of a locked set: its packages, as an archive that apt can install from.

    tools/bazel run //tests/rootfs:reference -- --set vanilla --architecture amd64 --work DIR

writes DIR/debs, DIR/repository with a sources.list, DIR/manifest.json (as rootfs reads it) and
DIR/install.sh, which installs them with mmdebstrap on the host into DIR/real.tar. For comparing: no test and
no build action uses it.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tools.sysimage.core.errors import run
from tools.sysimage.debian import download
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.rootfs.compare import prepare

# The first that has a set counts: vanilla is the image's own.
LOCKS = (
    Path(__file__).parents[2] / "system_image/debian.lock.json",
    Path(__file__).parents[1] / "bench/mkosi.lock.json",
    *(Path(__file__).with_name(f"{name}.lock.json") for name in ("sets", "bookworm", "forky")),
)


def fetch(set_name: str, architecture: str, cache: Path) -> list[LockedPackage]:
    """The packages of a set of one of LOCKS; see download.fetch."""
    locks = [download.read_lock(path) for path in LOCKS]
    lock = next(
        (lock for lock in locks if architecture in lock["sets"].get(set_name, {}).get("packages", ())),
        locks[-1],
    )
    return download.fetch(lock, set_name, architecture, cache)


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--set", default="vanilla", help="a set of one of LOCKS")
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--work", type=Path, required=True, help="an absolute path")
    arguments = parser.parse_args(argv)
    packages = fetch(arguments.set, arguments.architecture, arguments.work / "debs")
    prepare(packages, arguments.architecture, arguments.work)
    manifest = {
        "architecture": arguments.architecture,
        "packages": [asdict(package) for package in packages],
    }
    (arguments.work / "manifest.json").write_text(json.dumps(manifest, default=str))
    return 0


if __name__ == "__main__":
    run(main)
