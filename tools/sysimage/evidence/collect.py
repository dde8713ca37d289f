"""Collects the facts of an image from its tarball, and from what is known of it beside."""

import gzip
import hashlib
import lzma
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from compression import zstd
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.span import Content, External
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.debian import installed, lock_shape
from tools.sysimage.evidence import system
from tools.sysimage.evidence.facts import Facts, Image, Node, Package
from tools.sysimage.formats import layer, tar

_OPENERS: Sequence[tuple[bytes, str, Callable[[BinaryIO], BinaryIO]]] = (
    (b"\xfd7zXZ\0", "xz", lambda stream: cast(BinaryIO, lzma.open(stream))),
    (b"\x28\xb5\x2f\xfd", "zstd", lambda stream: cast(BinaryIO, zstd.open(stream))),
    (b"\x1f\x8b", "gzip", lambda stream: cast(BinaryIO, gzip.open(stream))),
)
_DAMAGED = (lzma.LZMAError, gzip.BadGzipFile, zstd.ZstdError, EOFError)


class Known:
    """What is known of an image beside its bytes: its lock, its packages' files, who put what there."""

    def __init__(self) -> None:
        self.locks: list[Mapping[str, Any]] = []
        self.lock_sha256 = ""  # of the first lock
        self.debs: dict[str, Mapping[str, Any]] = {}
        self.labels: dict[str, str] = {}
        self.overlay: frozenset[str] = frozenset()

    def read_lock(self, path: Path) -> None:
        """Reads a lock. Raises ToolError if it is none, or is damaged."""
        lock = lock_shape.sound(path)
        self.lock_sha256 = self.lock_sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
        self.locks.append(lock)

    def created(self) -> str:
        """The time of the lock's snapshot, RFC 3339; that of the epoch without a lock."""
        try:
            moment = datetime.strptime(self.locks[0]["snapshot"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except IndexError, KeyError, ValueError, TypeError:
            return "1970-01-01T00:00:00Z"
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def owners(self, tree: Tree, packages: Sequence[installed.Installed]) -> dict[str, str]:
        """Path → package, by the packages' files: for an image whose dpkg has a list of packages alone."""
        found: dict[str, str] = {}
        for package in packages:
            deb = self.debs.get(_key(package), {})
            for path in deb.get("paths", ()):
                place = path if path in tree else tree.resolve(path, last=False)
                if place in tree and place not in self.labels:
                    found.setdefault(place, package.name)
        return found

    def package(self, found: installed.Installed, size: int) -> Package:
        """A package of the image, with what the lock and its .deb say, if they are of the same version."""
        package = Package(
            found.name, found.version, found.architecture, found.source, found.source_version, size
        )
        locked: Mapping[str, Any] = {}
        for packages in (packages for lock in self.locks for packages in lock.get("packages", {}).values()):
            entry = packages.get(found.name, {})
            if (entry.get("version"), entry.get("architecture")) == (found.version, found.architecture):
                locked = entry
        deb = self.debs.get(_key(found), {})
        if locked:
            package = replace(
                package,
                deb_sha256=locked["sha256"],
                deb_size=locked["size"],
                pool=locked["path"],
                archive=locked["archive"],
                suite=locked["suite"],
                depends=tuple(locked["depends"]),
            )
        if deb:
            package = replace(
                package,
                deb_sha256=deb["sha256"] or package.deb_sha256,
                deb_size=deb["size"],
                maintainer=deb["maintainer"],
                homepage=deb["homepage"],
                section=deb["section"],
                description=deb["description"],
                licence=deb["licence"],
                built_using=tuple(deb.get("built_using", ())),
                security=tuple(deb["security"]),
            )
        return package


def _key(package: installed.Installed) -> str:
    return f"{package.name}_{package.version}_{package.architecture}"


def of_tarball(path: Path, known: Known, image: Image | None = None) -> Facts:
    """The facts of a tarball, compressed or not. Raises ToolError if it is damaged."""
    with tree_of(path) as tree:
        return of_tree(tree, known, image or _image(path))


@contextmanager
def tree_of(path: Path) -> Iterator[Tree]:
    """The tree of a tarball, compressed or not, to be read within. Raises ToolError if it is damaged."""
    tree = Tree()
    with path.open("rb") as raw, tempfile.TemporaryFile() as scratch:
        _, opener = _compression(raw)
        # What is decompressed can't be sought in.
        stream, spool = (opener(raw), cast(BinaryIO, scratch)) if opener else (raw, None)
        try:
            layer.apply(tree, tar.read(stream, str(path), spool, layer=True), str(path))
        except _DAMAGED as error:
            raise ToolError(f"{path}: is cut off or damaged ({error}); build it anew") from error
        yield tree


def _compression(raw: BinaryIO) -> tuple[str, Callable[[BinaryIO], BinaryIO] | None]:
    """The name of a tarball's compression by its first bytes, and what decompresses it."""
    magic = raw.read(6)
    raw.seek(0)
    return next(
        ((name, opener) for prefix, name, opener in _OPENERS if magic.startswith(prefix)), ("none", None)
    )


def of_tree(tree: Tree, known: Known, image: Image) -> Facts:
    """The facts of a tree."""
    packages = installed.packages(tree)
    owners = {**known.owners(tree, packages), **installed.owners(tree)}
    sizes: dict[str, int] = {}
    digests: dict[Inode, tuple[str, str]] = {}
    paths: dict[str, Node] = {}
    for path, inode in tree.walk():
        package = "" if path in known.overlay else owners.get(path, "")
        if inode.kind is Kind.FILE and inode not in digests:
            digests[inode] = _digests(inode.content, "sha256", "sha1")
            # Of hard links, the first counts.
            sizes[package] = sizes.get(package, 0) + inode.content.size
        paths[path] = Node(
            inode.kind.value,
            inode.mode,
            inode.uid,
            inode.gid,
            inode.content.size if inode.kind is Kind.FILE else 0,
            *digests.get(inode, ("", "")),
            inode.target,
            {name: value.hex() for name, value in sorted(inode.xattrs.items())},
            package.partition(":")[0],
            "" if package else "overlay" if path in known.overlay else "base",
            known.labels.get(path, ""),
        )
    files = Files(tree)
    release = system.os_release(files)
    described = [
        known.package(found, sizes.get(f"{found.name}:{found.architecture}", 0) + sizes.get(found.name, 0))
        for found in packages
    ]
    return Facts(
        replace(
            image,
            created=known.created(),
            lock_sha256=known.lock_sha256,
            distribution=release.get("PRETTY_NAME", ""),
            codename=release.get("VERSION_CODENAME", ""),
        ),
        tuple(described),
        paths,
        system.users(files),
        system.groups(files),
        system.units(files),
    )


def _digests(content: Content, first: str, second: str) -> tuple[str, str]:
    """Two digests of a file, which is read once."""
    one, other = (hashlib.new(name, usedforsecurity=False) for name in (first, second))
    for chunk in content.chunks():
        one.update(chunk)
        other.update(chunk)
    return one.hexdigest(), other.hexdigest()


def _image(path: Path) -> Image:
    with path.open("rb") as raw:
        compression, _ = _compression(raw)
    content = External(path, path.stat().st_size)
    return Image(path.name, content.size, 0, *_digests(content, "sha256", "sha384"), compression)
