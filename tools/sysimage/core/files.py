"""A tree as a running system sees its files: by path through links, with names of users and groups."""

from dataclasses import dataclass

from tools.sysimage.core.tree import Kind, Tree, directory, file, symlink


@dataclass(slots=True)
class Files:
    """The files of a root filesystem. Paths have no leading slash."""

    tree: Tree

    def text(self, path: str) -> str:
        """The content of a file as text, links followed; "" if there is none."""
        inode = self.tree.find(path)
        if inode is None or inode.kind is not Kind.FILE:
            return ""
        return inode.read().decode("utf-8", "surrogateescape")

    def write(self, path: str, text: str, mode: int | None = None, origin: str = "") -> None:
        """Writes a file of text; see `write_bytes`."""
        self.write_bytes(path, text.encode("utf-8", "surrogateescape"), mode, origin)

    def write_bytes(self, path: str, data: bytes, mode: int | None = None, origin: str = "") -> None:
        """Writes a file; one that is there keeps its mode and owner unless `mode` is given."""
        path = self.tree.resolve(path)
        old = self.tree.get(path)
        new = file(data, 0o644 if mode is None else mode, origin=origin)
        if old is not None and mode is None:
            new.mode, new.uid, new.gid = old.mode, old.uid, old.gid
        self.tree.add(path, new)

    def mkdir(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0, origin: str = "") -> bool:
        """Makes a directory unless something is there. Says whether it made one."""
        path = self.tree.resolve(path)
        if path in self.tree:
            return False
        self.tree.add(path, directory(mode, uid, gid, origin))
        return True

    def link(self, path: str, target: str, origin: str = "", *, replace: bool = False) -> bool:
        """Makes a symbolic link unless something is there, or replaces that. Says whether it made one."""
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

    def accounts(self, path: str) -> list[str]:
        """The names of users (etc/passwd) or of groups (etc/group)."""
        return [line.partition(":")[0] for line in self.text(path).splitlines() if ":" in line]

    def _number(self, path: str, name: str) -> int | None:
        if name.isascii() and name.isdigit():
            return int(name)
        for line in self.text(path).splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) > 2 and fields[2].isascii() and fields[2].isdigit():
                return int(fields[2])
        return None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """The names in a directory that end in `suffix`, sorted; links to the directory are followed."""
        names = (path.rpartition("/")[2] for path in self.tree.children(self.tree.resolve(folder)))
        return [name for name in names if name.endswith(suffix)]
