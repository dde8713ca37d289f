"""Suites of an archive: InRelease → verified Release → Packages indexes by SHA-256.

Follows Debian's repository format: the fields of Release files, by-hash, and the indexes of packages
for all architectures.
"""

import gzip
import hashlib
import lzma
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from debian import deb822

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest
from tools.sysimage.debian.fetch import Mirrors, Progress
from tools.sysimage.debian.mirrors import is_security
from tools.sysimage.lock.cache import Cache
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import Archive
from tools.sysimage.lock.packages import Origin
from tools.sysimage.lock.signature import Keyring, Signed

_RELEASE_LIMIT = 16 << 20  # bytes; Debian's are below 256 KiB
_FILE = re.compile(r"(?P<sha256>[0-9a-f]{64}) (?P<size>[0-9]+) (?P<path>\S+)")
# Best first: xz is what Debian has; small archives have gzip only, or neither.
_SUFFIXES = (".xz", ".gz", "")


@dataclass(frozen=True, slots=True)
class Release:
    """A verified Release file of one suite."""

    suite: str
    components: tuple[str, ...]
    architectures: tuple[str, ...]
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    all_apart: bool
    """Whether packages for all architectures have an index of their own, which is then needed too."""
    files: dict[str, tuple[str, int]]
    """Path below the suite's folder → SHA-256, size in bytes."""
    sha256: str
    """SHA-256 of the InRelease file as it was fetched."""
    signed_by: tuple[str, ...]
    priority: int
    """Priority of its packages without a preference: 500, or 100 (backports), or 1 (experimental)."""
    security: bool
    """Whether the suite holds security updates."""


def fetch_release(
    archive: Archive, suite: str, mirrors: Mirrors, keyring: Keyring, not_before: datetime | None = None
) -> Release:
    """Downloads and verifies the InRelease of `suite`; warns if it is past its Valid-Until.

    A Release that is older than `not_before` (None: any age will do) is refused: a mirror that has
    stopped, or somebody between it and us, would take back security updates. Raises ToolError if no
    mirror has one that is signed by a pinned key and new enough, or if the suite lacks one of the
    archive's components.
    """

    def accept(stream: BinaryIO) -> Release:
        message = stream.read(_RELEASE_LIMIT)
        signed = keyring.verify(message, archive.signed_by)
        release = parse_release(signed, suite, hashlib.sha256(message).hexdigest())
        if not_before and release.date < not_before:
            raise ToolError(
                f"its Release of {iso(release.date)} is older than that of {iso(not_before)} in the lock; "
                f"name another mirror in DEBIAN_MIRRORS, or accept it with --allow-rollback"
            )
        return release

    what = f"{archive.name}, suite {suite}"
    missing = f"either the archive has no suite {suite}, or the mirror is not one of {archive.name}"
    release = mirrors.fetch(what, (f"dists/{suite}/InRelease",), accept, missing)
    for component in archive.components:
        if component not in release.components:
            raise ToolError(
                f"{what}: no component {component}{nearest(component, release.components)}; "
                f"its Release lists {', '.join(release.components)}"
            )
    if release.valid_until and release.valid_until < datetime.now(UTC):
        print(
            f"warning: {what}: its Release was valid until {iso(release.valid_until)}: "
            f"the mirror is stale, and security updates may be missing",
            file=sys.stderr,
        )
    return release


def parse_release(signed: Signed, suite: str, sha256: str) -> Release:
    """Parses the text of a Release; `sha256` is that of its InRelease. Raises ToolError."""
    fields = deb822.Release(signed.text.decode("utf-8", "replace"))
    files: dict[str, tuple[str, int]] = {}
    listed: Any = fields.get("sha256")
    # It is no list if all of it stands on the field's first line, where no file belongs.
    for entry in listed if isinstance(listed, list) else ():
        if match := _FILE.fullmatch(" ".join(entry.values())):
            files[match["path"]] = (match["sha256"], int(match["size"]))
    # The path of a suite may go deeper than its name, as `buster/updates` did.
    if suite.partition("/")[0] not in (fields.get("codename"), fields.get("suite")):
        found = fields.get("codename") or fields.get("suite") or "nothing"
        raise ToolError(f"the Release is that of {found}, not of {suite}")
    if not files or "date" not in fields:
        raise ToolError(f"the Release of {suite} has no {'Date' if files else 'SHA256'} field")
    architectures = tuple(fields.get("architectures", "").split())
    return Release(
        suite=suite,
        # Debian's security archive names its components `updates/main`, but serves them as `main`.
        components=tuple(word.rpartition("/")[2] for word in fields.get("components", "").split()),
        architectures=architectures,
        date=_date(fields["date"]),
        valid_until=_date(fields["valid-until"]) if "valid-until" in fields else None,
        by_hash=fields.get("acquire-by-hash") == "yes",
        all_apart="all" in architectures
        and "Packages" not in fields.get("no-support-for-architecture-all", "").split(),
        files=files,
        sha256=sha256,
        signed_by=signed.signed_by,
        priority=_priority(fields),
        security=fields.get("label") == "Debian-Security" or is_security(suite),
    )


def read_packages(index: Index, archive: Archive, release: Release, mirrors: Mirrors, cache: Cache) -> None:
    """Adds the packages of one suite, all the archive's components, to `index`. Raises ToolError."""
    what = f"{archive.name}, suite {release.suite}"
    if index.architecture not in release.architectures:
        listed = ", ".join(name for name in release.architectures if name != "all")
        raise ToolError(f"{what}: no architecture {index.architecture}; its Release lists {listed}")
    for component in archive.components:
        origin = Origin(archive.name, release.suite, component, release.priority, release.security)
        for architecture in (index.architecture, "all") if release.all_apart else (index.architecture,):
            name = _index_name(release, f"{component}/binary-{architecture}", what)
            path = _fetch_index(release, name, mirrors, cache)
            try:
                with _open(path, name) as stream:
                    index.add(stream, origin)
            except (lzma.LZMAError, gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise ToolError(f"{what}: {name} can't be unpacked ({error})") from error


def _index_name(release: Release, folder: str, what: str) -> str:
    """The name of the Packages index in `folder`, in the best form that the Release lists."""
    for suffix in _SUFFIXES:
        if f"{folder}/Packages{suffix}" in release.files:
            return f"{folder}/Packages{suffix}"
    raise ToolError(f"{what}: its Release lists no {folder}/Packages as .xz, .gz or plain")


def _fetch_index(release: Release, name: str, mirrors: Mirrors, cache: Cache) -> Path:
    """The file of an index, from the cache or a mirror."""
    sha256, size = release.files[name]
    cached = cache.find(sha256)
    if cached:
        return cached
    progress = Progress(f"{release.suite} {name}", size, sys.stderr)
    paths = [f"dists/{release.suite}/{name}"]
    if release.by_hash:
        # While a mirror is being updated, what has the name may already belong to the next Release.
        folder = name.rpartition("/")[0]
        paths.insert(0, f"dists/{release.suite}/{folder}/by-hash/SHA256/{sha256}")
    what = f"{mirrors.archive}, suite {release.suite}, {name}"
    return mirrors.fetch(what, tuple(paths), lambda stream: cache.store(stream, sha256, size, progress))


def _open(path: Path, name: str) -> BinaryIO:
    """Opens an index for reading what is in it; `name` tells how it is compressed."""
    if name.endswith(".xz"):
        return cast(BinaryIO, lzma.open(path, "rb"))
    if name.endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _priority(fields: Mapping[str, str]) -> int:
    """The priority of a suite's packages that no preference names, after apt_preferences(5)."""
    if fields.get("notautomatic") != "yes":
        return 500
    return 100 if fields.get("butautomaticupgrades") == "yes" else 1


def iso(moment: datetime) -> str:
    """The time in UTC as `2026-11-22T08:30:14Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError as error:
        raise ToolError(f"the Release's date '{text}' can't be read") from error
