"""ucf(1) and ucfr(1): configuration files that scripts install, and ucf's records of them.

`record` and `register` keep the records; `ucf` is what a first installation does, where there is no older
version and nobody has changed anything.
"""

import hashlib
from collections.abc import Callable

from tools.sysimage.core.tree import Inode, Kind, file
from tools.sysimage.effects.files import copy
from tools.sysimage.effects.root import Root

_STATE = "var/lib/ucf"
_CACHED = 25_600  # bytes: a larger version is kept for a merge alone
BACKUPS = 8


def names(line: str, path: str) -> bool:
    """Returns whether a line of ucf's records is that of a file."""
    return line.endswith(path) and line[: -len(path)][-1:].isspace()


def digest(inode: Inode) -> str:
    """Returns the MD5 sum by which ucf knows a version."""
    return hashlib.md5(inode.read(), usedforsecurity=False).hexdigest()


def cached(path: str, state: str = _STATE) -> str:
    """Returns where ucf keeps the version of a file that its package has shipped."""
    return f"{state}/cache/{path.replace('/', ':')}"


def duplicate(root: Root, inode: Inode, path: str, who: str, *, preserve: bool) -> None:
    """cp(1), with -p under `preserve`: over a file that is there, or as a new one."""
    path = root.tree.resolve(path)
    there = root.tree.get(path)
    data = inode.read()
    if there is None:
        mode = inode.mode if preserve else inode.mode & 0o755
        owner = (inode.uid, inode.gid) if preserve else (0, 0)
        there = file(data, mode, *owner, origin=who)
        root.tree.put(path, there)
        return
    there.content = file(data, 0o644).content
    if preserve:
        there.mode, there.uid, there.gid = inode.mode, inode.uid, inode.gid


def back_up(root: Root, who: str, name: str, *, preserve: bool, count: int = BACKUPS) -> None:
    """Keeps the last versions of a file of records, as NAME.0 to NAME.7, or fewer."""
    for number in range(count - 2, -2, -1):
        old = root.tree.find(name if number < 0 else f"{name}.{number}")
        if old is not None and old.kind is Kind.FILE:
            duplicate(root, old, f"{name}.{number + 1}", who, preserve=preserve)


def change(root: Root, who: str, name: str, path: str, line: str) -> None:
    """Replaces a file's line in a file of records, at the end; "" takes it out."""
    lines = [other for other in root.text(name).splitlines() if not names(other, path)]
    text = "".join(f"{other}\n" for other in [*lines, *([line] if line else [])])
    target = root.tree.resolve(name)
    root.tree.add(target, file(text.encode("utf-8", "surrogateescape"), 0o644, origin=who))


def record(
    root: Root, who: str, *, inode: Inode, path: str, state: str = _STATE, merges: bool = False
) -> None:
    """Records the version of a file that a package ships; `path` begins with a slash."""
    change(root, who, f"{state}/hashfile", path, f"{digest(inode)}  {path}")
    if merges or len(inode.read()) < _CACHED:
        root.tree.make_parents(cached(path, state), who)
        duplicate(root, inode, cached(path, state), who, preserve=True)


def register(root: Root, who: str, *, path: str, package: str, state: str = _STATE) -> None:
    """Records a file as a package's; `path` begins with a slash."""
    change(root, who, f"{state}/registry", path, f"{package} \t {path}")


def ucf(root: Root, who: str, *, source: str, to: str, package: str = "") -> None:
    """Copies `source` to `to` unless something is there, and records it as a file of `package`."""
    inode = root.need(source, who)
    copy(root, who, source=source, to=to)
    _once(root, "hashfile", f"/{to}", lambda: record(root, who, inode=inode, path=f"/{to}"))
    _once(root, "registry", f"/{to}", lambda: register(root, who, path=f"/{to}", package=package or who))


def _once(root: Root, name: str, path: str, action: Callable[[], None]) -> None:
    if not any(names(line, path) for line in root.text(f"{_STATE}/{name}").splitlines()):
        action()
