"""The root filesystem that effects work on: the tree, the packages in it, what dpkg keeps a record of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, Tree, directory, file, symlink
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.unpack import Unpacker


@dataclass(frozen=True, slots=True)
class Group:
    """A group of alternatives (update-alternatives(1)) and what is installed in it."""

    name: str
    link: str  # path of the generic link
    slaves: dict[str, str] = field(default_factory=dict)  # name → link
    choices: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)  # path → priority, slaves


@dataclass(slots=True)
class Root:
    """A root filesystem while packages are configured. Paths have no leading slash."""

    tree: Tree
    architecture: str  # Debian's name: "amd64", "arm64"
    unpacker: Unpacker
    packages: dict[str, Package] = field(default_factory=dict)  # by name, those unpacked so far
    overrides: dict[str, str] = field(default_factory=dict)  # path → line of statoverride
    alternatives: dict[str, Group] = field(default_factory=dict)
    late: dict[str, Callable[[Root], None]] = field(default_factory=dict)  # what triggers do at the end
    excluded: Callable[[str], bool] = field(default=lambda _: False)  # whether the image leaves a path out

    def text(self, path: str) -> str:
        """The content of a file as text, links followed; "" if there is none."""
        inode = self.tree.find(path)
        if inode is None or inode.kind is not Kind.FILE:
            return ""
        return inode.read().decode("utf-8", "surrogateescape")

    def need(self, path: str, who: str) -> Inode:
        """The file at `path`, links followed. Raises ToolError if there is none."""
        inode = self.tree.find(path)
        if inode is None or inode.kind is not Kind.FILE:
            raise ToolError(
                f"{who} needs /{path}, which no package of the set has; add it or correct the ledger"
            )
        return inode

    def write(self, path: str, text: str, mode: int | None = None, origin: str = "") -> None:
        """Writes a file; one that is there keeps its mode and owner unless `mode` is given."""
        path = self.tree.resolve(path)
        old = self.tree.get(path)
        data = text.encode("utf-8", "surrogateescape")
        new = file(data, 0o644 if mode is None else mode, origin=origin)
        if old is not None and mode is None:
            new.mode, new.uid, new.gid = old.mode, old.uid, old.gid
        self.tree.add(path, new)

    def mkdir(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0, origin: str = "") -> bool:
        """Makes a directory unless something is there; says whether it did."""
        path = self.tree.resolve(path)
        if path in self.tree:
            return False
        self.tree.add(path, directory(mode, uid, gid, origin))
        return True

    def link(self, path: str, target: str, origin: str = "", *, replace: bool = False) -> bool:
        """Makes a symbolic link unless something is there, or in its place; says whether it did."""
        above, slash, name = path.rpartition("/")
        path = self.tree.resolve(above) + slash + name
        if path in self.tree:
            if not replace:
                return False
            self.tree.remove(path)
        self.tree.add(path, symlink(target, origin))
        return True

    def uid(self, name: str) -> int | None:
        """The number of a user, by /etc/passwd; a number stands for itself; None if there is none."""
        return self._number("etc/passwd", name)

    def gid(self, name: str) -> int | None:
        """The number of a group, by /etc/group; a number stands for itself; None if there is none."""
        return self._number("etc/group", name)

    def _number(self, path: str, name: str) -> int | None:
        if name.isdigit():
            return int(name)
        for line in self.text(path).splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) > 2:
                return int(fields[2])
        return None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """The names in a directory, links followed, sorted, that end in `suffix`."""
        names = (path.rpartition("/")[2] for path in self.tree.children(self.tree.resolve(folder)))
        return [name for name in names if name.endswith(suffix)]
