"""A small system of two packages, and the stage rootfs run on it."""

import hashlib
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.testing import filesystems
from tests.testing.debs import Deb, File, Folder, Link

UNIT = "usr/lib/systemd/system"
BASE = Deb(
    "base-files",
    {
        "etc": Folder(),
        "usr/bin": Folder(),
        "usr/lib": Folder(),
        "lib": Link("usr/lib"),
        "tmp": Folder(0o1777),
    },
    {"Essential": "yes"},
)
INIT = Deb(
    "init",
    {
        f"{UNIT}/multi-user.target": "[Unit]\n",
        f"{UNIT}/app.service": "[Install]\nWantedBy=multi-user.target\n",
        "etc/init.conf": "default\n",
        "usr/share/doc/init/copyright": "all",
        "usr/share/doc/init/README": "words",
        "run/init/x": "",
        "usr/bin/init": File("#!", 0o755),
    },
    control={"conffiles": "/etc/init.conf\n"},
)


def run(folder: Path, debs: Sequence[Deb], **more: Any) -> Path:
    """Runs the stage on these packages, with further fields of its manifest; returns the tar."""
    packages = []
    for deb in debs:
        path = deb.write(folder)
        packages.append(
            {
                "name": deb.name,
                "version": deb.version,
                "deb": str(path),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"architecture": "amd64", "packages": packages, **more}))
    out = folder / "out"
    out.mkdir(exist_ok=True)
    output, listing = out / "rootfs.tar", out / "rootfs.mtree"
    status = filesystems.main(["--manifest", str(manifest), "--output", str(output), "--mtree", str(listing)])
    assert status == 0
    return output


def names(path: Path) -> dict[str, tarfile.TarInfo]:
    """The entries of a tar by their canonical names."""
    with tarfile.open(path) as archive:
        return {info.name.removeprefix("./").rstrip("/") or ".": info for info in archive}


def content(path: Path, name: str) -> str:
    """The content of a file in a tar."""
    with tarfile.open(path) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read().decode()
