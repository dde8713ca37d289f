"""Names without links, dots and doubled slashes, as realpath(1) and readlink(1) make them."""

import errno
from enum import Enum

from tools.sysimage.commands.tree_files import TreeFiles, failure
from tools.sysimage.core.tree import Kind

_MAX_LINKS = 40


class Mode(Enum):
    """What has to be there: all, all but the last component, or nothing."""

    EXISTING = "e"
    LAST_MISSING = "f"
    MISSING = "m"


def canonicalize(files: TreeFiles, path: str, mode: Mode, *, links: bool = True) -> str:
    """Returns an absolute path's canonical name; without `links`, they stay. Raises OSError."""
    todo = [part for part in reversed(path.split("/")) if part]
    done: list[str] = []
    count = 0
    slash = path.endswith("/")
    if not path:
        raise failure(errno.ENOENT, path)
    while todo:
        part = todo.pop()
        where = "/".join(done)
        above = files.find(f"/{where}") if mode is not Mode.MISSING or not links else files.tree.get(where)
        if mode is not Mode.MISSING and above is not None and above.kind is not Kind.DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        if part == ".":
            continue
        if part == "..":
            del done[-1:]
            continue
        done.append(part)
        inode = files.tree.get("/".join(done)) if links else files.find("/" + "/".join(done), follow=False)
        if links and inode is not None and inode.kind is Kind.SYMLINK:
            count += 1
            if count > _MAX_LINKS:
                if mode is Mode.MISSING:
                    continue
                raise failure(errno.ELOOP, path)
            done.pop()
            if inode.target.startswith("/"):
                done.clear()
            slash = slash or (not todo and inode.target.endswith("/"))
            todo.extend(name for name in reversed(inode.target.split("/")) if name)
            continue
        if inode is None and (mode is Mode.EXISTING or (mode is Mode.LAST_MISSING and todo)):
            raise failure(errno.ENOENT, path)
    last = files.tree.get("/".join(done)) if links else files.find("/" + "/".join(done))
    if slash and mode is not Mode.MISSING and last is not None and last.kind is not Kind.DIRECTORY:
        raise failure(errno.ENOTDIR, path)
    return "/" + "/".join(done)


def relative(path: str, folder: str) -> str:
    """Returns the name of a canonical path as seen from a canonical folder."""
    parts, start = [part for part in path.split("/") if part], [part for part in folder.split("/") if part]
    common = 0
    while common < min(len(parts), len(start)) and parts[common] == start[common]:
        common += 1
    return "/".join([".."] * (len(start) - common) + parts[common:]) or "."
