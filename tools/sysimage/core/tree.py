"""A file system tree in memory: what every stage reads into, changes, and writes out.

Names, modes and owners are held in memory; the content of files stays where it is (a Span of an open
file) until it is written, so a tree of gigabytes costs a few hundred bytes a path.

Paths are relative to the root, without a leading or trailing slash; the root itself is "". Names that
are not UTF-8 use surrogate escapes (PEP 383).
"""

import enum
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Content, Inline

_NO_XATTRS: Mapping[str, bytes] = MappingProxyType({})  # one for all inodes
_MAX_NAME, _MAX_PATH = 255, 4095  # bytes: NAME_MAX, and PATH_MAX without the NUL
_MAX_LINKS = 40  # as Linux does: path_resolution(7)


class Kind(enum.Enum):
    """The type of an inode, named as in mtree(5)."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "link"
    CHARACTER = "char"
    BLOCK = "block"
    FIFO = "fifo"


@dataclass(slots=True, eq=False)
class Inode:
    """What a path names: inode(7) without times. Two paths with one Inode are hard links.

    It can be changed (chmod, chown), and each of its names sees the change, as in a file system.
    """

    kind: Kind
    mode: int  # permission bits with setuid, setgid and sticky: 0o0000 to 0o7777
    uid: int = 0
    gid: int = 0
    target: str = ""  # of a symlink, as it is written there
    content: Content = field(default=Inline(b""))  # of a file
    device: tuple[int, int] = (0, 0)  # major, minor of a device node
    xattrs: Mapping[str, bytes] = _NO_XATTRS
    origin: str = ""  # where it is from, for messages: a package, a layer, an attribute

    def read(self) -> bytes:
        """The whole content; for small files."""
        return b"".join(self.content.chunks())


def directory(mode: int = 0o755, uid: int = 0, gid: int = 0, origin: str = "") -> Inode:
    """A directory."""
    return Inode(Kind.DIRECTORY, mode, uid, gid, origin=origin)


def symlink(target: str, origin: str = "") -> Inode:
    """A symbolic link. Its mode is 0777, as lstat(2) gives it on Linux."""
    return Inode(Kind.SYMLINK, 0o777, target=target, origin=origin)


def file(data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0, origin: str = "") -> Inode:
    """A file with these bytes."""
    return Inode(Kind.FILE, mode, uid, gid, content=Inline(data), origin=origin)


def canonical(name: str, where: str, *, clean: bool = False) -> str:
    """The path in the tree that a name in an archive stands for: "./usr//bin/" is "usr/bin".

    Raises ToolError for a name that is absolute, leaves the root, or can't be a name. A name with ".." in it
    is refused, too; with `clean`, "a/../b" is "b" instead, as other tools take it. `where` is the archive,
    for the message.
    """
    if name.startswith("/"):
        raise ToolError(f"{where}: entry {name!r} has an absolute path; names must be relative to the root")
    parts = [part for part in name.split("/") if part and part != "."]
    while ".." in parts:
        at = parts.index("..")
        if not clean or not at:
            raise ToolError(
                f"{where}: entry {name!r} leaves the root with '..'; refuse this archive or mend it"
            )
        del parts[at - 1 : at + 1]
    path = "/".join(parts)
    check_path(path, where)
    return path


def check_path(path: str, where: str) -> None:
    """Raises ToolError for a path that Linux can't have: too long, with a NUL, or in no encoding."""
    try:
        size = len(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise ToolError(f"{where}: entry {path!r} has characters that no encoding has; rename it") from None
    # Shorter than a name can be, a path needs no closer look.
    too_long = size > _MAX_NAME and (
        size > _MAX_PATH
        or any(len(part.encode("utf-8", "surrogateescape")) > _MAX_NAME for part in path.split("/"))
    )
    if too_long or "\0" in path:
        what = "is longer than Linux takes" if too_long else "has a NUL in its name"
        raise ToolError(f"{where}: entry {path[:80]!r} {what}; rename it")


def order(path: str) -> str:
    """Sort key by component: what is in a directory comes directly after it."""
    return path.replace("/", "\0")


class _Directory:
    """A directory in a tree: its inode, and by name what is in it."""

    __slots__ = ("entries", "inode")

    def __init__(self, inode: Inode) -> None:
        self.inode = inode
        self.entries: dict[str, _Directory | Inode] = {}

    def copy(self) -> _Directory:
        """The directory with all below it; inodes are the same."""
        made = _Directory(self.inode)
        todo = [(self, made)]
        while todo:
            old, new = todo.pop()
            for name, node in old.entries.items():
                if isinstance(node, _Directory):
                    new.entries[name] = below = _Directory(node.inode)
                    todo.append((node, below))
                else:
                    new.entries[name] = node
        return made


type _Node = _Directory | Inode | None


class Tree:
    """Paths and their inodes. Every path but the root has a parent that is a directory.

    Paths are kept by component, not as a whole, so a hundred thousand of them fit into some tens of MiB.
    """

    def __init__(self) -> None:
        self._root = _Directory(directory())
        self._size = 1
        self.observer: Callable[[str, str], None] | None = None
        """Is called with each path that is put, removed or moved, and with what happened to it."""

    def __contains__(self, path: str) -> bool:
        return self._node(path) is not None

    def __getitem__(self, path: str) -> Inode:
        inode = _inode(self._node(path))
        if inode is None:
            raise KeyError(path)
        return inode

    def __len__(self) -> int:
        return self._size

    def copy(self) -> Tree:
        """A tree with the same paths and inodes; either can get and lose paths without the other."""
        made = Tree()
        made._root, made._size = self._root.copy(), self._size
        return made

    def _node(self, path: str) -> _Node:
        node: _Node = self._root
        for part in path.split("/") if path else ():
            if not isinstance(node, _Directory):
                return None
            node = node.entries.get(part)
        return node

    def get(self, path: str) -> Inode | None:
        """The inode that `path` names, links not followed, or None."""
        return _inode(self._node(path))

    def walk(self, path: str = "") -> Iterator[tuple[str, Inode]]:
        """Yields `path` and all below it with their inodes, in the one order that every output uses.

        Parents come first, what is in a directory by its name. Nothing if there is no such path.
        """
        start = self._node(path)
        todo = [(path, start)] if start is not None else []
        while todo:
            path, node = todo.pop()
            if isinstance(node, _Directory):
                yield path, node.inode
                prefix = f"{path}/" if path else ""
                todo += [(prefix + name, node.entries[name]) for name in sorted(node.entries, reverse=True)]
            else:
                yield path, node

    def paths(self) -> list[str]:
        """All paths, in the order of `walk`."""
        return [path for path, _ in self.walk()]

    def children(self, path: str) -> list[str]:
        """The paths directly below a directory, sorted; none for what is no directory."""
        node = self._node(path)
        prefix = f"{path}/" if path else ""
        return [prefix + name for name in sorted(node.entries)] if isinstance(node, _Directory) else []

    def below(self, path: str) -> list[str]:
        """All paths below a directory, parents first, without the directory itself."""
        return [below for below, _ in self.walk(path)][1:]

    def put(self, path: str, inode: Inode) -> None:
        """Sets what `path` names; the parent has to be a directory (see `make_parents`).

        A directory put over a directory replaces its mode, owner and xattrs and keeps what is in it.
        Raises ToolError if the parent is missing or no directory, or if a directory that is not empty
        would be replaced by something else.
        """
        above, _, name = path.rpartition("/")
        parent = self._node(above)
        if not isinstance(parent, _Directory):
            raise ToolError(f"{path}: {above} is {_what(_inode(parent))}, not a directory{_by(inode)}")
        old = parent.entries.get(name) if path else self._root
        is_directory = inode.kind is Kind.DIRECTORY
        if isinstance(old, _Directory) and is_directory:
            old.inode = inode
            return
        if old is self._root or (isinstance(old, _Directory) and old.entries):
            raise ToolError(
                f"{path}: a {inode.kind.value} can't replace a directory that is not empty{_by(inode)}"
            )
        # The same few names are in many directories.
        parent.entries[sys.intern(name)] = _Directory(inode) if is_directory else inode
        self._size += old is None
        if self.observer:
            self.observer(path, "made" if old is None else "replaced")

    def add(self, path: str, inode: Inode) -> None:
        """Sets what `path` names, and makes the missing directories above it."""
        self.make_parents(path, inode.origin)
        self.put(path, inode)

    def remove(self, path: str) -> None:
        """Removes `path` and all that is below it; nothing if there is none. The root stays."""
        above, _, name = path.rpartition("/")
        parent = self._node(above)
        if path and isinstance(parent, _Directory) and name in parent.entries:
            self._size -= sum(1 for _ in self.walk(path))
            del parent.entries[name]
            if self.observer:
                self.observer(path, "removed")

    def move(self, old: str, new: str) -> None:
        """Moves `old`, with all that is below it, to `new`, which must not exist yet; its parent must.

        Raises KeyError if `old` or that parent is missing.
        """
        above, _, name = old.rpartition("/")
        source = self._node(above)
        above, _, last = new.rpartition("/")
        target = self._node(above)
        if not isinstance(source, _Directory) or not isinstance(target, _Directory):
            raise KeyError(old)
        target.entries[sys.intern(last)] = source.entries.pop(name)
        if self.observer:
            self.observer(old, f"moved to {new}")

    def nearest(self, path: str) -> str:
        """The closest path above `path` that is there, "" for the root."""
        while (path := path.rpartition("/")[0]) not in self:
            pass
        return path

    def make_parents(self, path: str, origin: str = "") -> None:
        """Makes the missing directories above `path`, mode 0755, owned by root."""
        missing = []
        parent = path
        while (parent := parent.rpartition("/")[0]) not in self:
            missing.append(parent)
        for parent in reversed(missing):
            self.put(parent, directory(origin=origin))

    def resolve(self, path: str, *, last: bool = True) -> str:
        """The path with every link followed, as seen from inside the root (chroot(2)).

        The last component is followed only if `last`. Components that do not exist stay as they are written.
        Raises ToolError after 40 links (ELOOP).
        """
        todo = [part for part in reversed(path.split("/")) if part]
        done: list[str] = []
        nodes: list[_Node] = [self._root]  # those of `done`, after the root
        links = 0
        while todo:
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                if done:
                    del done[-1], nodes[-1]
                continue
            above = nodes[-1]
            node = above.entries.get(part) if isinstance(above, _Directory) else None
            if not isinstance(node, Inode) or node.kind is not Kind.SYMLINK or not (todo or last):
                done.append(part)
                nodes.append(node)
                continue
            links += 1
            if links > _MAX_LINKS:
                raise ToolError(
                    f"{path!r}: more than {_MAX_LINKS} symbolic links, which the kernel would refuse"
                )
            if node.target.startswith("/"):
                done.clear()
                del nodes[1:]
            todo.extend(p for p in reversed(node.target.split("/")) if p)
        return "/".join(done)

    def find(self, path: str) -> Inode | None:
        """What `path` leads to, links followed inside the root, or None."""
        return self.get(self.resolve(path.strip("/")))


def _inode(node: _Node) -> Inode | None:
    return node.inode if isinstance(node, _Directory) else node


def _what(inode: Inode | None) -> str:
    return "missing" if inode is None else f"a {inode.kind.value}"


def _by(inode: Inode) -> str:
    return f" (from {inode.origin})" if inode.origin else ""
