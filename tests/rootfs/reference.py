"""Prepares a real installation of a locked set: its packages, as an archive that apt can install from.

    tools/bazel run //tests/rootfs:reference -- --set vanilla --architecture amd64 --work DIR

writes DIR/debs, DIR/repository with a sources.list, DIR/manifest.json (as rootfs reads it) and DIR/packages.
install.sh then installs them with mmdebstrap on the host. For comparing and measuring: no test and no build
action uses it.
"""

import argparse
import hashlib
import json
import os
import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage import deb, mirrors
from tools.sysimage.errors import ToolError, run

# The first that has a set counts: vanilla is the image's own.
LOCKS = (
    Path(__file__).parents[2] / "system_image/debian.lock.json",
    Path(__file__).with_name("sets.lock.json"),
)
_SUITE = "locked"


def fetch(set_name: str, architecture: str, cache: Path) -> list[dict[str, str]]:
    """The packages of a set with their .debs in `cache`, as a manifest of rootfs lists them.

    What is missing is fetched from the host's mirrors and checked by its SHA-256. Raises ToolError for a set
    that no lock has for this architecture.
    """
    locks = [json.loads(path.read_text()) for path in LOCKS]
    lock = next(
        (lock for lock in locks if architecture in lock["sets"].get(set_name, {}).get("packages", ())), None
    )
    if lock is None:
        known = ", ".join(sorted({name for lock in locks for name in lock["sets"]}))
        raise ToolError(f"no lock has a set {set_name} for {architecture}; there are {known}")
    names: set[str] = set()
    wanted: str | None = set_name
    while wanted:
        names.update(lock["sets"][wanted]["packages"][architecture])
        wanted = lock["sets"][wanted]["extends"]
    where = mirrors.host_mirrors(lock["archives"], lock["snapshot"], os.environ)
    cache.mkdir(parents=True, exist_ok=True)
    packages = []
    for name in sorted(names):
        entry = lock["packages"][architecture][name]
        path = cache / entry["path"].rpartition("/")[2]
        if not path.exists():
            _download(entry, where[entry["archive"]], path)
        keys = ("version", "architecture", "sha256")
        packages.append({"name": name, "deb": str(path), **{key: entry[key] for key in keys}})
    return packages


def _download(entry: Mapping[str, Any], urls: Sequence[str], path: Path) -> None:
    for url in urls:
        try:
            with urllib.request.urlopen(f"{url}/{entry['path']}", timeout=60) as response:
                data: bytes = response.read()
        except OSError as error:
            print(f"{url}: {error}")
            continue
        if hashlib.sha256(data).hexdigest() == entry["sha256"]:
            path.write_bytes(data)
            return
        print(f"{url}: {path.name} is another one than the lock's")
    raise ToolError(f"{path.name}: no mirror has it; run the lock tool again")


def repository(packages: Sequence[Mapping[str, str]], architecture: str, folder: Path) -> None:
    """Makes an archive for apt of these .debs, as links, and a sources.list for it."""
    pool, dists = folder / "pool", folder / f"dists/{_SUITE}"
    index = dists / f"main/binary-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    pool.mkdir(parents=True)
    index.mkdir(parents=True)
    text = ""
    for package in packages:
        source = Path(package["deb"]).resolve()
        (pool / source.name).symlink_to(source)
        control = deb.open_deb(source).control["control"].decode().strip()
        text += f"{control}\nFilename: pool/{source.name}\nSize: {source.stat().st_size}\n"
        text += f"SHA256: {package['sha256']}\n\n"
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
    manifest = {"architecture": arguments.architecture, "packages": packages}
    (arguments.work / "manifest.json").write_text(json.dumps(manifest))
    (arguments.work / "packages").write_text(",".join(package["name"] for package in packages))
    return 0


if __name__ == "__main__":
    run(main)
