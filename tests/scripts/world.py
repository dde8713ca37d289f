"""A tree of files in memory, and the few commands that the tests' scripts call."""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.scripts import shell as shells
from tools.sysimage.scripts.files import Access, FileType, Status
from tools.sysimage.scripts.limits import Limits
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.streams import Source, read_all

_LINKS = 40


@dataclass(eq=False)
class Inode:
    kind: FileType
    mode: int = 0o644
    data: bytearray = field(default_factory=bytearray)
    entries: dict[str, Inode] = field(default_factory=dict)
    target: str = ""
    mtime: int = 0


class Bytes:
    """The content of an open file of the tree."""

    def __init__(self, inode: Inode) -> None:
        self._inode = inode

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self._inode.data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        if len(self._inode.data) < offset:
            self._inode.data.extend(bytes(offset - len(self._inode.data)))
        self._inode.data[offset : offset + len(data)] = data

    def size(self) -> int:
        return len(self._inode.data)


class Memory:
    """The tree."""

    def __init__(self) -> None:
        self.root = Inode(FileType.DIRECTORY, 0o755)

    def find(self, path: str, follow: bool = True) -> Inode:
        return self._walk(path, follow)[0]

    def _walk(self, path: str, follow: bool) -> tuple[Inode, list[str]]:
        links = 0
        todo = path.split("/")
        nodes, names = [self.root], [""]
        while todo:
            name = todo.pop(0)
            if nodes[-1].kind is not FileType.DIRECTORY:
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
            if name in ("", "."):
                continue
            if name == "..":
                if len(nodes) > 1:
                    nodes.pop()
                    names.pop()
                continue
            inode = nodes[-1].entries.get(name)
            if inode is None:
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
            if inode.kind is FileType.SYMLINK and (follow or any(todo)):
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, "Too many levels of symbolic links", path)
                todo = inode.target.split("/") + todo
                if inode.target.startswith("/"):
                    nodes, names = [self.root], [""]
                continue
            nodes.append(inode)
            names.append(name)
        if path.endswith("/") and nodes[-1].kind is not FileType.DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        return nodes[-1], names

    def parent(self, path: str) -> tuple[Inode, str]:
        folder, _, name = path.rstrip("/").rpartition("/")
        parent = self.find(folder or "/")
        if parent.kind is not FileType.DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        return parent, name

    def open(self, path: str, access: Access) -> Bytes:
        try:
            inode = self.find(path)
            if access.exclusive:
                raise FileExistsError(errno.EEXIST, "File exists", path)
        except FileNotFoundError:
            if not access.create or path.endswith("/"):
                raise
            parent, name = self.parent(path)
            inode = parent.entries[name] = Inode(FileType.FILE, access.mode)
        if inode.kind is FileType.DIRECTORY:
            if access.write:
                raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
            return Bytes(Inode(FileType.FILE))
        if access.truncate:
            del inode.data[:]
        return Bytes(inode)

    def status(self, path: str, follow: bool) -> Status | None:
        try:
            inode = self.find(path, follow)
        except OSError:
            return None
        size = len(inode.data) or int(inode.kind is FileType.DIRECTORY)
        return Status(inode.kind, inode.mode, 0, 0, size, inode.mtime, id(inode))

    def names(self, path: str) -> Sequence[str]:
        inode = self.find(path)
        if inode.kind is not FileType.DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        return list(inode.entries)

    def real_path(self, path: str) -> str:
        return "/".join(self._walk(path, True)[1]) or "/"


type Main = Callable[[Machine, Memory, Sequence[str]], int]


def _cat(machine: Machine, memory: Memory, argv: Sequence[str]) -> int:
    status = 0
    for name in argv[1:] or ["-"]:
        if name == "-":
            data = read_all(machine.stream(0))
        else:
            try:
                data = bytes(memory.find(machine.path(name)).data)
            except OSError:
                status = 1
                continue
        machine.stream(1).write(data)
    return status


def _rm(machine: Machine, memory: Memory, argv: Sequence[str]) -> int:
    status = 0
    for name in argv[1:]:
        if name.startswith("-"):
            continue
        try:
            parent, last = memory.parent(machine.path(name))
            del parent.entries[last]
        except OSError, KeyError:
            status = 0 if "-f" in argv else 1
    return status


def _mkdir(machine: Machine, memory: Memory, argv: Sequence[str]) -> int:
    for name in argv[1:]:
        parent, last = memory.parent(machine.path(name))
        if last in parent.entries:
            return 1
        parent.entries[last] = Inode(FileType.DIRECTORY, 0o777 & ~machine.umask)
    return 0


def _ln(machine: Machine, memory: Memory, argv: Sequence[str]) -> int:
    """`ln -s TARGET NAME`."""
    parent, last = memory.parent(machine.path(argv[3]))
    parent.entries[last] = Inode(FileType.SYMLINK, 0o777, target=argv[2])
    return 0


def _env(machine: Machine, memory: Memory, argv: Sequence[str]) -> int:
    """Shows the exported variables whose names begin with X."""
    for name, value in machine.environment().items():
        if name.startswith("X"):
            machine.write(f"{name}={value}\n")
    return 0


def _args(machine: Machine, memory: Memory, argv: Sequence[str]) -> int:
    """Shows its arguments, each in brackets."""
    machine.write("".join(f"[{argument}]" for argument in argv[1:]) + "\n")
    return 0


PROGRAMS: dict[str, Main] = {
    "args": _args,
    "cat": _cat,
    "env_x": _env,
    "ln": _ln,
    "mkdir": _mkdir,
    "rm": _rm,
}

# The same for a real shell: these are found in a folder of PATH.
SCRIPTS = {
    "args": '#!/bin/sh\nfor i do printf "[%s]" "$i"; done\necho\n',
    "env_x": "#!/bin/sh\nenv | LC_ALL=C sort | grep '^X'\nexit 0\n",
}


@dataclass(frozen=True)
class Outcome:
    """What a script did."""

    stdout: bytes
    status: int
    files: dict[str, str]


def interpret(script: bytes, arguments: Sequence[str] = (), limits: Limits | None = None) -> Outcome:
    """Runs a script by the machine, in an empty tree of which /work is the directory."""
    memory = Memory()
    memory.root.entries["work"] = Inode(FileType.DIRECTORY, 0o755)

    def programs(_machine: Machine, name: str) -> Callable[[Machine, Sequence[str]], int] | None:
        main = PROGRAMS.get(name)
        return None if main is None else lambda machine, argv: main(machine, memory, argv)

    machine = shells.shell(
        memory,
        programs,
        variables={"PATH": "/bin", "HOME": "/nonexistent/me", "LC_ALL": "C"},
        directory="/work",
        limits=limits,
        stdin=Source(b"one\ntwo words\nthree\n"),
    )
    status = shells.run(machine, script, "script", arguments)
    return Outcome(shells.output(machine, 1), status, dict(_snapshot(memory.root.entries["work"], "")))


def complaints(script: bytes) -> bytes:
    """Returns what a script writes to descriptor 2."""
    memory = Memory()
    memory.root.entries["work"] = Inode(FileType.DIRECTORY, 0o755)
    machine = shells.shell(memory, lambda _machine, _name: None, variables={}, directory="/work")
    shells.run(machine, script, "script")
    return shells.output(machine, 2)


def _snapshot(folder: Inode, prefix: str) -> list[tuple[str, str]]:
    result = []
    for name, inode in sorted(folder.entries.items()):
        if inode.kind is FileType.DIRECTORY:
            result.append((prefix + name, "dir"))
            result += _snapshot(inode, f"{prefix}{name}/")
        elif inode.kind is FileType.SYMLINK:
            result.append((prefix + name, "link " + inode.target))
        else:
            result.append((prefix + name, f"{inode.mode:o} {bytes(inode.data)!r}"))
    return result


def snapshot_of_host(folder: str) -> dict[str, str]:
    """Returns the same of a real folder."""
    result = {}
    for where, folders, names in Path(folder).walk():
        for path in (where / name for name in folders + names):
            key = str(path.relative_to(folder))
            if path.is_symlink():
                result[key] = f"link {path.readlink()}"
            elif path.is_dir():
                result[key] = "dir"
            else:
                mode = path.stat().st_mode & 0o7777
                path.chmod(0o600)  # who is not root reads no file of mode 0
                result[key] = f"{mode:o} {path.read_bytes()!r}"
    return dict(sorted(result.items()))
