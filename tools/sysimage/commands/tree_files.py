"""A tree as a shell and its commands see it, with the errors of system calls (path_resolution(7))."""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.sysimage.core.tree import Inode, Kind, Tree, directory, file, symlink
from tools.sysimage.scripts.files import Access, FileType, OpenContent, Status
from tools.sysimage.scripts.limits import spend, store

_MAX_LINKS = 40
_MAX_NAME = 255
_MAX_PATH = 4096
NULL = (1, 3)  # the device /dev/null
_WRITTEN = 10**18  # nanoseconds: what a script has written is newer than what was unpacked
_INODE = 1 << 10  # bytes for which a file counts, however short it is
_DEEP = 12  # components of a path, from which on it counts as work
_WORK = 150  # units of work of making a file
_CAPABILITY = "security.capability"
_KINDS = {
    Kind.FILE: FileType.FILE,
    Kind.DIRECTORY: FileType.DIRECTORY,
    Kind.SYMLINK: FileType.SYMLINK,
    Kind.CHARACTER: FileType.CHARACTER,
    Kind.BLOCK: FileType.BLOCK,
    Kind.FIFO: FileType.FIFO,
}


class Buffer:
    """The bytes of a file that a script writes: a content of the tree that can change.

    They count for what files of commands may take until nothing has them any more.
    """

    __slots__ = ("_counted", "data")

    def __init__(self, data: bytes | bytearray = b"") -> None:
        self._counted = 0
        self.count(len(data))
        self.data = bytearray(data)

    def count(self, size: int) -> None:
        """Counts bytes that are added."""
        store(size)
        self._counted += size

    def __del__(self) -> None:
        store(-self._counted)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes at once."""
        if self.data:
            yield bytes(self.data)


class _Open:
    """An open file of the tree: of its inode, so that it stays when its name is removed."""

    __slots__ = ("_cache", "_inode", "_source")

    def __init__(self, inode: Inode) -> None:
        self._inode = inode
        self._source: object = None
        self._cache = b""

    def read(self, offset: int, size: int) -> bytes:
        content = self._inode.content
        if isinstance(content, Buffer):
            return bytes(content.data[offset : offset + size])
        if self._source is not content:
            self._source, self._cache = content, self._inode.read()
        return self._cache[offset : offset + size]

    def write(self, offset: int, data: bytes) -> None:
        content = writable(self._inode)
        if len(content.data) < offset:
            content.count(offset - len(content.data))
            content.data.extend(bytes(offset - len(content.data)))
        content.data[offset : offset + len(data)] = data

    def size(self) -> int:
        return self._inode.content.size


def drop_capabilities(inode: Inode) -> None:
    """Does what chown(2) and write(2) do to security.capability (capabilities(7))."""
    if _CAPABILITY in inode.xattrs:
        inode.xattrs = {name: value for name, value in inode.xattrs.items() if name != _CAPABILITY}


def writable(inode: Inode) -> Buffer:
    """Returns a file's content as one that can change."""
    drop_capabilities(inode)
    if not isinstance(inode.content, Buffer):
        inode.content = Buffer(inode.read())
    return inode.content


def replace_content(inode: Inode, data: bytes) -> None:
    """Gives a file other bytes; all its names and whoever has it open see them."""
    drop_capabilities(inode)
    inode.content = Buffer(data)


def failure(number: int, path: str) -> OSError:
    """Returns the error of a system call."""
    return OSError(number, os.strerror(number), path)


@dataclass(slots=True)
class TreeFiles:
    """The files of a tree. Paths are absolute, "/usr/bin"; "usr/bin" is said to be a path of the tree's.

    `origin` is what new inodes say of where they come from: the package whose script runs.
    """

    tree: Tree
    origin: str = ""
    uid: int = 0  # whose new files are
    gid: int = 0

    # What a shell asks (scripts.files.FileSystem).

    def open(self, path: str, access: Access) -> OpenContent:
        """Opens a file, and makes it if `access` says so. Raises OSError with its errno."""
        where, inode = self.lookup(path)
        if inode is None:
            if not access.create or path.endswith("/"):
                raise failure(errno.ENOENT, path)
            inode = file(b"", access.mode & 0o7777, origin=self.origin)
            inode.content = Buffer()
            self.add(where, inode)
        elif access.exclusive:
            raise failure(errno.EEXIST, path)
        elif inode.kind is Kind.DIRECTORY and access.write:
            raise failure(errno.EISDIR, path)
        elif inode.kind not in (Kind.FILE, Kind.DIRECTORY):
            raise failure(errno.ENXIO, path)
        elif access.truncate:
            inode.content = Buffer()
        return _Open(inode)

    def status(self, path: str, follow: bool) -> Status | None:
        """Returns what is known of a file, None if there is none."""
        inode = self.find(path, follow=follow)
        if inode is None:
            return None
        size = len(inode.target) if inode.kind is Kind.SYMLINK else inode.content.size
        if inode.kind is Kind.DIRECTORY:
            size = 4096
        written = _WRITTEN if isinstance(inode.content, Buffer) else 0
        return Status(_KINDS[inode.kind], inode.mode, inode.uid, inode.gid, size, written, id(inode))

    def names(self, path: str) -> Sequence[str]:
        """Returns the names in a directory, sorted. Raises OSError."""
        where, inode = self.lookup(path)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if inode.kind is not Kind.DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        return [child.rpartition("/")[2] for child in self.tree.children(where)]

    def real_path(self, path: str) -> str:
        """Returns a path without symbolic links. Raises OSError."""
        where, inode = self.lookup(path)
        if inode is None:
            raise failure(errno.ENOENT, path)
        return f"/{where}"

    # What commands ask.

    def lookup(self, path: str, *, follow: bool = True) -> tuple[str, Inode | None]:
        """Returns the tree's path of a name and its inode; None if all is there but the last component.

        Raises OSError: ENOENT if a directory above is missing, ENOTDIR if it is none, ELOOP, ENAMETOOLONG.
        """
        if not path:
            raise failure(errno.ENOENT, path)
        if len(path) >= _MAX_PATH:
            raise failure(errno.ENAMETOOLONG, path)
        todo = [part for part in reversed(path.split("/")) if part]
        if len(todo) > _DEEP:
            spend(len(todo) ** 2 >> 2)
        done: list[str] = []
        links = 0
        inode: Inode | None = self.tree[""]
        while todo:
            part = todo.pop()
            if inode is None:
                raise failure(errno.ENOENT, path)
            if inode.kind is not Kind.DIRECTORY:
                raise failure(errno.ENOTDIR, path)
            if part == ".":
                continue
            if part == "..":
                del done[-1:]
                inode = self.tree["/".join(done)]
                continue
            if len(part) > _MAX_NAME:
                raise failure(errno.ENAMETOOLONG, path)
            inode = self.tree.get("/".join([*done, part]))
            if inode is not None and inode.kind is Kind.SYMLINK and (todo or follow or path.endswith("/")):
                links += 1
                if links > _MAX_LINKS:
                    raise failure(errno.ELOOP, path)
                if inode.target.startswith("/"):
                    done.clear()
                todo.extend(part for part in reversed(inode.target.split("/")) if part)
                inode = self.tree["/".join(done)]
                continue
            done.append(part)
        if path.endswith("/") and inode is not None and inode.kind is not Kind.DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        return "/".join(done), inode

    def find(self, path: str, *, follow: bool = True) -> Inode | None:
        """Returns the inode of a path, None if there is none, or no way to it."""
        try:
            return self.lookup(path, follow=follow)[1]
        except OSError:
            return None

    def get(self, path: str, *, follow: bool = True) -> Inode:
        """Returns the inode of a path. Raises OSError."""
        inode = self.lookup(path, follow=follow)[1]
        if inode is None:
            raise failure(errno.ENOENT, path)
        return inode

    def read(self, path: str) -> bytes:
        """Returns the bytes of a file. Raises OSError."""
        inode = self.get(path)
        if inode.kind is Kind.DIRECTORY:
            raise failure(errno.EISDIR, path)
        if inode.kind is Kind.CHARACTER and inode.device != NULL:
            raise failure(errno.ENXIO, path)
        return inode.read()

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Gives a file these bytes; one that is not there is made with `mode`. Raises OSError."""
        where, inode = self.lookup(path)
        if inode is None:
            inode = file(b"", mode, origin=self.origin)
            self.add(where, inode)
        elif inode.kind is Kind.DIRECTORY:
            raise failure(errno.EISDIR, path)
        elif inode.kind is Kind.CHARACTER and inode.device == NULL:
            return
        replace_content(inode, data)

    def exchange(self, path: str, data: bytes, backup: str = "") -> None:
        """Puts a new file in the place of one that was edited; its mode, owner and attributes stay.

        `backup` is the path to which the old one moves. Raises OSError.
        """
        inode = self.get(path)
        where, _ = self.lookup(path, follow=False)
        if backup:
            self.rename(path, backup)
        store(len(data))
        made = file(data, inode.mode, inode.uid, inode.gid, origin=self.origin)
        made.xattrs = inode.xattrs
        self.tree.put(where, made)

    def add(self, where: str, inode: Inode) -> None:
        """Puts a new inode at a path of the tree's; S_ISGID of its directory gives it a group (inode(7))."""
        store(_INODE)
        spend(_WORK)
        above = self.tree[where.rpartition("/")[0]]
        if self.uid or self.gid:
            inode.uid, inode.gid = self.uid, self.gid
        if above.mode & 0o2000:
            inode.gid = above.gid
            if inode.kind is Kind.DIRECTORY:
                inode.mode |= 0o2000
        self.tree.put(where, inode)

    def new(self, path: str) -> str:
        """Returns the tree's path for something new. Raises OSError if there is no place for it."""
        where, inode = self.lookup(path, follow=False)
        # A link that leads nowhere is there, even with a slash behind its name.
        if inode is not None or self.find(path.rstrip("/") or "/", follow=False) is not None:
            raise failure(errno.EEXIST, path)
        return where

    def make_directory(self, path: str, mode: int) -> None:
        """mkdir(2). Raises OSError."""
        self.add(self.new(path), directory(mode, origin=self.origin))

    def make_symlink(self, target: str, path: str) -> None:
        """symlink(2). Raises OSError."""
        where = self.new(path)
        if path.endswith("/") or not target:
            raise failure(errno.ENOENT, path)
        self.add(where, symlink(target, self.origin))

    def make_link(self, old: str, path: str) -> None:
        """link(2): symbolic links are not followed. Raises OSError."""
        inode = self.get(old, follow=False)
        if inode.kind is Kind.DIRECTORY:
            raise failure(errno.EPERM, old)
        where = self.new(path)
        if path.endswith("/"):
            raise failure(errno.ENOENT, path)
        store(_INODE)
        self.tree.put(where, inode)

    def unlink(self, path: str) -> None:
        """unlink(2). Raises OSError."""
        where, inode = self.lookup(path, follow=False)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if inode.kind is Kind.DIRECTORY:
            raise failure(errno.EISDIR, path)
        self.tree.remove(where)

    def remove_directory(self, path: str) -> None:
        """rmdir(2). Raises OSError."""
        where, inode = self.lookup(path, follow=False)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if inode.kind is not Kind.DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        if path.rstrip("/").rpartition("/")[2] == ".":
            raise failure(errno.EINVAL, path)
        if not where:
            raise failure(errno.EBUSY, path)
        if self.tree.children(where):
            raise failure(errno.ENOTEMPTY, path)
        self.tree.remove(where)

    def rename(self, old: str, new: str) -> None:
        """rename(2). Raises OSError."""
        source, inode = self.lookup(old, follow=False)
        target, there = self.lookup(new, follow=False)
        if inode is None:
            raise failure(errno.ENOENT, old)
        if self._is_link_with_slash(old):
            raise failure(errno.ENOTDIR, old)
        if self._is_link_with_slash(new):
            raise failure(errno.ENOTDIR, new)
        if not source or not target:
            raise failure(errno.EBUSY, old)
        if inode.kind is not Kind.DIRECTORY and new.endswith("/"):
            raise failure(errno.ENOTDIR, new)
        if there is inode:
            return
        if new.endswith("/") and inode.kind is not Kind.DIRECTORY:
            raise failure(errno.ENOTDIR, new)
        if inode.kind is Kind.DIRECTORY and f"{target}/".startswith(f"{source}/"):
            raise failure(errno.EINVAL, old)
        if there is not None:
            if there.kind is Kind.DIRECTORY:
                if inode.kind is not Kind.DIRECTORY:
                    raise failure(errno.EISDIR, new)
                if self.tree.children(target):
                    raise failure(errno.ENOTEMPTY, new)
            elif inode.kind is Kind.DIRECTORY:
                raise failure(errno.ENOTDIR, new)
            self.tree.remove(target)
        self.tree.move(source, target)

    def _is_link_with_slash(self, path: str) -> bool:
        inode = self.find(path.rstrip("/") or "/", follow=False) if path.endswith("/") else None
        return inode is not None and inode.kind is Kind.SYMLINK

    def chown(self, inode: Inode, uid: int | None, gid: int | None) -> None:
        """chown(2), with what it takes from the mode of a file; None leaves a number as it is."""
        if uid is None and gid is None:
            return
        if uid is not None:
            inode.uid = uid
        if gid is not None:
            inode.gid = gid
        drop_capabilities(inode)
        if inode.kind is Kind.FILE:
            inode.mode &= ~0o4000
            if inode.mode & 0o0010:
                inode.mode &= ~0o2000
