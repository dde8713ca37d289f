"""Policies: TOML files that list what an image leaves out of its packages, each entry with its reason.

    [[exclude]]
    paths = ["usr/share/locale/**"]   # patterns; what they name may be missing
    keep = ["usr/share/locale/en/**"] # may be left out
    bytes = 28_800_000                # what that has brought, for people
    reason = "messages are in English"

    [[exclude]]
    packages = ["perl-base"]          # their files, once all scripts have run, but for shared libraries that
                                      # what stays is linked with; dpkg no longer has the packages
    reason = "no program of the guest is written in Perl"

    [[exclude]]
    bits = "6000"                     # of what `paths` names, not the files: setuid and setgid
    paths = ["usr/bin/*"]
    reason = "nobody becomes root by starting a program"

A symbolic link that has led to something and now leads nowhere goes, too.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import content
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import Pattern, Patterns
from tools.sysimage.core.tree import Inode, Kind, Tree, file
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.effects.root import Root
from tools.sysimage.formats import elf

_CALLED: Mapping[type, str] = {str: "a text", int: "a whole number", list: "a list of texts"}
_FIELDS: Mapping[str, type] = {
    "paths": list,
    "keep": list,
    "packages": list,
    "bits": str,
    "bytes": int,
    "reason": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An entry of a policy."""

    reason: str
    paths: tuple[str, ...] = ()  # patterns
    keep: tuple[str, ...] = ()  # patterns of what stays nevertheless
    packages: tuple[str, ...] = ()
    bits: str = ""  # octal; "": it is the files that go
    bytes: int = 0


@dataclass(slots=True)
class Excluded:
    """What an entry has brought."""

    reason: str
    paths: int = 0  # that are gone, or have lost bits
    bytes: int = 0  # of the files that are gone


@dataclass(frozen=True, slots=True)
class _Named:
    """The entries that name a path or a directory above it, and those that keep it; a bit for each."""

    names: int = 0
    keeps: int = 0

    @property
    def entries(self) -> int:
        """The entries that hold for the path."""
        return self.names & ~self.keeps


_NOTHING = _Named()


class Policy:
    """The entries of several policies."""

    def __init__(self, files: Iterable[Path], include: Sequence[str]) -> None:
        """Reads the policies. `include` are patterns of files that stay, whatever a policy says.

        Raises ToolError for a file that is no policy.
        """
        self._entries = [entry for path in files for entry in _read(path)]
        self._include = Patterns(Pattern(text, "include") for text in include)
        self._paths = [Patterns(map(Pattern, entry.paths)) for entry in self._entries]
        self._keep = [Patterns(map(Pattern, entry.keep)) for entry in self._entries]
        # Those that leave files out.
        self._whole = sum(1 << number for number, entry in enumerate(self._entries) if not entry.bits)

    def excludes(self, path: str) -> bool:
        """Whether the `paths` of an entry leave a path out."""
        if not self._entries:
            return False
        named = _NOTHING
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            named = self._named("/".join(parts[:end]), named)
        return bool(named.entries & self._whole)

    def _named(self, path: str, above: _Named) -> _Named:
        """What entries say of a path, from what they say of the directory that it is in."""
        keeps = above.keeps
        if self._include.matches(path):
            keeps |= self._whole
        names = above.names
        for number, patterns in enumerate(self._paths):
            bit = 1 << number
            if not names & bit and patterns.matches(path):
                names |= bit
            if not keeps & bit and self._keep[number].matches(path):
                keeps |= bit
        return _Named(names, keeps)

    def apply(self, root: Root) -> list[Excluded]:
        """Takes away what the policies name; says what each entry has brought."""
        found = [Excluded(entry.reason) for entry in self._entries]
        if not found:
            return found
        leading = {path for path, inode in root.tree.walk() if _leads(root.tree, path, inode)}
        named = {"": _NOTHING}
        for path in root.tree.paths():
            if path:
                named[path] = self._named(path, named[path.rpartition("/")[0]])
        self._take_paths(root.tree, named, found)
        # After the paths, so that only what stays keeps its libraries.
        self._take_packages(root, named, found)
        for path in leading:
            inode = root.tree.get(path)
            if inode is not None and not _leads(root.tree, path, inode):
                root.tree.remove(path)
        return found

    def _take_paths(self, tree: Tree, named: dict[str, _Named], found: Sequence[Excluded]) -> None:
        # Children first, so that a directory is empty by then unless something in it stays.
        for path in reversed(named):
            number = _first(named[path].entries & self._whole)
            if number is not None:
                if tree[path].kind is not Kind.DIRECTORY or not tree.children(path):
                    _remove(tree, path, found[number])
                continue
            for number, entry in enumerate(self._entries):
                if entry.bits and named[path].entries >> number & 1:
                    _take_bits(tree[path], int(entry.bits, 8), found[number])

    def _take_packages(self, root: Root, named: Mapping[str, _Named], found: Sequence[Excluded]) -> None:
        numbers = {name: number for number, entry in enumerate(self._entries) for name in entry.packages}
        gone = {name: package for name, package in root.packages.items() if name in numbers}
        if not gone:
            return
        owned = {
            path: numbers[package.name]
            for path, package in root.unpacker.owners.items()
            if package.name in gone and path in root.tree
        }
        staying = {path for path, number in owned.items() if named[path].keeps >> number & 1}
        staying |= _needed(root.tree, owned.keys() - staying)
        for path in staying:
            del owned[path]
            # dpkg's database and scanners know the package, since some of it stays.
            gone.pop(root.unpacker.owners[path].name, None)
        for path, number in owned.items():
            _remove(root.tree, path, found[number])
        stay = {
            path for package in root.packages.values() if package.name not in gone for path in package.entries
        }
        for name, package in gone.items():
            # Children first.
            for path in sorted(package.entries, key=len, reverse=True):
                inode = root.tree.get(path) if path and path not in stay else None
                if inode is not None and inode.kind is Kind.DIRECTORY and not root.tree.children(path):
                    _remove(root.tree, path, found[numbers[name]])
        _forget(root.tree, gone.values())


def _read(path: Path) -> list[Exclusion]:
    try:
        value = tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{path}: is no TOML ({error}); correct it") from error
    if value.keys() != {"exclude"} or not isinstance(value["exclude"], list):
        raise ToolError(f"{path}: is no policy; it has entries [[exclude]] and nothing else")
    return [
        _entry(entry, f"{path}: entry {number} of [[exclude]]")
        for number, entry in enumerate(value["exclude"], 1)
    ]


def _entry(given: object, where: str) -> Exclusion:
    """An entry, checked. Raises ToolError."""
    if not isinstance(given, dict):
        raise ToolError(f"{where}: is no table; write it below [[exclude]]")
    for name, item in given.items():
        kind = _FIELDS.get(name)
        if kind is None:
            raise ToolError(f"{where}: {name!r} is unknown; there are {', '.join(_FIELDS)}")
        texts = item if isinstance(item, list) else []
        if type(item) is not kind or not all(isinstance(text, str) for text in texts):
            raise ToolError(f"{where}: {name!r} has to be {_CALLED[kind]}")
    lists = {name: tuple(given.get(name, ())) for name in ("paths", "keep", "packages")}
    entry = Exclusion(
        reason=given.get("reason", ""), bits=given.get("bits", ""), bytes=given.get("bytes", 0), **lists
    )
    if not entry.reason.strip():
        raise ToolError(f"{where}: has no reason; give one")
    if not entry.paths and not entry.packages:
        raise ToolError(f"{where}: names neither paths nor packages; name some")
    if entry.bits and (content.bits(entry.bits, where) == 0 or entry.packages):
        raise ToolError(
            f"{where}: bits have to be an octal mode such as 6000, with paths that lose them; correct it"
        )
    for text in (*entry.paths, *entry.keep):
        Pattern(text, where)
    return entry


def _first(bits: int) -> int | None:
    """The number of the lowest bit that is set."""
    return (bits & -bits).bit_length() - 1 if bits else None


def _take_bits(inode: Inode, bits: int, said: Excluded) -> None:
    if inode.kind is Kind.FILE and inode.mode & bits:
        inode.mode &= ~bits
        said.paths += 1


def _leads(tree: Tree, path: str, inode: Inode) -> bool:
    """Whether a symbolic link leads to something."""
    if inode.kind is not Kind.SYMLINK:
        return False
    try:
        return tree.resolve(path) in tree
    except ToolError:
        return False


def _needed(tree: Tree, gone: Collection[str]) -> set[str]:
    """The shared libraries among the paths that go which a program or library that stays needs."""
    libraries = {path.rpartition("/")[2]: path for path in gone if ".so" in path}
    needed = set[str]()
    todo = [inode for path, inode in tree.walk() if inode.kind is Kind.FILE and path not in gone]
    while todo:
        for name in _linked(todo.pop()):
            path = libraries.get(name)
            while path is not None and path in gone and path not in needed:
                needed.add(path)
                inode = tree[path]
                todo.append(inode)
                path = tree.resolve(path) if inode.kind is Kind.SYMLINK else None
    return needed


def _linked(inode: Inode) -> tuple[str, ...]:
    """The libraries that a program or library is linked with."""
    try:
        linkage = elf.linkage(inode)
    except ToolError:
        return ()  # a damaged file is loaded by nobody
    return linkage.needed if linkage else ()


def _remove(tree: Tree, path: str, said: Excluded) -> None:
    inode = tree[path]
    said.paths += 1
    if inode.kind is Kind.FILE:
        said.bytes += inode.content.size
    tree.remove(path)


def _forget(tree: Tree, packages: Iterable[Package]) -> None:
    """Takes packages out of dpkg's database."""
    names = set[str]()
    for package in packages:
        names.add(package.name)
        prefix = f"{dpkg.info_prefix(package)}."
        for path in tree.children(f"{dpkg.ADMIN}/info"):
            if path.startswith(prefix):
                tree.remove(path)
    path = f"{dpkg.ADMIN}/status"
    old = tree[path]
    kept = [
        paragraph
        for paragraph in old.read().split(b"\n\n")
        if paragraph.partition(b"\n")[0].removeprefix(b"Package: ").decode("utf-8", "replace") not in names
    ]
    tree.put(path, file(b"\n\n".join(kept), old.mode, old.uid, old.gid, old.origin))
