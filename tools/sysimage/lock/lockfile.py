"""`debian.lock.json`, version 2: written sorted and atomically, so that a diff of it can be reviewed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core.atomic import output
from tools.sysimage.debian import lock_shape
from tools.sysimage.debian.locked import LOCK_VERSION
from tools.sysimage.lock.archive import Release, iso
from tools.sysimage.lock.manifest import Manifest
from tools.sysimage.lock.packages import ArchivePackage, Origin, parse_stanza
from tools.sysimage.lock.resolve import Closure

# What the resolution and the summary need of a package; the rest of its stanza is in the .deb.
_CONTROL = (
    "Source",
    "Pre-Depends",
    "Depends",
    "Provides",
    "Conflicts",
    "Breaks",
    "Essential",
    "Important",
    "Protected",
    "Priority",
    "Multi-Arch",
    "Installed-Size",
)

type Lock = dict[str, Any]
"""A lock as JSON: see `build`."""


def build(
    manifest: Manifest,
    releases: Mapping[str, Sequence[Release]],
    closures: Mapping[str, Mapping[str, Closure]],
    old: Lock | None = None,
) -> Lock:
    """Makes the lock of `manifest` from the Releases of each archive, and architecture → set → closure.

    `old` is the lock that packages which are gone from all indexes were held from: each of these names the
    snapshot that has it.

    A package is listed once for each architecture, those for all architectures included. Its `depends`
    are the packages that fulfil its dependencies in any of the sets: intersect them with a set's
    packages; what a set excludes is not among them. A set lists its whole closure, the packages of the
    set that it extends included, what it excludes itself with the reasons, and the dependencies that are
    unmet for it.
    """
    packages: dict[str, dict[str, Any]] = {}
    for architecture, by_set in closures.items():
        entries = packages.setdefault(architecture, {})
        for closure in by_set.values():
            for name, package in closure.packages.items():
                entry = entries.setdefault(name, _entry(package))
                if package.gone and old:
                    entry["snapshot"] = old["packages"][architecture][name].get("snapshot", old["snapshot"])
                entry["depends"] = sorted({*entry["depends"], *closure.depends[name]})
    newest = max(release.date for used in releases.values() for release in used)
    return {
        "version": LOCK_VERSION,
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
                    if wanted.name in by_set
                },
            }
            | ({"exclude": wanted.exclude} if wanted.exclude else {})
            | _unmet({a: by_set[wanted.name] for a, by_set in closures.items() if wanted.name in by_set})
            for wanted in manifest.sets
        },
    }


def _entry(package: ArchivePackage) -> dict[str, Any]:
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
        "control": {field: package.fields[field] for field in _CONTROL if field in package.fields},
    }


def _unmet(closures: Mapping[str, Closure]) -> dict[str, Any]:
    """The entry `unmet` of a set, where there is any; `closures` are those of each architecture."""
    unmet = {
        architecture: {name: list(texts) for name, texts in closure.unmet.items()}
        for architecture, closure in closures.items()
        if closure.unmet
    }
    return {"unmet": unmet} if unmet else {}


def stanza(name: str, entry: Mapping[str, Any]) -> tuple[bytes, Origin]:
    """A locked package as the stanza of the index that it came from, and that index."""
    fields = {
        "Package": name,
        "Version": entry["version"],
        "Architecture": entry["architecture"],
        "Filename": entry["path"],
        "Size": entry["size"],
        "SHA256": entry["sha256"],
        **entry["control"],
    }
    text = "".join(f"{field}: {value}\n" for field, value in fields.items())
    return text.encode(), Origin(entry["archive"], entry["suite"], entry["component"])


def packages(lock: Lock, architecture: str) -> dict[str, ArchivePackage]:
    """The locked packages of one architecture by name."""
    return {
        name: parse_stanza(*stanza(name, entry)) for name, entry in lock["packages"][architecture].items()
    }


def load(path: Path) -> Lock | None:
    """Reads a lock; None if there is none yet. Raises ToolError if it is not a lock of this version."""
    try:
        return lock_shape.read(path)
    except FileNotFoundError:
        return None


def same_packages(one: Lock, other: Lock) -> bool:
    """Whether two locks say the same but for the Releases and snapshots that they were made from."""

    def said(lock: Lock) -> list[Any]:
        packages = {
            architecture: {name: entry | {"snapshot": None} for name, entry in entries.items()}
            for architecture, entries in lock["packages"].items()
        }
        return [lock["manifest_sha256"], packages, lock["sets"]]

    return said(one) == said(other)


def save(lock: Lock, path: Path) -> None:
    """Writes the lock so that `path` is at any time the old or the new one, whole.

    A symbolic link stays one: what it leads to is written.
    """
    with output(path.resolve() if path.is_symlink() else path) as stream:
        stream.write(json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
