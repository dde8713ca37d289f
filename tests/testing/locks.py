"""Locks of packages that a test has made."""

import json
from collections.abc import Iterable
from pathlib import Path

from tools.sysimage.debian.locked import LOCK_VERSION, LockedPackage


def write(path: Path, packages: Iterable[LockedPackage]) -> None:
    """Writes a lock with the set s of these packages for amd64, all from the archive `debian`."""
    entries = {
        package.name: {
            "archive": "debian",
            "architecture": "amd64",
            "component": "main",
            "control": {},
            "depends": [],
            "path": package.deb.name,
            "sha256": package.sha256,
            "size": package.deb.stat().st_size,
            "suite": "stable",
            "version": package.version,
        }
        for package in packages
    }
    lock = {
        "archives": {"debian": {"releases": {}}},
        "manifest_sha256": "0" * 64,
        "packages": {"amd64": entries},
        "sets": {"s": {"extends": None, "packages": {"amd64": sorted(entries)}}},
        "snapshot": "20260101T000000Z",
        "version": LOCK_VERSION,
    }
    path.write_text(json.dumps(lock))
