"""Suites of an archive: InRelease → verified Release → Packages indexes by SHA-256.

Follows Debian's repository format: the fields of Release files, by-hash, and the indexes of packages
for all architectures.
"""

import gzip
import hashlib
import lzma
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.errors import ToolError
from tools.sysimage.lock.fetch import Cache, Mirrors
from tools.sysimage.lock.manifest import Archive, nearest
from tools.sysimage.lock.packages import Index, Origin
from tools.sysimage.lock.signature import Keyring, Signed

_RELEASE_LIMIT = 16 << 20  # bytes; Debian's are below 256 KiB
# Best first: xz is what Debian has; small archives have gzip only, or neither.
_OPENERS: dict[str, Callable[[Path], BinaryIO]] = {
    ".xz": lambda path: lzma.open(path, "rb"),  # type: ignore[return-value]
    ".gz": lambda path: gzip.open(path, "rb"),  # type: ignore[return-value]
    "": lambda path: path.open("rb"),
}


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
    """Of the InRelease file as it was fetched."""
    signed_by: tuple[str, ...]


def fetch_release(archive: Archive, suite: str, mirrors: Mirrors, keyring: Keyring) -> Release:
    """Downloads and verifies the InRelease of `suite`; warns if it is past its Valid-Until.

    Raises ToolError if no mirror has one that is signed by a pinned key, or if the suite lacks one of
    the archive's components.
    """

    def accept(stream: BinaryIO) -> Release:
        message = stream.read(_RELEASE_LIMIT)
        signed = keyring.verify(message, archive.signed_by)
        return parse_release(signed, suite, hashlib.sha256(message).hexdigest())

    release = mirrors.fetch(f"{suite}: InRelease", (f"dists/{suite}/InRelease",), accept)
    for component in archive.components:
        if component not in release.components:
            raise ToolError(
                f"{suite}: no component {component}{nearest(component, release.components)}; "
                f"its Release lists {', '.join(release.components)}"
            )
    now = datetime.now(UTC)
    if release.valid_until and release.valid_until < now:
        print(
            f"warning: {suite}: the Release was valid until {iso(release.valid_until)}; "
            f"the mirror may be stale or security updates may be missing",
            file=sys.stderr,
        )
    return release


def parse_release(signed: Signed, suite: str, sha256: str) -> Release:
    """Parses the text of a Release; `sha256` is that of its InRelease. Raises ToolError."""
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, int]] = {}
    name = ""
    for line in signed.text.decode("utf-8", "replace").splitlines():
        if line.startswith(" "):
            if name == "SHA256":
                digest, size, path = line.split()
                files[path] = (digest, int(size))
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    if suite not in (fields.get("Codename"), fields.get("Suite")):
        found = fields.get("Codename") or fields.get("Suite") or "nothing"
        raise ToolError(f"the Release is that of {found}, not of {suite}")
    if not files or "Date" not in fields:
        raise ToolError(f"the Release of {suite} has no {'Date' if files else 'SHA256'} field")
    architectures = tuple(fields.get("Architectures", "").split())
    return Release(
        suite=suite,
        # Debian's security archive names its components `updates/main`, but serves them as `main`.
        components=tuple(word.rpartition("/")[2] for word in fields.get("Components", "").split()),
        architectures=architectures,
        date=_date(fields["Date"]),
        valid_until=_date(fields["Valid-Until"]) if "Valid-Until" in fields else None,
        by_hash=fields.get("Acquire-By-Hash") == "yes",
        all_apart="all" in architectures
        and "Packages" not in fields.get("No-Support-for-Architecture-all", "").split(),
        files=files,
        sha256=sha256,
        signed_by=signed.signed_by,
    )


def read_packages(
    index: Index, archive: Archive, release: Release, mirrors: Mirrors, cache: Cache
) -> int:
    """Adds the packages of one suite, all the archive's components, to `index`.

    Returns the number of indexes that were read. Raises ToolError.
    """
    if index.architecture not in release.architectures:
        listed = ", ".join(name for name in release.architectures if name != "all")
        raise ToolError(
            f"{release.suite}: no architecture {index.architecture}; its Release lists {listed}"
        )
    architectures = [index.architecture] + (["all"] if release.all_apart else [])
    count = 0
    for component in archive.components:
        for architecture in architectures:
            folder = f"{component}/binary-{architecture}"
            path, opener = _index(release, folder, mirrors, cache)
            try:
                with opener(path) as stream:
                    index.add(stream, Origin(archive.name, release.suite, component))
            except (lzma.LZMAError, EOFError, gzip.BadGzipFile) as error:
                raise ToolError(f"{release.suite}: {folder}/Packages can't be unpacked: {error}") from error
            count += 1
    return count


def _index(
    release: Release, folder: str, mirrors: Mirrors, cache: Cache
) -> tuple[Path, Callable[[Path], BinaryIO]]:
    """The file of a Packages index, from the cache or a mirror, and what opens it."""
    for suffix, opener in _OPENERS.items():
        name = f"{folder}/Packages{suffix}"
        if name in release.files:
            break
    else:
        raise ToolError(f"{release.suite}: its Release lists no {folder}/Packages in .xz, .gz or plain")
    sha256, size = release.files[name]
    cached = cache.find(sha256)
    if cached:
        return cached, opener
    print(f"fetching {release.suite} {folder} ({size / 1e6:.1f} MB)", file=sys.stderr)
    # While a mirror is being updated, the name may already be that of the next Release's index.
    paths = (f"dists/{release.suite}/{name}",)
    if release.by_hash:
        paths = (f"dists/{release.suite}/{folder}/by-hash/SHA256/{sha256}", *paths)
    path = mirrors.fetch(
        f"{release.suite}: {name}", paths, lambda stream: cache.store(stream, sha256, size)
    )
    return path, opener


def iso(moment: datetime) -> str:
    """The time in UTC as `2026-11-22T08:30:14Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError as error:
        raise ToolError(f"the Release's date '{text}' can't be read") from error
