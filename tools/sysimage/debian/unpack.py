"""Unpacks packages into one tree as dpkg(1) does: collisions, replacements, diversions, aliased folders."""

import queue
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import CHUNK
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.formats import tar

_NEW = ".dpkg-new"  # what dpkg calls a conffile that is not in its place yet
_THREADS = 2  # decompressors; lzma and zlib let go of the interpreter's lock
# Between two archives of a spool file: no tar header, so that one that lacks its end is noticed.
_GUARD = b"\xff" * 512


@dataclass(frozen=True, slots=True)
class Diversion:
    """A diversion (dpkg-divert(1)): other packages' `path` is unpacked as `target`."""

    path: str
    target: str
    package: str


@dataclass(slots=True)
class Unpacker:
    """The state of dpkg's unpacking: the tree, and which package owns which file."""

    tree: Tree
    owners: dict[str, Package] = field(default_factory=dict)  # path → package, for all but directories
    diversions: dict[str, Diversion] = field(default_factory=dict)  # by path
    waiting: dict[str, list[str]] = field(default_factory=dict)  # package → conffiles that are not in place
    architecture: str = ""  # of the image

    def unpack(self, package: Package, archive: BinaryIO) -> None:
        """Lays the entries of a package's data.tar, at the archive's position, into the tree.

        Raises ToolError for an entry that leaves the root, goes through a link that the package planted,
        or takes the place of another package's file without Replaces or a diversion.
        """
        where = str(package.deb.path)
        conffiles = set(package.conffiles())
        summed = "md5sums" in package.deb.control
        planted: set[str] = set()
        for entry in tar.read(archive, where):
            package.entries.append(entry.path)
            if not entry.path:
                continue
            path = self._real(package, entry.path, planted)
            if entry.inode is not None:
                inode = entry.inode
            else:
                linked = self.tree.get(self._real(package, entry.link, planted))
                if linked is None or linked.kind is Kind.DIRECTORY:
                    raise ToolError(
                        f"{where}: {entry.path} is a hard link to {entry.link}, which does not come before "
                        "it; build the package again"
                    )
                inode = linked
            inode.origin = package.name
            self._put(package, path, inode)
            if entry.path in conffiles:
                self.waiting.setdefault(package.name, []).append(path)
            if inode.kind is Kind.SYMLINK:
                planted.add(path)
            elif inode.kind is Kind.FILE and (entry.path in conffiles or not summed):
                package.digests[entry.path] = dpkg.md5(inode)
        entries = set(package.entries)
        for flag, path in package.conffile_lines():
            # One that the package lacks dpkg records as a new one.
            if path[1:] in entries and (flag or path[1:] not in package.digests):
                what = "must be removed, but is in data.tar" if flag else "is no file in data.tar"
                raise ToolError(
                    f"{where}: conffile {path} {what}, which dpkg refuses; build the package again"
                )

    def defer(self, package: Package) -> None:
        """Takes a package's conffiles out of their places, as long as it is not configured."""
        for path in self.waiting.get(package.name, ()):
            if self.owners.get(path) is package:
                self.tree.move(path, f"{path}{_NEW}")

    def place(self, package: Package) -> None:
        """Puts a package's conffiles into their places, before its postinst runs.

        Raises ToolError where a script has made another file: dpkg would ask what to do with it.
        """
        for path in self.waiting.pop(package.name, ()):
            new, made = self.tree.get(f"{path}{_NEW}"), self.tree.get(path)
            if new is None:
                continue
            if made is None:
                self.tree.move(f"{path}{_NEW}", path)
            elif made.kind is Kind.FILE and made.read() == new.read():
                self.tree.remove(f"{path}{_NEW}")
            else:
                raise ToolError(
                    f"/{path} is a conffile of {package.name}, and a script of another package has made one "
                    f"before; leave {package.name} out, or say by an entry what that script does"
                )

    def _real(self, package: Package, path: str, planted: set[str]) -> str:
        """The canonical path of an entry: links in its folder followed, diversions applied."""
        above, slash, name = path.rpartition("/")
        if above and above not in self.tree:
            above = self._follow(package, path, above, planted)
            path = f"{above}{slash}{name}" if above else name
        elif above and self.tree[above].kind is Kind.SYMLINK:
            above = self._follow(package, path, above, planted)
            path = f"{above}/{name}" if above else name
        diversion = self.diversions.get(path)
        if diversion and diversion.package != package.name:
            return diversion.target
        return path

    def _follow(self, package: Package, path: str, above: str, planted: set[str]) -> str:
        done: list[str] = []
        for part in above.split("/"):
            here = "/".join([*done, part])
            inode = self.tree.get(here)
            if inode is None:
                raise ToolError(
                    f"{package.deb.path}: {path} comes before its folder {here}; build the package again"
                )
            if inode.kind is not Kind.SYMLINK:
                done.append(part)
                continue
            if here in planted:
                raise ToolError(
                    f"{package.deb.path}: entry {path!r} goes through the link {here} that the package itself"
                    " ships; refuse this package or mend it"
                )
            if _leaves(here, inode.target):
                raise ToolError(
                    f"{package.deb.path}: entry {path!r} leaves the root through the link {here} -> "
                    f"{inode.target}; refuse this package or mend it"
                )
            done = self.tree.resolve(here).split("/")
        return "/".join(done)

    def _put(self, package: Package, path: str, inode: Inode) -> None:
        old = self.tree.get(path)
        if old is not None and inode.kind is Kind.DIRECTORY:
            # dpkg keeps a directory, or a link to one, that is there; its owner and mode are the first's.
            target = self.tree.find(path)
            if target is not None and target.kind is Kind.DIRECTORY:
                return
        owner = self.owners.get(path)
        if old is not None and owner is not None and owner is not package:
            takes = package.replaces(owner, self.architecture)
            if owner.replaces(package, self.architecture) and not takes:
                return
            if not takes:
                raise ToolError(
                    f"/{path} is in package {owner.name} {owner.version} and in {package.name}"
                    f" {package.version}, and neither replaces the other or diverts it; leave one of them out"
                )
        elif old is not None and owner is package and inode.kind is not Kind.DIRECTORY:
            raise ToolError(f"{package.deb.path}: /{path} is there twice; refuse this package or mend it")
        elif old is not None and old.kind is Kind.DIRECTORY and inode.kind is not Kind.DIRECTORY:
            raise ToolError(
                f"/{path} is a directory in package {old.origin} and a {inode.kind.value} in {package.name};"
                " leave one of them out"
            )
        self.tree.make_parents(path, package.name)
        self.tree.put(path, inode)
        if inode.kind is not Kind.DIRECTORY:
            self.owners[path] = package


def _leaves(path: str, target: str) -> bool:
    """Whether a relative link climbs above the root."""
    depth = 0 if target.startswith("/") else path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def spool(packages: Sequence[Package], folder: Path) -> Mapping[str, tuple[BinaryIO, int]]:
    """Decompresses all data.tar into unnamed files in `folder`, two at a time.

    Returns for each package its file and the position of its archive there. Nothing is held in memory.
    Raises ToolError for a damaged package.
    """
    todo: queue.SimpleQueue[Package] = queue.SimpleQueue()
    # The largest first, so that no thread is left with a large one at the end.
    for package in sorted(packages, key=lambda p: (-p.deb.path.stat().st_size, p.name)):
        todo.put(package)
    places: dict[str, tuple[BinaryIO, int]] = {}
    failures: dict[str, BaseException] = {}

    def work() -> None:
        # Unnamed: the system removes it whatever happens to this process.
        file = tempfile.TemporaryFile(dir=folder, prefix=".unpack-")
        while not failures:
            try:
                package = todo.get_nowait()
            except queue.Empty:
                break
            places[package.name] = (file, file.tell())
            try:
                with package.deb.data() as data:
                    while chunk := data.read(CHUNK):
                        file.write(chunk)
                file.write(_GUARD)
            except BaseException as error:
                failures[package.name] = error
        file.flush()

    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[min(failures)]
    return places
