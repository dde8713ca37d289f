"""The making of a lock: Releases and indexes are fetched and verified, then the sets are resolved."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest
from tools.sysimage.debian import mirrors as host
from tools.sysimage.debian.fetch import Mirrors
from tools.sysimage.lock import lockfile
from tools.sysimage.lock.archive import Release, fetch_release, read_packages
from tools.sysimage.lock.cache import Cache
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import Manifest
from tools.sysimage.lock.resolve import Closure, resolve_sets
from tools.sysimage.lock.signature import SHIPPED, Keyring
from tools.sysimage.lock.summary import summary
from tools.sysimage.lock.why import Reason, reasons, selection

# A few weeks of daily locking; Debian's indexes of one day are 40 MB for two architectures.
_CACHED_FILES = 200


@dataclass(frozen=True, slots=True)
class LockResult:
    """A new lock, and what it can be compared with."""

    manifest: Manifest
    old: lockfile.Lock | None
    lock: lockfile.Lock
    indexes: Mapping[str, Index]
    """By architecture; candidates are what was locked."""

    def summary(self) -> list[str]:
        """What changed since the old lock, in Markdown."""

        @cache
        def all_reasons(name: str, architecture: str) -> dict[str, Reason]:
            return reasons(self.manifest, name, selection(self.lock, name, architecture))

        def reason(architecture: str, package: str) -> str:
            sets = (wanted.name for wanted in self.manifest.sets_on(architecture))
            found = (all_reasons(name, architecture).get(package) for name in sets)
            return str(next(filter(None, found)))

        def is_security_update(architecture: str, package: str) -> bool:
            index = self.indexes[architecture]
            candidate = index.candidate(package)
            return candidate is not None and index.is_security_update(candidate)

        return summary(self.old, self.lock, is_security_update, reason)

    def left(self) -> list[str]:
        """The newer versions that were not taken, since their packages were locked already."""
        lines: dict[str, list[str]] = {}
        for architecture, index in self.indexes.items():
            for name in self.lock["packages"][architecture]:
                held, latest = index.candidate(name), index.latest(name)
                if held and latest and index.upgradable(name):
                    mark = ", security update" if index.is_security_update(latest) else ""
                    text = f"{name} {held.version} → {latest.version} ({latest.origin.suite}{mark})"
                    lines.setdefault(text, []).append(architecture)
        if not lines:
            return []
        return [
            *(f"left: {text} [{', '.join(where)}]" for text, where in sorted(lines.items())),
            "--update takes them, --update PACKAGE only some",
        ]


def make(
    manifest: Manifest,
    folder: Path,
    old: lockfile.Lock | None,
    update: frozenset[str] | None,
    environ: Mapping[str, str],
    *,
    rollback: bool = False,
) -> LockResult:
    """Locks `manifest`, whose folder is `folder`. Raises ToolError.

    What `old` locks stays at its version: all of it if `update` is None, all but the packages in `update`,
    or nothing if that is empty. No Release may be older than the one that `old` records for the same suite,
    unless `rollback` allows it.
    """
    held = _held(old, update)
    keyring = Keyring(folder / manifest.keyring if manifest.keyring else SHIPPED)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    urls = host.host_mirrors((archive.name for archive in manifest.archives), now, environ)
    mirrors = {name: Mirrors(name, listed) for name, listed in urls.items()}
    cached = Cache.of_user(environ)
    releases: dict[str, list[Release]] = {}
    for archive in manifest.archives:
        for suite in archive.suites:
            not_before = None if rollback else _release_date(old, archive.name, suite)
            release = fetch_release(archive, suite, mirrors[archive.name], keyring, not_before)
            releases.setdefault(archive.name, []).append(release)
    indexes = {}
    closures: dict[str, dict[str, Closure]] = {}
    for architecture in manifest.architectures:
        index = indexes[architecture] = Index(architecture, manifest.pins)
        for archive in manifest.archives:
            for release in releases[archive.name]:
                read_packages(index, archive, release, mirrors[archive.name], cached)
        for name, entry in (old["packages"].get(architecture, {}) if old else {}).items():
            index.remember(*lockfile.stanza(name, entry), hold=name in held)
        index.check_pins()
        closures[architecture] = resolve_sets(index, manifest.sets_on(architecture))
        for name, closure in closures[architecture].items():
            print(f"resolved {name} for {architecture}", file=sys.stderr)
            for unused in closure.unused:
                print(
                    f"warning: [set.{name}] exclude: nothing needs {unused} for {architecture}",
                    file=sys.stderr,
                )
    _check_pins(manifest, indexes)
    cached.prune(_CACHED_FILES)
    return LockResult(manifest, old, lockfile.build(manifest, releases, closures, old), indexes)


def _release_date(lock: lockfile.Lock | None, archive: str, suite: str) -> datetime | None:
    """The date of the Release that a lock records for a suite, if it has one."""
    releases = lock["archives"].get(archive, {}).get("releases", {}) if lock else {}
    return datetime.fromisoformat(releases[suite]["date"]) if suite in releases else None


def _held(old: lockfile.Lock | None, update: frozenset[str] | None) -> frozenset[str]:
    """The locked packages that stay at their version. Raises ToolError if one to update is not locked."""
    locked = {name for entries in (old["packages"].values() if old else ()) for name in entries}
    for name in sorted(update or ()):
        if name not in locked:
            raise ToolError(f"--update {name}: it is not in the lock{nearest(name, locked)}")
    if update is None:
        return frozenset(locked)
    return frozenset(locked - update) if update else frozenset()


def _check_pins(manifest: Manifest, indexes: Mapping[str, Index]) -> None:
    """Raises ToolError for a pin that is about no package at all, or that none of its packages can fulfil."""
    for pin in manifest.pins:
        for pattern in pin.packages:
            if not any(index.matches(pattern) for index in indexes.values()):
                known = {name for index in indexes.values() for name in index.names()}
                raise ToolError(f"[[pin]] {pattern}: there is no such package{nearest(pattern, known)}")
            if not any(index.holds(pin, pattern) for index in indexes.values()):
                raise ToolError(
                    f"[[pin]] {pattern}: there are such packages, but no {pin.wants} of any; "
                    "change the pin, or name a mirror that has it in DEBIAN_MIRRORS"
                )
