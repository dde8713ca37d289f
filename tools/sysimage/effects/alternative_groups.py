"""Groups of alternatives, as /var/lib/dpkg/alternatives has them, and the files that they are about."""

import errno
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sysimage.core.tree import Inode, Kind, directory, file, symlink
from tools.sysimage.effects.root import Root

TEMPORARY = ".dpkg-tmp"


class Failure(Exception):
    """What update-alternatives ends with, as it says it."""


@dataclass(slots=True)
class Choice:
    """One alternative of a group: its path, its priority, and the files of its slaves by their names."""

    path: str
    priority: int
    slaves: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """A link group (update-alternatives(1)). `link` is "" for one that is not there."""

    name: str
    link: str = ""
    status: str = ""  # "auto", "manual"
    slaves: dict[str, str] = field(default_factory=dict)  # name → link
    updated: set[str] = field(default_factory=set)  # names of slaves that a call has changed
    choices: dict[str, Choice] = field(default_factory=dict)  # by path
    modified: bool = False

    def set_status(self, status: str) -> None:
        """Makes it automatic or manual."""
        self.modified |= status != self.status
        self.status = status

    def set_link(self, link: str) -> None:
        """Gives it another link."""
        self.modified |= link != self.link
        self.link = link


_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")


@dataclass(slots=True)
class Disk:
    """The files that it sees; paths are absolute. Raises Failure for what the system refuses."""

    root: Root
    who: str  # what new files say of where they come from
    instdir: str = ""

    def find(self, path: str, *, follow: bool = False) -> tuple[str, Inode | None]:
        """Returns the tree's path and the inode. Raises OSError where there is no way to it."""
        tree = self.root.tree
        name = (self.instdir + path).strip("/")
        above, _, last = name.rpartition("/")
        above = tree.resolve(above)
        where = tree.resolve(name) if follow else f"{above}/{last}".lstrip("/")
        inode = tree.get(where)
        if inode is None and where and tree[tree.nearest(where)].kind is not Kind.DIRECTORY:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return where, inode

    def missing(self, path: str) -> bool:
        """Whether there is no file; dpkg's path-exclude would have kept out what the image leaves out."""
        try:
            where, inode = self.find(path, follow=True)
        except OSError as error:
            raise Failure(f"cannot stat file '{self.instdir}{path}': {error.strerror}") from None
        return inode is None or self.root.excluded(where)

    def classify(self, path: str) -> str:
        """Returns what is there: "link", "missing", "other"."""
        try:
            inode = self.find(path)[1]
        except OSError as error:
            raise Failure(f"cannot stat file '{self.instdir}{path}': {error.strerror}") from None
        if inode is None:
            return "missing"
        return "link" if inode.kind is Kind.SYMLINK else "other"

    def target(self, path: str) -> str | None:
        """Returns what a symbolic link says, None for what is none."""
        try:
            inode = self.find(path)[1]
        except OSError:
            return None
        return inode.target if inode is not None and inode.kind is Kind.SYMLINK else None

    def symlink(self, target: str, path: str) -> None:
        """Makes a link in the place of what is there."""
        self._merge((self.instdir + path).strip("/").partition("/")[0])
        self.remove(path)
        where, _ = self._new(path, f"error creating symbolic link '{self.instdir}{path}'")
        self.root.tree.put(where, symlink(target, self.who))

    def _merge(self, name: str) -> None:
        """Makes the link /NAME of a merged /usr in a set without base-files, which would bring it."""
        tree = self.root.tree
        if name in _MERGED and name not in tree and f"usr/{name}" in tree:
            tree.put(name, symlink(f"usr/{name}", self.who))

    def remove(self, path: str) -> None:
        """Removes a file, if it is there."""
        what = f"unable to remove '{self.instdir}{path}'"
        where, inode = self._find(path, what)
        if inode is not None and inode.kind is Kind.DIRECTORY:
            raise Failure(f"{what}: {os.strerror(errno.EISDIR)}")
        self.root.tree.remove(where)

    def rename(self, old: str, new: str) -> None:
        """rename(2)."""
        what = f"unable to install '{self.instdir}{old}' as '{self.instdir}{new}'"
        where, inode = self._find(old, what)
        if inode is None:
            raise Failure(f"{what}: {os.strerror(errno.ENOENT)}")
        place, there = self._new(new, what)
        if there is not None and there.kind is Kind.DIRECTORY:
            raise Failure(f"{what}: {os.strerror(errno.EISDIR)}")
        if place != where:
            self.root.tree.remove(place)
            self.root.tree.move(where, place)

    def make_directory(self, path: str) -> None:
        """Makes a directory and those above it."""
        where = self.root.tree.resolve((self.instdir + path).strip("/"))
        if where not in self.root.tree:
            self.root.tree.add(where, directory(origin="dpkg"))

    def _find(self, path: str, what: str) -> tuple[str, Inode | None]:
        try:
            return self.find(path)
        except OSError as error:
            raise Failure(f"{what}: {error.strerror}") from None

    def _new(self, path: str, what: str) -> tuple[str, Inode | None]:
        where, inode = self._find(path, what)
        if inode is None and where.rpartition("/")[0] not in self.root.tree:
            raise Failure(f"{what}: {os.strerror(errno.ENOENT)}")
        return where, inode


@dataclass(slots=True)
class Database:
    """The folder of the groups' files. It is not below the installation directory."""

    root: Root
    folder: str

    def names(self) -> list[str]:
        """Returns the names of all groups, sorted by their bytes."""
        found = self.root.names(self.folder.strip("/"))
        return sorted(
            (name for name in found if not name.endswith(TEMPORARY)),
            key=lambda name: name.encode("utf-8", "surrogateescape"),
        )

    def load(self, disk: Disk, name: str, warn: Callable[[str], None] | None) -> Group | None:
        """Reads a group; a choice whose file is missing is dropped, with a word to `warn`.

        Returns None if there is none. Raises Failure for a broken file; without `warn` that is None, too.
        """
        path = f"{self.folder}/{name}"
        text = self.root.text(path.strip("/"))
        if not text:
            return None
        group = Group(name)
        try:
            _parse(group, disk, text, warn)
        except _Broken as error:
            if warn is None:
                return None
            raise Failure(f"{path} corrupt: {error}") from None
        return group

    def save(self, group: Group, verbose: Callable[[str], None]) -> None:
        """Writes a group, sorted, without slaves that no choice has."""
        for name in list(group.slaves):
            if not any(choice.slaves.get(name) for choice in group.choices.values()):
                verbose(f"discarding obsolete slave link {name} ({group.slaves.pop(name)})")
        group.slaves = dict(sorted(group.slaves.items(), key=lambda item: os.fsencode(item[0])))
        group.choices = dict(sorted(group.choices.items(), key=lambda item: os.fsencode(item[0])))
        lines = [group.status, group.link]
        for name, link in group.slaves.items():
            lines += [name, link]
        lines.append("")
        for choice in group.choices.values():
            lines += [choice.path, str(choice.priority)]
            lines += [choice.slaves.get(name, "") for name in group.slaves]
        lines.append("")
        if bad := next((line for line in lines if "\n" in line), ""):
            raise Failure(f"newlines prohibited in update-alternatives files ({bad})")
        tree = self.root.tree
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        tree.add(tree.resolve(f"{self.folder}/{group.name}".strip("/")), file(data, origin="dpkg"))

    def remove(self, name: str) -> None:
        """Removes a group's file."""
        self.root.tree.remove(self.root.tree.resolve(f"{self.folder}/{name}".strip("/"), last=False))


class _Broken(Exception):
    pass


class _Lines:
    def __init__(self, text: str) -> None:
        self._rest = text

    def next(self, what: str) -> str:
        if not self._rest:
            raise _Broken(f"unexpected end of file while trying to read {what}")
        line, end, self._rest = self._rest.partition("\n")
        if not end:
            raise _Broken(f"line not terminated while trying to read {what}")
        return line


def number(text: str) -> tuple[int | None, str]:
    """Reads a priority as strtol(3). Returns it, or None and what is wrong with it."""
    match = re.fullmatch(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", text)
    if match is None:
        return None, "syntax"
    value = int(match[1])
    return (value, "") if -(2**31) <= value < 2**31 else (None, "range")


def _parse(group: Group, disk: Disk, text: str, warn: Callable[[str], None] | None) -> None:
    lines = _Lines(text)
    group.status = lines.next("status")
    if group.status not in ("auto", "manual"):
        raise _Broken("invalid status")
    group.link = lines.next("master link")
    while name := lines.next("slave name"):
        if name in group.slaves:
            raise _Broken(f"duplicate slave name {name}")
        link = lines.next("slave link")
        if link == group.link:
            raise _Broken(f"slave link same as main link {link}")
        if link in group.slaves.values():
            raise _Broken(f"duplicate slave link {link}")
        group.slaves[name] = link
    while path := lines.next("master file"):
        if path in group.choices:
            raise _Broken(f"duplicate path {path}")
        there = not disk.missing(path)
        if not there:
            if warn is not None:
                warn(
                    f"alternative {path} (part of link group {group.name}) doesn't exist; "
                    "removing from list of alternatives"
                )
            group.modified = True
        priority = lines.next("priority")
        value, wrong = number(priority)
        if there and value is None:
            where = "is out of range" if wrong == "range" else ""
            raise _Broken(f"priority of {path}{' ' if where else ''}{where}: {priority}")
        files = {name: lines.next("slave file") for name in group.slaves}
        if there and value is not None:
            group.choices[path] = Choice(path, value, files)
