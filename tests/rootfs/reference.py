"""Prepares a real installation of a locked set: its packages, as an archive that apt can install from.

    tools/bazel run //tests/rootfs:reference -- --set vanilla --architecture amd64 --work DIR

writes DIR/debs, DIR/repository with a sources.list, DIR/manifest.json (as rootfs reads it) and DIR/packages.
install.sh then installs them with mmdebstrap on the host. For comparing and measuring: no test and no build
action uses it.
"""

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tools.sysimage.core.errors import run
from tools.sysimage.debian import download
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.formats import deb

# The first that has a set counts: vanilla is the image's own.
LOCKS = (
    Path(__file__).parents[2] / "system_image/debian.lock.json",
    Path(__file__).with_name("sets.lock.json"),
)
_SUITE = "locked"


def fetch(set_name: str, architecture: str, cache: Path) -> list[LockedPackage]:
    """The packages of a set of one of LOCKS; see download.fetch."""
    locks = [download.read_lock(path) for path in LOCKS]
    lock = next(
        (lock for lock in locks if architecture in lock["sets"].get(set_name, {}).get("packages", ())),
        locks[-1],
    )
    return download.fetch(lock, set_name, architecture, cache)


def repository(packages: Sequence[LockedPackage], architecture: str, folder: Path) -> None:
    """Makes an archive for apt of these .debs, as links, and a sources.list for it."""
    pool, dists = folder / "pool", folder / f"dists/{_SUITE}"
    index = dists / f"main/binary-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    pool.mkdir(parents=True)
    index.mkdir(parents=True)
    text = ""
    for package in packages:
        source = package.deb.resolve()
        (pool / source.name).symlink_to(source)
        control = deb.open_deb(source).control["control"].decode().strip()
        text += f"{control}\nFilename: pool/{source.name}\nSize: {source.stat().st_size}\n"
        text += f"SHA256: {package.sha256}\n\n"
    data = text.encode()
    (index / "Packages").write_bytes(data)
    (dists / "Release").write_text(
        f"Suite: {_SUITE}\nCodename: {_SUITE}\nArchitectures: {architecture}\nComponents: main\nSHA256:\n"
        f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-{architecture}/Packages\n"
    )
    # copy: as mmdebstrap advises; the packages need not be visible in the new root.
    (folder / "sources.list").write_text(f"deb [trusted=yes] copy:{folder} {_SUITE} main\n")


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--set", default="vanilla", help="a set of one of LOCKS")
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--work", type=Path, required=True, help="an absolute path")
    arguments = parser.parse_args(argv)
    packages = fetch(arguments.set, arguments.architecture, arguments.work / "debs")
    repository(packages, arguments.architecture, arguments.work / "repository")
    manifest = {
        "architecture": arguments.architecture,
        "packages": [asdict(package) for package in packages],
    }
    (arguments.work / "manifest.json").write_text(json.dumps(manifest, default=str))
    (arguments.work / "packages").write_text(",".join(package.name for package in packages))
    return 0


if __name__ == "__main__":
    run(main)
