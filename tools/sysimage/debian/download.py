"""The packages of a locked set outside of Bazel: fetched from the host's mirrors into a folder.

For programs that a person runs; build actions get their packages from Bazel.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import lock_shape
from tools.sysimage.debian.fetch import Mirrors, Progress, save
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.mirrors import VARIABLE, host_mirrors


def default_folder() -> Path:
    """Where packages are kept unless a person names another folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rules_system_image/packages"


def read_lock(path: Path) -> Mapping[str, Any]:
    """Reads a lock. Raises ToolError for what is none, is damaged, or is of another version."""
    return lock_shape.sound(path)


def fetch(lock: Mapping[str, Any], set_name: str, architecture: str, folder: Path) -> list[LockedPackage]:
    """The packages of a set with their .debs in `folder`.

    What is there already is not fetched again. Raises ToolError for a set that the lock does not have for
    this architecture, and for a package that no mirror has.
    """
    names = lock["sets"].get(set_name, {}).get("packages", {}).get(architecture)
    if names is None:
        known = ", ".join(
            sorted(f"{name} ({', '.join(entry['packages'])})" for name, entry in lock["sets"].items())
        )
        raise ToolError(f"the lock has no set {set_name} for {architecture}; it has {known}")
    urls = host_mirrors(lock["archives"], lock["snapshot"], os.environ)
    mirrors = {archive: Mirrors(archive, listed) for archive, listed in urls.items()}
    folder.mkdir(parents=True, exist_ok=True)
    packages = []
    for name in sorted(names):
        entry = lock["packages"][architecture][name]
        path = folder / entry["path"].rpartition("/")[2]
        if not path.exists():
            _download(entry, mirrors[entry["archive"]], path)
        packages.append(LockedPackage(path, name, entry["version"], entry["sha256"]))
    return packages


def _download(entry: Mapping[str, Any], mirrors: Mirrors, path: Path) -> None:
    sha256, size = entry["sha256"], entry["size"]
    progress = Progress(path.name, size, sys.stderr)
    mirrors.fetch(
        path.name,
        (entry["path"],),
        lambda stream: save(stream, path, sha256, size, named="the lock", progress=progress),
        f"name a mirror that has it in {VARIABLE}, or lock what there is with the lock tool",
    )
