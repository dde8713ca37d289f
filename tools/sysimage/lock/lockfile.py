"""`debian.lock.json`, version 1: written sorted and atomically, so that a diff of it can be reviewed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.atomic import output
from tools.sysimage.errors import ToolError
from tools.sysimage.lock.archive import Release, iso
from tools.sysimage.lock.manifest import Manifest
from tools.sysimage.lock.packages import Package
from tools.sysimage.lock.resolve import Closure

VERSION = 1

type Lock = dict[str, Any]
"""A lock as JSON: see `build`."""


def build(
    manifest: Manifest,
    releases: Mapping[str, Sequence[Release]],
    closures: Mapping[str, Mapping[str, Closure]],
) -> Lock:
    """Makes the lock of `manifest` from the Releases of each archive, and architecture → set → closure.

    A package is listed once for each architecture, those for all architectures included. Its `depends`
    are the packages that fulfil its dependencies in any of the sets: intersect them with a set's
    packages; what a set excludes is not among them. A set lists its whole closure, the packages of the
    set that it extends included, and what it excludes itself with the reasons.
    """
    packages: dict[str, dict[str, Any]] = {}
    for architecture, by_set in closures.items():
        entries = packages.setdefault(architecture, {})
        for closure in by_set.values():
            for name, package in closure.packages.items():
                entry = entries.setdefault(name, _entry(package))
                entry["depends"] = sorted({*entry["depends"], *closure.depends[name]})
    newest = max(release.date for used in releases.values() for release in used)
    return {
        "version": VERSION,
        "manifest_sha256": manifest.sha256,
        "snapshot": newest.strftime("%Y%m%dT%H%M%SZ"),
        "archives": {
            archive.name: {
                "releases": {
                    release.suite: {
                        "components": list(archive.components),
                        "date": iso(release.date),
                        "sha256": release.sha256,
                        "signed_by": list(release.signed_by),
                        "valid_until": iso(release.valid_until) if release.valid_until else None,
                    }
                    for release in releases[archive.name]
                }
            }
            for archive in manifest.archives
        },
        "packages": packages,
        "sets": {
            wanted.name: {
                "extends": wanted.extends,
                "packages": {
                    architecture: sorted(by_set[wanted.name].packages)
                    for architecture, by_set in closures.items()
                },
            }
            | ({"exclude": wanted.exclude} if wanted.exclude else {})
            for wanted in manifest.sets
        },
    }


def _entry(package: Package) -> dict[str, Any]:
    return {
        "version": package.version,
        "architecture": package.architecture,
        "archive": package.origin.archive,
        "suite": package.origin.suite,
        "component": package.origin.component,
        "path": package.path,
        "size": package.size,
        "sha256": package.sha256,
        "depends": [],
    }


def load(path: Path) -> Lock | None:
    """Reads a lock; None if there is none yet. Raises ToolError if it is not a lock of this version."""
    try:
        lock = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ToolError(f"{path}: not JSON ({error}); restore it or remove it to lock anew") from error
    version = lock.get("version") if isinstance(lock, dict) else None
    if version != VERSION:
        raise ToolError(
            f"{path}: its version is {version}, and this tool writes {VERSION}; remove it to lock anew"
        )
    return dict(lock)


def save(lock: Lock, path: Path) -> None:
    """Writes the lock so that `path` is at any time the old or the new one, whole."""
    with output(path) as stream:
        stream.write(json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
