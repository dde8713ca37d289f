"""Which packages are installed in a tree, and which of them each path is from, as dpkg's database there says.

Read are /var/lib/dpkg/status with info/*.list (dpkg(1), deb-md5sums(5)), and what images without dpkg have in
their place: status.d/PACKAGE with status.d/PACKAGE.md5sums.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.core.tree import Kind, Tree, file
from tools.sysimage.debian.dpkg import ADMIN
from tools.sysimage.formats import deb822

_INFO, _STATUS_D = f"{ADMIN}/info", f"{ADMIN}/status.d"


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed package; source and its version are those of the source package."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str


def packages(tree: Tree) -> list[Installed]:
    """The installed packages by name; none if there is no database."""
    found = [_package(fields) for path in _statuses(tree) for fields in deb822.paragraphs(_text(tree, path))]
    return sorted((package for package in found if package), key=lambda p: (p.name, p.architecture))


def _statuses(tree: Tree) -> list[str]:
    parts = [path for path in tree.children(_STATUS_D) if not path.endswith(".md5sums")]
    return [path for path in (f"{ADMIN}/status", *parts) if path in tree]


def _package(fields: Mapping[str, str]) -> Installed | None:
    # In status.d all is installed, and says nothing.
    if "Package" not in fields or fields.get("Status", "installed").split()[-1:] != ["installed"]:
        return None
    name, version = fields["Package"], fields.get("Version", "")
    source, _, rest = fields.get("Source", name).partition(" ")
    return Installed(
        name, version, fields.get("Architecture", ""), source, rest.strip("() ") if rest else version
    )


def owners(tree: Tree) -> dict[str, str]:
    """Path → the package that it is from, for all but directories; of several the first by name.

    Paths are those that the tree's links lead to, and those to which dpkg diverted them. A package of which
    there can be several architectures has its own behind a colon, "libc6:amd64".
    """
    found: dict[str, str] = {}
    diverted = _diversions(tree)
    for path in _lists(tree):
        if path.endswith(".list") or path.startswith(_STATUS_D):
            package = _package_of(path)
            for _, place in _places(tree, path, diverted):
                inode = tree.get(place)
                if inode is not None and inode.kind is not Kind.DIRECTORY:
                    found.setdefault(place, package)
    return found


def disown(tree: Tree, before: Tree, paths: Iterable[str]) -> None:
    """Takes paths of `before` out of the database of `tree`, as dpkg does when another package replaces them.

    Conffiles stay the package's, with whatever content an administrator gives them.
    """
    gone = owners(before).keys() & set(paths)
    diverted = _diversions(before)
    for path in before.children(_INFO) if gone else ():
        if path.endswith(".conffiles"):
            gone -= {place for _, place in _places(before, path, diverted)}
    for path in _lists(before) if gone else ():
        lines = list(_places(before, path, diverted))
        kept = [line for line, place in lines if place not in gone]
        if len(kept) < len(lines):
            old = before[path]
            data = "".join(f"{line}\n" for line in kept).encode("utf-8", "surrogateescape")
            tree.put(path, file(data, old.mode, old.uid, old.gid, "dpkg"))


def _lists(tree: Tree) -> list[str]:
    """The files that name the paths of a package."""
    found = [*tree.children(_INFO), *tree.children(_STATUS_D)]
    return [path for path in found if path.endswith((".list", ".md5sums"))]


def _places(tree: Tree, path: str, diverted: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The lines of such a file, and of each where in the tree its path is."""
    package = _package_of(path).partition(":")[0]
    folders = {"": ""}  # a package has few, and many files in each
    for line in _lines(tree, path):
        name = line.partition(" ")[2].lstrip(" *") if path.endswith(".md5sums") else line
        name = name.removeprefix("./").lstrip("/")
        target, owner = diverted.get(name, (name, package))
        name = name if owner == package else target
        above, _, last = name.rpartition("/")
        if last in ("", ".", ".."):
            yield line, tree.resolve(name, last=False)
            continue
        if above not in folders:
            folders[above] = tree.resolve(above)
        folder = folders[above]
        yield line, f"{folder}/{last}" if folder else last


def _package_of(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _diversions(tree: Tree) -> dict[str, tuple[str, str]]:
    """Path → where the file of that path of other packages is, and the package whose own is there."""
    lines = iter(_lines(tree, f"{ADMIN}/diversions"))
    return {
        path.lstrip("/"): (target.lstrip("/"), package)
        for path, target, package in zip(lines, lines, lines, strict=False)
    }


def _lines(tree: Tree, path: str) -> list[str]:
    # Names can hold what Python takes for the end of a line.
    return [line for line in _text(tree, path).split("\n") if line]


def _text(tree: Tree, path: str) -> str:
    inode = tree.get(path)
    is_file = inode is not None and inode.kind is Kind.FILE
    return inode.read().decode("utf-8", "surrogateescape") if inode and is_file else ""
