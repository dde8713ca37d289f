"""Whether a lock is current for its manifest and hangs together: for CI, without a network.

A lock that two branches changed merges without a textual conflict, and can still lack a package or hold two
that don't fit: so each set is gone through as an installer would.
"""

from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import lock_shape
from tools.sysimage.lock import lockfile
from tools.sysimage.lock.manifest import Manifest, PackageSet
from tools.sysimage.lock.why import reasons, selection

_REMEDY = "run this tool without --check to write it anew"


def check(manifest: Manifest, lock: lockfile.Lock | None, lock_path: Path, manifest_path: Path) -> None:
    """Raises ToolError unless `lock` is one of the manifest as it is now, and each set of it is sound."""
    if lock is None:
        raise ToolError(f"{lock_path}: there is no lock yet; run this tool without --check to write it")
    if lock.get("manifest_sha256") != manifest.sha256:
        raise ToolError(f"{lock_path} does not fit {manifest_path}, which has changed since; {_REMEDY}")
    try:
        lock_shape.check(lock)
        _check_wishes(manifest, lock)
    except ToolError as error:
        raise ToolError(f"{lock_path}: {error}; {_REMEDY}") from error
    depends: dict[str, dict[str, set[str]]] = {}
    for architecture in manifest.architectures:
        for wanted in manifest.sets_on(architecture):
            try:
                found = _check_set(manifest, lock, wanted, architecture)
            except KeyError as error:
                raise ToolError(f"{lock_path}: it has no {error}, or not all of it; {_REMEDY}") from error
            except ToolError as error:
                raise ToolError(f"{lock_path}: {error}; {_REMEDY}") from error
            for name, targets in found.items():
                depends.setdefault(architecture, {}).setdefault(name, set()).update(targets)
    for architecture, entries in lock["packages"].items():
        for name, entry in entries.items():
            if entry["depends"] != sorted(depends.get(architecture, {}).get(name, {""})):
                where = f"{lock_path}: {name} ({architecture})"
                raise ToolError(f"{where}: 'depends' is not what its sets say; {_REMEDY}")


def _check_wishes(manifest: Manifest, lock: lockfile.Lock) -> None:
    """Raises ToolError where archives and sets are others than the manifest's."""
    suites = {archive.name: set(archive.suites) for archive in manifest.archives}
    if {name: set(entry["releases"]) for name, entry in lock["archives"].items()} != suites:
        raise ToolError("its archives and suites are not those of the manifest")
    wanted = {package_set.name: package_set for package_set in manifest.sets}
    for name, entry in lock["sets"].items():
        if name not in wanted:
            raise ToolError(f"it has the set {name}, which the manifest does not have")
        if entry["extends"] != wanted[name].extends:
            raise ToolError(f"set {name} extends {entry['extends']}; in the manifest {wanted[name].extends}")
        if entry.get("exclude", {}) != wanted[name].exclude:
            raise ToolError(f"set {name}: what it excludes is not what the manifest says")


def _check_set(
    manifest: Manifest, lock: lockfile.Lock, wanted: PackageSet, architecture: str
) -> dict[str, tuple[str, ...]]:
    """What each package of the set depends on. Raises ToolError if the set is not sound."""
    where = f"set {wanted.name} ({architecture})"
    selected = selection(lock, wanted.name, architecture)
    for name in wanted.packages:
        if name not in selected.packages:
            raise ToolError(f"{where}: it lacks {name}, which the manifest asks for")
    cut = lock["sets"][wanted.name].get("unmet", {}).get(architecture, {})
    for name, missing in selected.unmet().items():
        for text in missing:
            if text not in cut.get(name, ()):
                raise ToolError(f"{where}: {name} needs {text}, which nothing in it fulfils")
    conflict = next(selected.conflicts(), None)
    if conflict:
        raise ToolError(f"{where}: {conflict}")
    needed = reasons(manifest, wanted.name, selected)
    for name in selected.packages:
        if name not in needed:
            raise ToolError(f"{where}: nothing needs {name}")
    return selected.depends()
