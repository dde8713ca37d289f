"""The packages of a locked set outside of Bazel: fetched from the host's mirrors into a folder.

For programs that a person runs; build actions get their packages from Bazel.
"""

import hashlib
import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import mirrors
from tools.sysimage.debian.locked import LockedPackage

_TIMEOUT = 60  # seconds without a byte

type Lock = Mapping[str, Any]


def read_lock(path: Path) -> Lock:
    """Reads a lock. Raises ToolError for what is none."""
    try:
        lock = json.loads(path.read_text())
        lock["sets"], lock["packages"], lock["archives"], lock["snapshot"]
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{path}: not a lock ({error}); write it with the lock tool") from error
    return dict(lock)


def fetch(lock: Lock, set_name: str, architecture: str, folder: Path) -> list[LockedPackage]:
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
    where = mirrors.host_mirrors(lock["archives"], lock["snapshot"], os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    packages = []
    for name in sorted(names):
        entry = lock["packages"][architecture][name]
        path = folder / entry["path"].rpartition("/")[2]
        if not path.exists():
            _download(entry, where[entry["archive"]], path)
        packages.append(LockedPackage(path, name, entry["version"], entry["sha256"]))
    return packages


def _download(entry: Mapping[str, Any], urls: Sequence[str], path: Path) -> None:
    failures = []
    for url in urls:
        try:
            with urllib.request.urlopen(f"{url}/{entry['path']}", timeout=_TIMEOUT) as response:
                data: bytes = response.read()
        except OSError as error:
            failures.append(f"{url}: {error}")
            continue
        if hashlib.sha256(data).hexdigest() == entry["sha256"]:
            with atomic.output(path) as stream:
                stream.write(data)
            return
        failures.append(f"{url}: another one than the lock's")
    raise ToolError(
        f"{path.name}: no mirror has it ({'; '.join(failures)}); name one in {mirrors.VARIABLE}, "
        "or lock what there is with the lock tool"
    )
